package emulator

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// DTSOptions say what the emulated DTS knows and allows.
type DTSOptions struct {
	Credentials []Credential
	PerSecond   int      // polls in any second and region; 0: 20, negative: no limit
	Regions     []string // that exist; nil: all that look like one
	AnyTime     bool     // do not compare timestamps with the clock: for tests whose clock is not their client's
}

func (o *DTSOptions) fill() { o.PerSecond = or(o.PerSecond, 20) }

// actions are what is played of each version.
var actions = map[string]map[string]API{
	"2018-03-30": {"DescribeMigrateCheckJob": DTS, "DescribeMigrateJobs": dtsOld},
	"2021-12-06": {"DescribeMigrationJobs": DTSMigration, "DescribeMigrationDetail": dtsDetail, "DescribeMigrationCheckJob": dtsNewCheck, "DescribeSyncJobs": DTSSync},
}

// calledAPI is the action that r is for; without a known one it counts as a check.
func calledAPI(r *http.Request) API {
	if api := actions[r.Header.Get("X-TC-Version")][r.Header.Get("X-TC-Action")]; api != "" {
		return api
	}
	return DTS
}

// texts are Tencent Cloud's own words for its codes.
var texts = map[string]string{
	"AuthFailure.InvalidAuthorization":  "`Authorization` in the request header does not meet Tencent Cloud's standard.",
	"AuthFailure.SecretIdNotFound":      "The SecretId is not found, please ensure that your SecretId is correct.",
	"AuthFailure.SignatureExpire":       "The signature has expired: the timestamp differs from the server's time by more than 5 minutes.",
	"AuthFailure.SignatureFailure":      "The provided credentials could not be validated. Please check your signature is correct.",
	"AuthFailure.TokenFailure":          "The token in the request is not valid.",
	"FailedOperation.NotAllowOperation": "The operation is not allowed.",
	"InternalError":                     "An internal error has occurred. Retry your request, but if the problem persists, contact us with details by posting a message on the Tencent cloud forums.",
	"InternalError.DatabaseError":       "Access to the database on the migration platform failed.",
	"InternalError.ProtocolError":       "Communication protocol error.",
	"RequestLimitExceeded":              "Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls.",
	"ResourceNotFound.JobNotExist":      "The migration task does not exist.",
	"UnsupportedProtocol":               "The HTTP(S) request protocol is wrong; only GET and POST requests are supported.",
}

func regionOf(r *http.Request) string {
	if region := r.Header.Get("X-TC-Region"); knownRegion(region) {
		return region
	}
	return ""
}

const jsonKind = "application/json"

// dtsError is the error answer of API 3.0.
func dtsError(c *call, code, message string) reply {
	message = or(or(message, texts[code]), "The request failed.")
	inner := object{}.with("Code", code).with("Message", message).json()
	body := `{"Response":{"Error":` + inner + `,"RequestId":"` + c.RequestID + `"}}`
	return reply{verdict: code, kind: jsonKind, body: []byte(body)}
}

// dtsPoll judges a call of DTS. The caller holds mu.
func (e *Emulator) dtsPoll(c *call) reply {
	if code, why := e.checkCommon(c); code != "" {
		return c.refuse(code, why)
	}
	timestamp, err := strconv.ParseInt(c.r.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return c.refuse("InvalidParameter", "The value of the common parameter `Timestamp` is not a number.")
	}
	if code := e.authorize(c, timestamp); code != "" {
		return c.refuse(code, "")
	}
	if most := e.options.DTS.PerSecond; most >= 0 && c.inSecond > most {
		c.Limited = true
		return c.refuse("RequestLimitExceeded", fmt.Sprintf("Your current request times equals to `%d` in a second, which exceeds "+
			"the frequency limit `%d` for a second. Please reduce the frequency of calls.", c.inSecond, most))
	}
	if c.API == DTSMigration || c.API == DTSSync || c.API == dtsOld {
		return e.listJobs(c)
	}
	if code, why := c.readDTS(); code != "" {
		return c.refuse(code, why)
	}
	if c.API != DTS {
		return e.explainJob(c)
	}
	state, fault, found := e.poll(place{DTS, c.Scope, c.ID}, c.At)
	switch {
	case fault != nil && !fault.whole():
		return reply{kind: jsonKind, fault: fault}
	case !found:
		return c.refuse("ResourceNotFound.JobNotExist", "")
	}
	return reply{verdict: "ok", kind: jsonKind, body: []byte(dtsState(state, c.RequestID)), fault: fault}
}

// checkCommon checks what all calls of API 3.0 have in common, and gives the code that refuses it.
func (e *Emulator) checkCommon(c *call) (code, why string) {
	h := c.r.Header
	if c.r.Method != http.MethodPost {
		return "UnsupportedProtocol", "This action is called with POST here."
	}
	if c.r.URL.Path != "/" || c.r.URL.RawQuery != "" {
		return "InvalidParameter", "Url key and value not valid."
	}
	if len(c.body) > maxBody {
		return "RequestSizeLimitExceeded", "The request is too large."
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != jsonKind {
		return "InvalidParameter", "The Content-Type of a POST is application/json."
	}
	for _, name := range []string{"Action", "Version", "Timestamp", "Region"} {
		if h.Get("X-TC-"+name) == "" {
			return "MissingParameter", "The request is missing a required parameter `" + name + "`."
		}
	}
	if h.Get("Authorization") == "" {
		return "MissingParameter", "The request is missing a required parameter `Authorization`."
	}
	version := h.Get("X-TC-Version")
	known := actions[version]
	if known == nil {
		return "NoSuchVersion", fmt.Sprintf("The version %q of the API does not exist.", version)
	}
	if a := h.Get("X-TC-Action"); known[a] == "" {
		return "InvalidAction", fmt.Sprintf("The action %q is invalid or not found in version %s.", a, version)
	}
	return e.checkRegion(c)
}

// checkRegion refuses regions that do not exist, or not at the host the request came to: financial
// regions have hosts of their own.
func (e *Emulator) checkRegion(c *call) (code, why string) {
	region := c.r.Header.Get("X-TC-Region")
	known := knownRegion(region) && (e.options.DTS.Regions == nil || slices.Contains(e.options.DTS.Regions, region))
	host, _, _ := strings.Cut(c.r.Host, ":")
	if middle, official := strings.CutSuffix(host, "tencentcloudapi.com"); official {
		switch middle {
		case "dts.", "dts.intl.":
			known = known && !strings.HasSuffix(region, "-fsi")
		default:
			known = known && middle == "dts."+region+"."
		}
	}
	if !known {
		return "UnsupportedRegion", fmt.Sprintf("The region %q is not supported here.", region)
	}
	return "", ""
}

// readDTS reads the job from the body, or gives the code that refuses it.
func (c *call) readDTS() (code, why string) {
	fields, err := readObject(c.body)
	if err != nil {
		return "InvalidParameter", "The request body is not a JSON object."
	}
	for name := range fields {
		if name != "JobId" {
			return "UnknownParameter", fmt.Sprintf("The parameter %q is not recognized.", name)
		}
	}
	raw, ok := fields["JobId"]
	if !ok {
		return "MissingParameter", "The request is missing a required parameter `JobId`."
	}
	id, ok := text(raw)
	if !ok || id == "" {
		return "InvalidParameter", "The value of the parameter `JobId` is not a string with something in it."
	}
	if idPattern.MatchString(id) {
		c.ID = id // others name no job, and the log stays small
	}
	return "", ""
}

func dtsState(s State, requestID string) string {
	progress, flag, message := s.Percent, 3, s.Message
	if s.Status == "finished" {
		progress, flag = or(progress, "100"), 1
		own := slices.ContainsFunc(s.Set, func(f Field) bool { return f.Name == "CheckFlag" || f.Name == "ErrorCode" })
		if !own {
			message = or(message, "ok")
		}
	}
	o := object{}.with("CheckFlag", flag).with("ErrorCode", 0).with("ErrorMessage", message).with("Progress", progress)
	o = o.with("RequestId", requestID).with("Status", s.Status).set(s.Set)
	return object{{"Response", o.json()}}.json()
}

package wechat

import (
	"strconv"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// meaning is what to do about an errcode.
type meaning struct {
	kind   job.Kind
	wait   time.Duration
	cause  string // said where errmsg is empty, and beside it where a person has to mend something
	narrow bool   // it concerns the environment of this job alone
}

const (
	calmDown = time.Minute // after 45011, and after a quota of the environment

	causeIP = "register this IP address on the platform's allow list"
)

// errcodes are the documented codes of getMigrationState and of the token endpoint.
var errcodes = map[int64]meaning{
	-1:      {kind: job.Transient, cause: "the system is busy"},
	-1000:   {kind: job.Transient, cause: "the system is busy"},
	-501001: {kind: job.Transient, cause: "the cloud environment's system failed"},
	-501002: {kind: job.Transient, cause: "the cloud environment's server failed"},
	-601001: {kind: job.Transient, cause: "the cloud environment's system failed"},
	-601003: {kind: job.Transient, cause: "the cloud environment's service failed"},

	40001: {kind: job.Credentials, cause: "the access token is not valid"},
	40014: {kind: job.Credentials, cause: "the access token is not valid"},
	42001: {kind: job.Credentials, cause: "the access token has expired"},
	41001: {kind: job.Credentials, cause: "no access token was sent"},
	61005: {kind: job.Credentials, cause: "the verify ticket has expired"},
	61006: {kind: job.Credentials, cause: "the verify ticket is not valid"},
	61011: {kind: job.Credentials, cause: "the component appid is not valid"},
	40013: {kind: job.Credentials, cause: "the appid is not valid"},
	40125: {kind: job.Credentials, cause: "the appsecret is not valid"},
	41004: {kind: job.Credentials, cause: "no appsecret was sent"},
	41018: {kind: job.Credentials, cause: "no component appid was sent"},

	40097: {kind: job.Invalid, cause: "an argument is wrong"},
	40101: {kind: job.Invalid, cause: "an argument is missing"},
	47001: {kind: job.Invalid, cause: "the request could not be read"},
	44002: {kind: job.Invalid, cause: "the request was empty"},
	43002: {kind: job.Invalid, cause: "the request was not a POST"},
	40066: {kind: job.Invalid, cause: "the URL is wrong"},

	45009: {kind: job.Quota, cause: "the day's calls are used up"},
	45011: {kind: job.Throttled, wait: calmDown, cause: "too many calls"},

	-501003: {kind: job.Throttled, wait: calmDown, narrow: true, cause: "a quota of the cloud environment is used up"},
	-501004: {kind: job.Throttled, wait: calmDown, narrow: true, cause: "a quota of the cloud environment is used up"},
	-501015: {kind: job.Throttled, wait: calmDown, narrow: true, cause: "a quota of the cloud environment is used up"},
	-501016: {kind: job.Throttled, wait: calmDown, narrow: true, cause: "a quota of the cloud environment is used up"},

	48001: {kind: job.Forbidden, cause: "the platform has not been granted this API"},
	48004: {kind: job.Forbidden, cause: "this API is blocked for the platform"},
	50002: {kind: job.Forbidden, cause: "the account is restricted"},
	61003: {kind: job.Forbidden, cause: "the account has not authorized the platform"},
	61007: {kind: job.Forbidden, cause: "the account has not granted the platform this API"},
	61014: {kind: job.Forbidden, cause: "this API wants the token of a third-party platform"},
	61004: {kind: job.Forbidden, cause: causeIP},
	40164: {kind: job.Forbidden, cause: causeIP},
	45035: {kind: job.Forbidden, cause: causeIP},
	85088: {kind: job.Forbidden, cause: "the app has no cloud development"},
}

// failure translates the errcode and errmsg of a call. secrets are what was sent, in case the text
// quotes it.
func failure(code int64, errmsg string, secrets ...secret.Text) *job.PollError {
	text, requestID := splitRequestID(errmsg)
	e := &job.PollError{
		Code:      strconv.FormatInt(code, 10),
		Message:   cloudapi.Clean(cloudapi.Scrub(text, secrets...), cloudapi.TextLimit),
		RequestID: cloudapi.Clean(cloudapi.Scrub(requestID, secrets...), requestIDLimit),
	}
	m, listed := errcodes[code]
	if !listed {
		e.Kind, e.Unlisted = job.Transient, true
		return e
	}
	e.Kind, e.RetryAfter, e.Narrow = m.kind, m.wait, m.narrow
	switch {
	case e.Message == "":
		e.Message = m.cause
	case m.kind == job.Forbidden:
		e.Message = cloudapi.Clean(e.Message, cloudapi.TextLimit-len(m.cause)-3) + " (" + m.cause + ")"
	}
	return e
}

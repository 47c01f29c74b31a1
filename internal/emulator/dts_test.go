package emulator

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

const checkJob = `
dts ap-shanghai dts-1kl0iy0v
  0s starting
  5s running 10%
  40s finished check=0 code=-1 "The database table you selected does not exist."
dts ap-shanghai-fsi dts-dau5czmd
  0s finished
`

func TestTC3Vectors(t *testing.T) {
	const key, at = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", 1551113065
	tests := []struct{ service, kind, host, payload, want string }{
		{"cvm", "application/json; charset=utf-8", "cvm.tencentcloudapi.com",
			`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
			"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
		{"dts", "application/json", "dts.tencentcloudapi.com", `{"JobId":"dts-dau5czmd"}`,
			"fd56f684a4ba539bf2f0ad7e5a9f672d3915a771d634b3e28a66799a15df79a1"},
	}
	for _, test := range tests {
		headers := map[string]string{"content-type": test.kind, "host": test.host}
		own := tc3{key, test.service, at, []string{"content-type", "host"}, func(n string) string { return headers[n] }, []byte(test.payload)}
		if got := own.sign(); got != test.want {
			t.Errorf("%s: %s, want %s", test.service, got, test.want)
		}
	}
}

const aCheck = `{"JobId":"dts-1kl0iy0v"}`

var (
	temporaryKey = Credential{ID: "AKIDtemporary", Key: "key-of-temporary", Token: "token"}
	endedKey     = Credential{ID: "AKIDended", Key: "key-of-ended", Token: "token", Until: noon}
)

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func spoilSignature(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
	}
}

var dtsRefusals = map[string]struct {
	credential Credential
	body       string
	off        time.Duration
	spoil      func(*http.Request) // after signing
	code       string
}{
	"method":               {spoil: func(r *http.Request) { r.Method = "PUT" }, code: "UnsupportedProtocol"},
	"query":                {spoil: func(r *http.Request) { r.URL.RawQuery = "Action=x" }, code: "InvalidParameter"},
	"path":                 {spoil: func(r *http.Request) { r.URL.Path = "/dts" }, code: "InvalidParameter"},
	"content type":         {spoil: setHeader("Content-Type", "text/plain"), code: "InvalidParameter"},
	"no action":            {spoil: setHeader("X-TC-Action", ""), code: "MissingParameter"},
	"no version":           {spoil: setHeader("X-TC-Version", ""), code: "MissingParameter"},
	"no timestamp":         {spoil: setHeader("X-TC-Timestamp", ""), code: "MissingParameter"},
	"no region":            {spoil: setHeader("X-TC-Region", ""), code: "MissingParameter"},
	"no authorization":     {spoil: setHeader("Authorization", ""), code: "MissingParameter"},
	"action":               {spoil: setHeader("X-TC-Action", "DescribeMigrateJob"), code: "InvalidAction"},
	"version":              {spoil: setHeader("X-TC-Version", "2021-12-07"), code: "NoSuchVersion"},
	"action elsewhere":     {spoil: setHeader("X-TC-Version", "2021-12-06"), code: "InvalidAction"},
	"region":               {spoil: setHeader("X-TC-Region", "shanghai"), code: "UnsupportedRegion"},
	"timestamp no number":  {spoil: setHeader("X-TC-Timestamp", "now"), code: "InvalidParameter"},
	"too late":             {off: -5*time.Minute - time.Second, code: "AuthFailure.SignatureExpire"},
	"too early":            {off: 5*time.Minute + time.Second, code: "AuthFailure.SignatureExpire"},
	"just in time":         {off: 5 * time.Minute},
	"another algorithm":    {spoil: spoilSignature("TC3-", "TC4-"), code: "AuthFailure.InvalidAuthorization"},
	"host not signed":      {spoil: spoilSignature(";host", ""), code: "AuthFailure.InvalidAuthorization"},
	"signed out of order":  {spoil: spoilSignature("content-type;host", "host;content-type"), code: "AuthFailure.InvalidAuthorization"},
	"short scope":          {spoil: spoilSignature("/tc3_request", ""), code: "AuthFailure.InvalidAuthorization"},
	"more signed than was": {spoil: spoilSignature("content-type;host", "content-type;host;x-tc-action"), code: "AuthFailure.SignatureFailure"},
	"another service":      {spoil: spoilSignature("/dts/", "/cvm/"), code: "AuthFailure.SignatureFailure"},
	"another date":         {spoil: spoilSignature("2025-11-22", "2025-11-21"), code: "AuthFailure.SignatureFailure"},
	"another host":         {spoil: func(r *http.Request) { r.Host = "127.0.0.1" }, code: "AuthFailure.SignatureFailure"},
	"another type":         {spoil: setHeader("Content-Type", "application/json; charset=utf-8"), code: "AuthFailure.SignatureFailure"},
	"unknown key":          {credential: Credential{ID: "AKIDnobody", Key: "k"}, code: "AuthFailure.SecretIdNotFound"},
	"wrong key":            {credential: Credential{ID: permanent.ID, Key: "k"}, code: "AuthFailure.SignatureFailure"},
	"temporary":            {credential: temporaryKey},
	"without its token":    {credential: temporaryKey, spoil: func(r *http.Request) { r.Header.Del("X-TC-Token") }, code: "AuthFailure.TokenFailure"},
	"with another token":   {credential: temporaryKey, spoil: setHeader("X-TC-Token", "t"), code: "AuthFailure.TokenFailure"},
	"token too many":       {spoil: setHeader("X-TC-Token", "t"), code: "AuthFailure.TokenFailure"},
	"ended":                {credential: endedKey, code: "AuthFailure.TokenFailure"},
	"not JSON":             {body: "JobId=dts-1", code: "InvalidParameter"},
	"no job":               {body: "{}", code: "MissingParameter"},
	"wrong case":           {body: `{"JobID":"dts-1kl0iy0v"}`, code: "UnknownParameter"},
	"more parameters":      {body: `{"JobId":"dts-1kl0iy0v","Limit":1}`, code: "UnknownParameter"},
	"job a number":         {body: `{"JobId":1}`, code: "InvalidParameter"},
	"job null":             {body: `{"JobId":null}`, code: "InvalidParameter"},
	"job empty":            {body: `{"JobId":""}`, code: "InvalidParameter"},
	"unknown job":          {body: `{"JobId":"dts-2"}`, code: "ResourceNotFound.JobNotExist"},
	"job of elsewhere":     {body: `{"JobId":"dts-dau5czmd"}`, code: "ResourceNotFound.JobNotExist"},
	"not a job's name":     {body: `{"JobId":"../x"}`, code: "ResourceNotFound.JobNotExist"},
	"too large":            {body: aCheck + strings.Repeat(" ", maxBody), code: "RequestSizeLimitExceeded"},
	"right":                {},
}

func TestDTSRefusals(t *testing.T) {
	e, server, _ := begin(t, Options{
		Script: script(t, checkJob),
		DTS:    DTSOptions{Credentials: []Credential{permanent, temporaryKey, endedKey}, PerSecond: -1},
	})
	for name, test := range dtsRefusals {
		t.Run(name, func(t *testing.T) {
			e.Forget()
			body, by := or(test.body, aCheck), or(test.credential, permanent)
			req := dtsRequest(t, server.URL, by, "ap-shanghai", body, noon.Add(test.off))
			if test.spoil != nil {
				test.spoil(req)
			}
			got := do(t, req)
			if got.status != 200 || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("status %d, %s", got.status, got.header.Get("Content-Type"))
			}
			log := e.Arrivals()
			if len(log) != 1 || log[0].Verdict != or(test.code, "ok") {
				t.Fatalf("the log says %+v", log)
			}
			if test.code == "" {
				wants(t, got, `"Status":"starting"`)
			} else {
				wants(t, got, `{"Response":{"Error":{"Code":"`+test.code+`","Message":"`)
			}
			wants(t, got, `"RequestId":"`+log[0].RequestID+`"`)
		})
	}
}

func TestDTSHosts(t *testing.T) {
	_, server, _ := begin(t, Options{Script: script(t, checkJob), DTS: DTSOptions{Credentials: []Credential{permanent}}})
	for host, regions := range map[string]map[string]bool{
		"dts.tencentcloudapi.com":                 {"ap-shanghai": true, "ap-shanghai-fsi": false},
		"dts.intl.tencentcloudapi.com":            {"ap-shanghai": true, "ap-shanghai-fsi": false},
		"dts.ap-shanghai.tencentcloudapi.com":     {"ap-shanghai": true, "ap-shanghai-fsi": false},
		"dts.ap-shanghai-fsi.tencentcloudapi.com": {"ap-shanghai": false, "ap-shanghai-fsi": true},
		"cvm.tencentcloudapi.com":                 {"ap-shanghai": false},
		"proxy.example:8080":                      {"ap-shanghai": true, "ap-shanghai-fsi": true},
	} {
		for region, known := range regions {
			req := dtsRequest(t, server.URL, permanent, region, `{"JobId":"dts-1kl0iy0v"}`, noon)
			req.Host = host
			signRequest(req, permanent, `{"JobId":"dts-1kl0iy0v"}`)
			if got := do(t, req); strings.Contains(got.body, "UnsupportedRegion") == known {
				t.Errorf("%s at %s: %s", region, host, got.body)
			}
		}
	}
}

func TestDTSStory(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, checkJob+"  1m finished check=\"1\" code=null Progress=none Status=\"odd\"\n"),
		DTS: DTSOptions{Credentials: []Credential{permanent}}})
	id := regexp.MustCompile(`"RequestId":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"`)
	for _, step := range []struct {
		pass              time.Duration
		region, job, want string
	}{
		{0, "ap-shanghai", "dts-1kl0iy0v", `{"Response":{"CheckFlag":3,"ErrorCode":0,"ErrorMessage":"","Progress":"",ID,"Status":"starting"}}`},
		{5 * time.Second, "ap-shanghai", "dts-1kl0iy0v", `{"Response":{"CheckFlag":3,"ErrorCode":0,"ErrorMessage":"","Progress":"10",ID,"Status":"running"}}`},
		{35 * time.Second, "ap-shanghai", "dts-1kl0iy0v", `{"Response":{"CheckFlag":0,"ErrorCode":-1,"ErrorMessage":"The database table you selected does not exist.","Progress":"100",ID,"Status":"finished"}}`},
		{0, "ap-shanghai-fsi", "dts-dau5czmd", `{"Response":{"CheckFlag":1,"ErrorCode":0,"ErrorMessage":"ok","Progress":"100",ID,"Status":"finished"}}`},
		{time.Minute, "ap-shanghai-fsi", "dts-dau5czmd", `{"Response":{"CheckFlag":"1","ErrorCode":null,"ErrorMessage":"",ID,"Status":"odd"}}`},
	} {
		clock.pass(step.pass)
		got := id.ReplaceAllString(askDTS(t, server, step.region, step.job, clock.Now()).body, "ID")
		if got != step.want {
			t.Errorf("got  %s\nwant %s", got, step.want)
		}
	}
	if log := e.Arrivals(); log[0].Credential != permanent.Fingerprint() || log[0].Scope != "ap-shanghai" || log[0].ID != "dts-1kl0iy0v" {
		t.Errorf("the log says %+v", log[0])
	}
}

func TestDTSLimit(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, "dts ap-shanghai dts-%d x 100\ndts ap-beijing dts-1\n"),
		DTS: DTSOptions{Credentials: []Credential{permanent}}})
	ask := func(i int) answer { return askDTS(t, server, "ap-shanghai", fmt.Sprintf("dts-%d", i), clock.Now()) }
	for i := range 20 {
		wants(t, ask(i+1), "unavailable")
		clock.pass(49 * time.Millisecond)
	}
	wants(t, ask(21), "RequestLimitExceeded", "equals to `21` in a second")
	wants(t, askDTS(t, server, "ap-beijing", "dts-1", clock.Now()), "unavailable")
	clock.pass(19 * time.Millisecond)
	wants(t, ask(22), "RequestLimitExceeded")
	clock.pass(50 * time.Millisecond) // of the first twenty, eighteen are less than a second old; two refused ones count too
	wants(t, ask(23), "RequestLimitExceeded")
	clock.pass(time.Second)
	wants(t, ask(24), "unavailable")
	if e.Refused(DTS) != 3 || e.Peak(DTS, "ap-shanghai") != 22 || e.Peak(DTS, "ap-beijing") != 1 || e.Peak(DTS, "") != 22 {
		t.Errorf("refused %d, peaks %d, %d", e.Refused(DTS), e.Peak(DTS, "ap-shanghai"), e.Peak(DTS, "ap-beijing"))
	}
	if n := e.Polls(DTS, "ap-shanghai", "dts-21"); n != 0 {
		t.Errorf("a refused poll counts as %d", n)
	}
}

func TestCredentialsRotate(t *testing.T) {
	e, server, _ := begin(t, Options{Script: script(t, checkJob), DTS: DTSOptions{Credentials: []Credential{permanent}}})
	next := Credential{ID: "AKIDnext", Key: "key-of-next", Token: "token-of-next"}
	ask := func(c Credential) answer {
		return do(t, dtsRequest(t, server.URL, c, "ap-shanghai", `{"JobId":"dts-1kl0iy0v"}`, noon))
	}
	wants(t, ask(next), "AuthFailure.SecretIdNotFound")
	e.AddCredential(next)
	wants(t, ask(next), "starting")
	wants(t, ask(permanent), "starting")
	e.SetCredentials(next)
	wants(t, ask(permanent), "AuthFailure.SecretIdNotFound")
	wants(t, ask(next), "starting")
	all := strings.Join(e.Secrets(), "\n")
	for _, s := range []string{permanent.Key, next.Key, next.Token} {
		if !strings.Contains(all, s) {
			t.Errorf("%s is not among the secrets", s)
		}
	}
}

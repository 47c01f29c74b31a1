package functions_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"migwatch/internal/emulator"
	"migwatch/internal/poller"
	"migwatch/internal/scf/scftest"
)

// TestEventShapes sends what gateways, function URLs and people's own tools send.
func TestEventShapes(t *testing.T) {
	t.Parallel()
	r := newRig(t, "dts ap-beijing dts-1\n  0s running 10%\n")
	r.watch("dts/ap-beijing/dts-1")
	body := base64.StdEncoding.EncodeToString([]byte(`{"label":"数据"}`))
	auth := `"headers":{"authorization":"Bearer ` + adminKey + `"}`
	for name, test := range map[string]struct {
		event  string
		status int
		body   string
	}{
		"function URL":        {`{"body":"","headers":{"authorization":"Bearer ` + readKey + `"},"httpMethod":"GET","path":"/v1/jobs","queryString":{"limit":"1"}}`, 200, `"items":[{`},
		"gateway":             {`{"requestContext":{"serviceId":"service-f94sy04v","path":"/test/{path}","httpMethod":"GET","requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","identity":{"secretId":"abdcdxxxxxxxsdfs"},"sourceIp":"14.17.22.34","stage":"release"},"headers":{"Authorization":"Bearer ` + readKey + `","Accept":["application/json","*/*"]},"body":"","pathParameters":{"path":"value"},"queryStringParameters":{},"headerParameters":{},"stageVariables":{"stage":"release"},"path":"/release/v1/jobs","queryString":{"limit":1,"phase":["pending","running"],"bar":true,"none":null},"httpMethod":"GET"}`, 200, `"items":[{`},
		"headers of lists":    {`{"headers":{"Authorization":["Bearer ` + readKey + `"]},"httpMethod":"get","path":"/v1/summary"}`, 200, `"watched":1`},
		"base64 body":         {`{` + auth + `,"httpMethod":"PUT","path":"/v1/jobs/dts/ap-beijing/dts-1","isBase64Encoded":true,"body":"` + body + `"}`, 200, `"label":"数据"`},
		"object body":         {`{` + auth + `,"httpMethod":"PUT","path":"/v1/jobs/dts/ap-beijing/dts-1","body":{"label":"x"}}`, 200, `"label":"x"`},
		"no key":              {`{"httpMethod":"GET","path":"/v1/jobs"}`, 401, `"code":"unauthorized"`},
		"read key writes":     {`{"headers":{"authorization":"Bearer ` + readKey + `"},"httpMethod":"DELETE","path":"/v1/jobs/dts/ap-beijing/dts-1"}`, 403, `"code":"forbidden"`},
		"unknown job":         {`{` + auth + `,"httpMethod":"GET","path":"/v1/jobs/dts/ap-beijing/dts-2"}`, 404, `"code":"job_not_found"`},
		"bad limit":           {`{` + auth + `,"httpMethod":"GET","path":"/v1/jobs","queryString":{"limit":true}}`, 422, `"code":"invalid_request"`},
		"bad cursor":          {`{` + auth + `,"httpMethod":"GET","path":"/v1/jobs","queryString":{"cursor":"x"}}`, 422, `"code":"invalid_request"`},
		"no path":             {`{` + auth + `}`, 0, ""},
		"not an event":        {`[1,2]`, 400, `"code":"`},
		"not JSON":            {`{"httpMethod":`, 400, `"code":"`},
		"nothing":             {``, 400, `"code":"`},
		"health needs no key": {`{"httpMethod":"GET","path":"/healthz"}`, 200, `"ok"`},
		"ready":               {`{"httpMethod":"GET","path":"/readyz"}`, 200, `"ready"`},
		"OpenAPI":             {`{"httpMethod":"GET","path":"/openapi.json"}`, 200, `"openapi":"3.1`},
	} {
		out := r.send([]byte(test.event))
		if test.status != 0 && (out.StatusCode != test.status || !strings.Contains(out.Body, test.body)) {
			t.Errorf("%s: %d %.300s, want %d with %s", name, out.StatusCode, out.Body, test.status, test.body)
		}
		if out.StatusCode >= 400 && out.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s: content type %q", name, out.Headers["Content-Type"])
		}
	}
}

// TestTimerEvents: whatever a timer or a person sends, the tick is due.
func TestTimerEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, "dts ap-beijing dts-1\n  0s running 10%\n")
	r.watch("dts/ap-beijing/dts-1")
	for i, event := range []string{timerEvent, timerEvent, `{}`, ``, `null`, `{"Type":7}`} {
		answer, err := r.poll.Invoke([]byte(event), r.env, time.Now().Add(10*time.Second), "req")
		if err != nil {
			t.Fatalf("%q: %v", event, err)
		}
		var report map[string]int64
		if err := json.Unmarshal(answer, &report); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int64{true: 1, false: 0}[i == 0]; report["recorded"] != want {
			t.Errorf("event %d: %s", i, answer)
		}
		for _, name := range []string{"claimed", "recorded", "changed", "failed", "released", "lost", "notified", "due", "elapsed_ms"} {
			if _, ok := report[name]; !ok {
				t.Errorf("the report lacks %s: %s", name, answer)
			}
		}
	}
}

// TestCredentialsAreNeverKept: they change between invocations, and one without any has none.
func TestCredentialsAreNeverKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, "dts ap-beijing dts-1\n  0s running 10%\n")
	const key = "dts/ap-beijing/dts-1"
	r.watch(key)
	r.tick(10 * time.Second)
	all := r.env
	r.env = r.with(map[string]string{"TENCENTCLOUD_SECRETID": "", "TENCENTCLOUD_SECRETKEY": "", "TENCENTCLOUD_SESSIONTOKEN": ""})
	r.again(key)
	r.wants(key, readKey, map[string]string{"polling.last_error.kind": `"credentials"`})
	rotated := credential
	rotated.ID, rotated.Token = "AKIDrotated", "rotated-session-token"
	r.up.SetCredentials(rotated)
	r.env = r.with(map[string]string{"TENCENTCLOUD_SECRET_ID": rotated.ID, "TENCENTCLOUD_SECRET_KEY": rotated.Key, "TENCENTCLOUD_TOKEN": rotated.Token})
	r.again(key)
	r.wants(key, readKey, map[string]string{"polling.failures": `0`})
	r.env = all
	r.again(key)
	r.wants(key, readKey, map[string]string{"polling.last_error.kind": `"credentials"`})
}

// TestWrongDeployments: each gives one clear sentence that names the setting and the remedy, in the log
// and in the HTTP answer, and loses nothing.
func TestWrongDeployments(t *testing.T) {
	t.Parallel()
	r := newRig(t, "dts ap-beijing dts-1\n  0s running 10%\n")
	r.watch("dts/ap-beijing/dts-1")
	right := r.env
	unmigrated := "sqlite:" + filepath.Join(t.TempDir(), "empty.db")
	for name, test := range map[string]struct {
		change map[string]string
		says   string
	}{
		"no database":         {map[string]string{"TENCENTCLOUD_RUNENV": "SCF", "MIGWATCH_DATABASE_URL": ""}, "MIGWATCH_DATABASE_URL"},
		"unresolved":          {map[string]string{"MIGWATCH_DATABASE_URL": "undefined"}, "MIGWATCH_DATABASE_URL"},
		"SQLite that is lost": {map[string]string{"TENCENTCLOUD_RUNENV": "SCF", "MIGWATCH_DATABASE_URL": "sqlite:/tmp/x.db"}, "MIGWATCH_DATABASE_URL"},
		"wrong scheme":        {map[string]string{"MIGWATCH_DATABASE_URL": "oracle://u:canary-password@h/db"}, "MIGWATCH_DATABASE_URL"},
		"unmigrated":          {map[string]string{"MIGWATCH_DATABASE_URL": unmigrated}, "migwatch migrate"},
		"nobody listens":      {map[string]string{"MIGWATCH_DATABASE_URL": "mysql://u:canary-password@127.0.0.1:1/db"}, "MIGWATCH_DATABASE_URL"},
		"short key":           {map[string]string{"MIGWATCH_ADMIN_KEYS": "short"}, "MIGWATCH_ADMIN_KEYS"},
		"bad encryption key":  {map[string]string{"MIGWATCH_ENCRYPTION_KEYS": "Y2FuYXJ5"}, "MIGWATCH_ENCRYPTION_KEYS"},
		"bad rate":            {map[string]string{"MIGWATCH_DTS_RATE": "many"}, "MIGWATCH_DTS_RATE"},
		"bad lease":           {map[string]string{"MIGWATCH_POLL_LEASE": "1s"}, "MIGWATCH_POLL_LEASE"},
		"bad URL":             {map[string]string{"MIGWATCH_WECHAT_URL": "api.weixin.qq.com"}, "MIGWATCH_WECHAT_URL"},
		"secret without ID":   {map[string]string{"MIGWATCH_WECHAT_APPSECRET": "canary-app-secret"}, "MIGWATCH_WECHAT_APPID"},
		"no keys":             {map[string]string{"MIGWATCH_ADMIN_KEYS": "", "MIGWATCH_READ_KEYS": ""}, "MIGWATCH_READ_KEYS"},
	} {
		r.env = right
		r.env = r.with(test.change)
		out := r.ask(http.MethodGet, "/v1/jobs", readKey)
		if out.StatusCode != http.StatusServiceUnavailable || !strings.Contains(out.Body, `"code":"not_ready"`) || !strings.Contains(out.Body, test.says) {
			t.Errorf("%s: %d %s", name, out.StatusCode, out.Body)
		}
		if name == "no keys" {
			continue // the poll function needs none
		}
		_, err := r.poll.Invoke([]byte(timerEvent), r.env, time.Now().Add(20*time.Second), "req")
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: poll says %v", name, err)
		}
		for wait := time.Millisecond; !strings.Contains(r.poll.Stdout(), test.says); wait *= 2 { // it comes through a pipe
			if wait > 5*time.Second {
				t.Errorf("%s: poll's log does not say it", name)
				break
			}
			time.Sleep(wait)
		}
	}
	r.env = right
	if report := r.tick(10 * time.Second); report.Recorded != 1 {
		t.Errorf("something was lost: %+v", report)
	}
	r.searchCanaries("canary-password", "canary-app-secret")
}

// TestPingBeforeAnything: functions start with a port and nothing else.
func TestPingBeforeAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"poll", "query"} {
		f := scftest.Start(t, scftest.Build(t, "./functions/"+name), nil)
		if err := f.Ping(); err != nil {
			t.Error(name, err)
		}
		if _, err := f.Invoke([]byte(`{}`), map[string]string{}, time.Now().Add(5*time.Second), "r"); name == "poll" && err == nil {
			t.Error("poll works without a database")
		}
		if err := f.Ping(); err != nil {
			t.Errorf("%s is gone after an invocation without settings: %v", name, err)
		}
	}
}

// TestOverlappingInvocations: the platform repeats a timer's event beside the next one. One process or
// several, together they poll each job once, and each ends before its own deadline.
func TestOverlappingInvocations(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, "dts ap-beijing dts-%d x 40\n  0s running 10%\n", func(o *emulator.Options) { o.Now = time.Now })
	for n := range 40 {
		r.watch("dts/ap-beijing/dts-" + strconv.Itoa(n+1))
	}
	type answer struct {
		report poller.Report
		took   time.Duration
		err    error
	}
	answers := make(chan answer)
	for _, limit := range []time.Duration{8 * time.Second, 20 * time.Second, 20 * time.Second} {
		go func() {
			var a answer
			began := time.Now()
			out, err := r.poll.Invoke([]byte(timerEvent), r.env, began.Add(limit), "req")
			if a.took, a.err = time.Since(began), err; err == nil {
				a.err = json.Unmarshal(out, &a.report)
			}
			if a.took > limit {
				a.err = errors.Join(a.err, errors.New("it outlived its deadline"))
			}
			answers <- a
		}()
	}
	var recorded int64
	for range 3 {
		a := <-answers
		if a.err != nil {
			t.Error(a.err)
		}
		recorded += a.report.Recorded
	}
	if recorded != 40 || r.up.Refused(emulator.DTS) != 0 {
		t.Errorf("%d recorded, %d refused", recorded, r.up.Refused(emulator.DTS))
	}
	for n := range 40 {
		if polls := r.up.Polls(emulator.DTS, "ap-beijing", "dts-"+strconv.Itoa(n+1)); polls != 1 {
			t.Errorf("dts-%d was polled %d times", n+1, polls)
		}
	}
}

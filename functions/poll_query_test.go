package functions_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// documents is what both API pages show as their examples, the English WeChat page's with the comma
// and the brace that it lacks.
const documents = `
dts ap-shanghai dts-1kl0iy0v
  0s body "{\"Response\":{\"CheckFlag\":0,\"ErrorCode\":-1,\"ErrorMessage\":\"The database table you selected does not exist. Please re-select. [The input parameter table cannot be found in the source instance]\",\"Progress\":\"100\",\"RequestId\":\"67b4cfcf-6957-48ae-b7ef-ba33209895e3\",\"Status\":\"finished\"}}"

dts ap-shanghai dts-dau5czmd
  0s body "{\"Response\":{\"CheckFlag\":1,\"ErrorCode\":0,\"ErrorMessage\":\"ok\",\"Progress\":\"100\",\"RequestId\":\"336448b0-2a45-4be4-8356-c245eab5784f\",\"Status\":\"finished\"}}"

wechat test2-4a89da 100071736 export
  0s body "{\"errcode\":0,\"errmsg\":\"ok\",\"status\":\"success\",\"record_success\":3,\"record_fail\":0,\"error_msg\":\"Export completed.\",\"file_url\":\"https://tcb-mongodb-data-1254135806.cos.ap-shanghai.myqcloud.com/x?q-signature=canary-file-signature\"}"

wechat test2-4a89da 100071737 export
  0s body "初始值\n\"errcode\": 0,\n\"errmsg\": \"ok\",\n\"status\": \"success\"\n}"
`

func TestDocumentsExamples(t *testing.T) {
	t.Parallel()
	r := newRig(t, documents)
	const check1, check2, export, broken = "dts/ap-shanghai/dts-1kl0iy0v", "dts/ap-shanghai/dts-dau5czmd", "wechat/test2-4a89da/100071736", "wechat/test2-4a89da/100071737"
	r.watch(check1, check2, export, broken)
	r.wants(check1, readKey, map[string]string{"phase": `"pending"`, "latest": `null`, "final": `false`, "polling.failures": `0`})
	if report := r.tick(20 * time.Second); report.Claimed != 4 || report.Recorded != 3 || report.Changed != 3 || report.Failed != 1 || report.Due != 0 {
		t.Errorf("%+v", report)
	}
	r.wants(check1, readKey, map[string]string{
		"phase": `"failed"`, "final": `true`, "latest.status": `"finished"`, "latest.check_flag": `0`, "latest.error_code": `-1`, "latest.progress": `100`,
		"latest.message":    `"The database table you selected does not exist. Please re-select. [The input parameter table cannot be found in the source instance]"`,
		"latest.request_id": `"67b4cfcf-6957-48ae-b7ef-ba33209895e3"`, "latest.records_succeeded": `null`, "file": `null`, "polling.last_error": `null`, "latest.seq": `1`,
	})
	r.wants(check2, readKey, map[string]string{"phase": `"succeeded"`, "latest.check_flag": `1`, "latest.error_code": `0`, "latest.message": `"ok"`})
	r.wants(export, readKey, map[string]string{
		"phase": `"succeeded"`, "latest.status": `"success"`, "latest.records_succeeded": `3`, "latest.records_failed": `0`, "latest.progress": `null`,
		"latest.message": `"Export completed."`, "file.url": `null`, "file.available": `true`, "polling.next_at": `null`,
	})
	r.wants(export, adminKey, map[string]string{"file.url": `"https://tcb-mongodb-data-1254135806.cos.ap-shanghai.myqcloud.com/x?q-signature=canary-file-signature"`})
	if out := r.ask(http.MethodGet, "/v1/jobs/"+export, readKey); out.Headers["ETag"] == "" || out.Headers["Content-Type"] != "application/json" {
		t.Errorf("headers %v", out.Headers)
	}
	if out := r.ask(http.MethodGet, "/v1/jobs/"+export, "wrong-key-0123456789"); out.Headers["WWW-Authenticate"] != "Bearer" {
		t.Errorf("headers of a 401: %v", out.Headers)
	}
	r.wants(broken, readKey, map[string]string{"phase": `"pending"`, "latest": `null`, "polling.last_error.kind": `"protocol"`, "polling.failures": `1`})
	delete(r.env, "MIGWATCH_FILE_URLS") // an event function's answers are logged by the platform
	r.wants(export, adminKey, map[string]string{"file.url": `null`})
	r.searchCanaries("canary-file-signature")
}

func TestSequence(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
wechat env-1 7
  0s waiting
  10s reading
  20s migrating 10/0
  40s success 19/1 "导入完成."
`)
	const key = "wechat/env-1/7"
	r.watch(key)
	r.tick(20 * time.Second)
	for range 4 {
		r.clock.step(10 * time.Second)
		if report := r.again(key); report.Recorded != 1 {
			t.Errorf("%+v", report)
		}
	}
	r.wants(key, readKey, map[string]string{"phase": `"partial"`, "final": `true`, "polling.next_at": `null`, "latest.seq": `4`, "latest.records_failed": `1`})
	var seen [][2]any
	for _, item := range r.get("/v1/jobs/"+key+"/history?order=asc", readKey)["items"].([]any) {
		s := item.(map[string]any)
		seen = append(seen, [2]any{s["status"], s["observations"]})
	}
	if diff := cmp.Diff([][2]any{{"waiting", 1.0}, {"reading", 1.0}, {"migrating", 2.0}, {"success", 1.0}}, seen); diff != "" {
		t.Error(diff)
	}
	var changes []string
	for _, item := range r.get("/v1/events", readKey)["items"].([]any) {
		e := item.(map[string]any)
		changes = append(changes, e["from"].(string)+">"+e["to"].(string))
	}
	if diff := cmp.Diff([]string{"pending>running", "running>partial"}, changes); diff != "" {
		t.Error(diff)
	}
	if report := r.tick(20 * time.Second); report.Claimed != 0 {
		t.Errorf("a final job was polled again: %+v", report)
	}
}

func TestFailedPollsChangeNoPhase(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
dts ap-beijing dts-1
  0s running 10%
wechat env-1 7
  0s migrating 1/0
`)
	const check, export = "dts/ap-beijing/dts-1", "wechat/env-1/7"
	r.watch(check, export)
	r.tick(20 * time.Second)
	for _, test := range []struct{ key, fault, kind, code string }{
		{check, `error InternalError.DatabaseError`, "transient", "InternalError.DatabaseError"},
		{check, `error UnauthorizedOperation`, "forbidden", "UnauthorizedOperation"},
		{check, `error InvalidParameter`, "invalid", "InvalidParameter"},
		{check, `error AuthFailure.SignatureFailure`, "credentials", "AuthFailure.SignatureFailure"},
		{check, `http 502 html`, "transient", "http_502"},
		{check, `body "<html>ok</html>"`, "protocol", ""},
		{check, `null`, "protocol", ""},
		{check, `reset`, "transient", ""},
		{check, `gzip-bomb`, "protocol", ""},
		{check, `redirect`, "protocol", ""},
		{export, `error -1`, "transient", "-1"},
		{export, `error 40097`, "invalid", "40097"},
		{export, `error 61004`, "forbidden", "61004"},
		{export, `error 85088`, "forbidden", "85088"},
		{export, `error 99999`, "transient", "99999"},
		{export, `truncated 20`, "protocol", ""},
		{export, `body "[]"`, "protocol", ""},
	} {
		api := map[bool]string{true: "dts", false: "wechat"}[test.key == check]
		r.fault(api, test.fault)
		if report := r.again(test.key); report.Failed != 1 || report.Recorded != 0 {
			t.Errorf("%s: %+v", test.fault, report)
		}
		want := map[string]string{"phase": `"running"`, "latest.seq": `1`, "polling.last_error.kind": `"` + test.kind + `"`}
		if test.code != "" {
			want["polling.last_error.code"] = `"` + test.code + `"`
		}
		r.wants(test.key, readKey, want)
		r.fault(api, "")
	}
	r.fault("dts", "bom") // which hides nothing
	r.again(check)
	r.again(export)
	for _, key := range []string{check, export} {
		r.wants(key, readKey, map[string]string{"latest.observations": `2`, "polling.failures": `0`, "polling.last_error": `null`})
	}
	r.searchCanaries()
}

func TestHangingWeChat(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
dts ap-beijing dts-%d x 12
  0s running 10%
wechat env-1 %d x 12
  0s waiting
api wechat
  0s hang
`)
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		r.watch("dts/ap-beijing/dts-"+n, "wechat/env-1/"+n)
	}
	r.env["MIGWATCH_POLL_TIMEOUT"] = "2s"
	report := r.tick(8 * time.Second)
	if report.Recorded != 12 || report.Failed != 12 {
		t.Errorf("%+v", report)
	}
}

// fault makes an upstream misbehave; an empty text heals it.
func (r *rig) fault(api, text string) {
	r.t.Helper()
	method := http.MethodPost
	if text == "" {
		method = http.MethodDelete
	}
	req, err := http.NewRequest(method, r.server.URL+"/_emulator/fault?api="+url.QueryEscape(api), strings.NewReader(text))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		r.t.Fatalf("fault %s: %s", text, resp.Status)
	}
}

// searchCanaries looks for every secret in everything that leaves: logs, reports and the database.
func (r *rig) searchCanaries(more ...string) {
	r.t.Helper()
	places := map[string]string{
		"poll's log": r.poll.Stdout() + r.poll.Stderr(), "query's log": r.query.Stdout() + r.query.Stderr(), "the reports": strings.Join(r.answers, "\n"),
	}
	files, err := filepath.Glob(r.database + "*")
	if err != nil || len(files) == 0 {
		r.t.Fatal("no database", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			r.t.Fatal(err)
		}
		places[filepath.Base(f)] = string(b)
	}
	secrets := append([]string{adminKey, readKey, sentinel, credential.ID, credential.Key, credential.Token, r.env["MIGWATCH_ENCRYPTION_KEYS"]}, more...)
	for _, s := range append(secrets, r.up.Secrets()...) {
		quoted, err := json.Marshal(s)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, form := range []string{s, url.QueryEscape(s), strings.Trim(string(quoted), `"`)} {
			for place, text := range places {
				if strings.Contains(text, form) {
					r.t.Errorf("%s shows %q", place, form)
				}
			}
		}
	}
}

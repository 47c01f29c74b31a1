package httpapi_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func secondsOf(n int) time.Duration { return time.Duration(n) * time.Second }

// What is wrong is said by name, with one status for all.
func TestInvalidRequests(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	one := "/v1/jobs/" + dtsKey.String()
	for _, test := range []struct{ method, path, body, location string }{
		{"GET", "/v1/jobs?limit=0", "", "query.limit"},
		{"GET", "/v1/jobs?limit=501", "", "query.limit"},
		{"GET", "/v1/jobs?limit=-1", "", "query.limit"},
		{"GET", "/v1/jobs?limit=ten", "", "query.limit"},
		{"GET", "/v1/jobs?limit=1e2", "", "query.limit"},
		{"GET", "/v1/jobs?limit=99999999999999999999", "", "query.limit"},
		{"GET", "/v1/jobs?limit=1&limit=2", "", "query.limit"},
		{"GET", "/v1/jobs?provider=aws", "", "query.provider"},
		{"GET", "/v1/jobs?provider=DTS", "", "query.provider"},
		{"GET", "/v1/jobs?provider=dts&provider=wechat", "", "query.provider"},
		{"GET", "/v1/jobs?scope=a%2Fb", "", "query.scope"},
		{"GET", "/v1/jobs?scope=a%00", "", "query.scope"},
		{"GET", "/v1/jobs?provider=dts&scope=Test2-4a89da", "", "query.scope"},
		{"GET", "/v1/jobs?provider=wechat&scope=" + strings.Repeat("a", 65), "", "query.scope"},
		{"GET", "/v1/jobs?phase=done", "", "query.phase"},
		{"GET", "/v1/jobs?phase=&phase=done", "", "query.phase"},
		{"GET", "/v1/jobs?phase=running,failed", "", "query.phase"},
		{"GET", "/v1/jobs?q=" + strings.Repeat("%E8%AE%A2", 201), "", "query.q"},
		{"GET", "/v1/jobs?q=%00", "", "query.q"},
		{"GET", "/v1/jobs?q=%ff", "", "query.q"},
		{"GET", "/v1/jobs?q=%zz", "", "query"},
		{"GET", "/v1/jobs?q=a;limit=1", "", "query"},
		{"GET", "/v1/jobs?" + strings.Repeat("x=1&", 51), "", "query"},
		{"GET", "/v1/jobs?cursor=x", "", "query.cursor"},
		{"GET", "/v1/jobs?cursor=" + strings.Repeat("A", 513), "", "query.cursor"},
		{"GET", one + "/history?since=yesterday", "", "query.since"},
		{"GET", one + "/history?since=2020-01-01", "", "query.since"},
		{"GET", one + "/history?until=2020-01-01T00:00:00", "", "query.until"},
		{"GET", one + "/history?since=2020-01-01T00:00:00Z&until=2020-01-01T08:00:00%2B08:00", "", "query.until"},
		{"GET", one + "/history?order=up", "", "query.order"},
		{"GET", one + "/history?limit=0", "", "query.limit"},
		{"GET", "/v1/events?after=x", "", "query.after"},
		{"GET", "/v1/events?after=-1", "", "query.after"},
		{"GET", "/v1/events?after=9999999999999999999", "", "query.after"},
		{"GET", "/v1/events?provider=x", "", "query.provider"},
		{"GET", "/v1/events?scope=%0a", "", "query.scope"},

		{"GET", "/v1/jobs/aws/ap-shanghai/dts-1", "", "path.provider"},
		{"GET", "/v1/jobs/dts/shanghai/dts-1", "", "path.scope"},
		{"GET", "/v1/jobs/dts/ap-shanghai/-dts", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/a%2Fb", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/..%2F..%2Fetc", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/%2e%2e", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/dts-1%00", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/dts-1%0a", "", "path.job_id"},
		{"GET", "/v1/jobs/dts/ap-shanghai/" + strings.Repeat("d", 65), "", "path.job_id"},
		{"GET", "/v1/jobs/wechat/env-1/007", "", "path.job_id"},
		{"GET", "/v1/jobs/wechat/env-1/9223372036854775808", "", "path.job_id"},
		{"GET", "/v1/jobs/wechat/env-1/%2B1", "", "path.job_id"},
		{"GET", "/v1/jobs/wechat/env-1/%EF%BC%91", "", "path.job_id"},
		{"HEAD", "/v1/jobs/wechat/env-1/0", "", ""},
		{"PUT", "/v1/jobs/wechat/env_1/1", "", "path.scope"},
		{"DELETE", "/v1/jobs/wechat/env-1/x", "", "path.job_id"},
		{"POST", "/v1/jobs/wechat/env-1/x/poll", "", "path.job_id"},

		{"PUT", one, `{`, "body"},
		{"PUT", one, `{} {}`, "body"},
		{"PUT", one, `null`, "body"},
		{"PUT", one, "{\"label\":\"\xb6\xa9\xb5\xa5\"}", "body"}, // GBK, as curl sends it in a Chinese Windows console
		{"PUT", one, "{\"paused\":true,\"label\":\"\xed\xa0\x80\"}", "body"},
		{"GET", "/v1/jobs?q=%B6%A9%B5%A5", "", "query.q"},
		{"PUT", one, `[]`, "body"},
		{"PUT", one, `"x"`, "body"},
		{"PUT", one, `{"label":1}`, "body.label"},
		{"PUT", one, `{"paused":"yes"}`, "body.paused"},
		{"PUT", one, `{"labels":"x"}`, "body.labels"},
		{"PUT", one, `{"label":"` + strings.Repeat("字", 201) + `"}`, "body.label"},
		{"PUT", one, `{"label":"a\u0000b"}`, "body.label"},
		{"PUT", one, `{"label":"a\nb"}`, "body.label"},
		{"PUT", one, `{"label":"a\u0085b"}`, "body.label"},
	} {
		more := []string{"body", test.body, "Content-Type", "application/json"}
		if test.body == "" {
			more = nil
		}
		g := r.ask(test.method, test.path, adminKey, more...)
		if test.method == "HEAD" {
			if g.status != 422 || g.body != "" {
				t.Errorf("%s %s: %d %q", test.method, test.path, g.status, g.body)
			}
			continue
		}
		name := test.method + " " + cutAt(test.path) + " " + cutAt(test.body)
		if g.status != 422 {
			t.Errorf("%s: %d %s", name, g.status, g.body)
			continue
		}
		v := g.wantProblem(r, 422, "invalid_request")
		errs, _ := v["errors"].([]any)
		if len(errs) == 0 {
			t.Errorf("%s: no errors: %s", name, g.body)
			continue
		}
		location, _, _ := strings.Cut(errs[0].(map[string]any)["location"].(string), "[")
		if location != test.location {
			t.Errorf("%s: %s, want %s", name, g.body, test.location)
		}
		told := map[any]bool{}
		for _, e := range errs {
			if at := e.(map[string]any)["location"]; told[at] {
				t.Errorf("%s: %v is told twice: %s", name, at, g.body)
			} else {
				told[at] = true
			}
		}
		if len(g.body) > 4000 {
			t.Errorf("%s: echoes %d bytes", name, len(g.body))
		}
	}
	v := r.ask("PUT", one, adminKey, "body", "{\"label\":\"\xb6\xa9\"}", "Content-Type", "application/json; charset=gbk").wantProblem(r, 422, "invalid_request")
	if v["detail"] != "body: is not UTF-8" {
		t.Errorf("a body in GBK: %v", v)
	}
	if j := r.get(one); j["label"] != "" || j["paused"] != false {
		t.Errorf("something got through: %v", j)
	}
}

func cutAt(s string) string { return s[:min(len(s), 80)] }

func TestRefusedRequests(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	one := "/v1/jobs/" + dtsKey.String()
	for _, test := range []struct {
		method, path string
		more         []string
		status       int
		code, allow  string
	}{
		{"GET", "/v1", nil, 404, "not_found", ""},
		{"GET", "/v1/jobs//", nil, 404, "not_found", ""},
		{"GET", "/v1/", nil, 404, "not_found", ""},
		{"DELETE", "/v1/jobs/", nil, 405, "method_not_allowed", "GET, HEAD"},
		{"GET", "/v1//jobs", nil, 404, "not_found", ""},
		{"GET", "/v1/./jobs", nil, 404, "not_found", ""},
		{"GET", "/v1/x/../jobs", nil, 404, "not_found", ""},
		{"GET", "//v1/jobs", nil, 404, "not_found", ""},
		{"GET", "/V1/jobs", nil, 404, "not_found", ""},
		{"GET", "/v1/jobs/dts/ap-shanghai", nil, 404, "not_found", ""},
		{"GET", one + "/nothing", nil, 404, "not_found", ""},
		{"GET", "/docs", nil, 404, "not_found", ""},
		{"GET", "/schemas/Job.json", nil, 404, "not_found", ""},
		{"GET", "/openapi.yaml", nil, 404, "not_found", ""},
		{"GET", "/openapi-3.0.json", nil, 404, "not_found", ""},
		{"OPTIONS", "/nothing", nil, 404, "not_found", ""},
		{"OPTIONS", "/v1/jobs", nil, 405, "method_not_allowed", "GET, HEAD"},
		{"POST", "/v1/jobs", nil, 405, "method_not_allowed", "GET, HEAD"},
		{"PATCH", one, nil, 405, "method_not_allowed", "GET, HEAD, PUT, DELETE"},
		{"GET", one + "/poll", nil, 405, "method_not_allowed", "POST"},
		{"HEAD", one + "/poll", nil, 405, "", "POST"},
		{"PROPFIND", "/healthz", nil, 405, "method_not_allowed", "GET, HEAD"},
		{"DELETE", "/openapi.json", nil, 405, "method_not_allowed", "GET, HEAD"},
		{"GET", "/v1/jobs/" + strings.Repeat("a", 9000), nil, 414, "uri_too_long", ""},
		{"GET", "/v1/jobs?q=" + strings.Repeat("a", 9000), nil, 414, "uri_too_long", ""},
		{"PUT", one, []string{"body", `{"label":"x"}`, "Content-Type", "text/plain"}, 415, "unsupported_media_type", ""},
		{"PUT", one, []string{"body", `label=x`, "Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		{"PUT", one, []string{"body", `x`, "Content-Type", "json; +"}, 415, "unsupported_media_type", ""},
		{"PUT", one, []string{"body", `{"label":"` + strings.Repeat(" ", 64<<10) + `"}`}, 413, "payload_too_large", ""},
		{"GET", "/v1/jobs/dts/ap-shanghai/dts-none", nil, 404, "job_not_found", ""},
		{"GET", "/v1/jobs/dts/ap-shanghai/dts-none/history", nil, 404, "job_not_found", ""},
		{"DELETE", "/v1/jobs/dts/ap-shanghai/dts-none", nil, 404, "job_not_found", ""},
		{"POST", "/v1/jobs/dts/ap-shanghai/dts-none/poll", nil, 404, "job_not_found", ""},
		{"GET", one + "/history", []string{"Accept", "text/html, application/xml;q=0.9"}, 406, "not_acceptable", ""},
	} {
		g := r.ask(test.method, test.path, adminKey, test.more...)
		name := test.method + " " + cutAt(test.path)
		if g.header.Get("Allow") != test.allow {
			t.Errorf("%s: Allow %q, want %q", name, g.header.Get("Allow"), test.allow)
		}
		if g.header.Get("Access-Control-Allow-Origin") != "" || g.header.Get("Location") != "" {
			t.Errorf("%s: %v", name, g.header)
		}
		if test.code == "" {
			if g.status != test.status {
				t.Errorf("%s: %d", name, g.status)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { g.wantProblem(&rig{T: t}, test.status, test.code) })
	}
}

func TestBodiesOfExactlyTheLimit(t *testing.T) {
	r := newRig(t, nil)
	body := `{"label":"x"` + strings.Repeat(" ", 64<<10-len(`{"label":"x"}`)) + `}`
	if g := r.ask("PUT", "/v1/jobs/"+dtsKey.String(), adminKey, "body", body); g.status != 201 {
		t.Errorf("64 KiB: %d %s", g.status, g.body)
	}
	if g := r.ask("PUT", "/v1/jobs/"+dtsKey.String(), adminKey, "body", body+" "); g.status != 413 {
		t.Errorf("one more: %d %s", g.status, g.body)
	}
}

// Requests that no client library would send.
func TestRawRequests(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	auth := "Host: x\r\nAuthorization: Bearer " + adminKey + "\r\nConnection: close\r\n"
	for _, test := range []struct {
		name, raw string
		status    int
	}{
		{"absolute target", "GET http://evil.example/v1/jobs HTTP/1.1\r\n" + auth + "\r\n", 200},
		{"traversal", "GET /../../etc/passwd HTTP/1.1\r\n" + auth + "\r\n", 404},
		{"encoded traversal", "GET /v1/jobs/dts/ap-shanghai/..%2f..%2f/history HTTP/1.1\r\n" + auth + "\r\n", 422},
		{"star", "GET * HTTP/1.1\r\n" + auth + "\r\n", 404},
		{"broken escape", "GET /v1/jobs/%zz HTTP/1.1\r\n" + auth + "\r\n", 400},
		{"connect", "CONNECT evil.example:443 HTTP/1.1\r\n" + auth + "\r\n", 404},
		{"body that breaks off", "PUT /v1/jobs/" + dtsKey.String() + " HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"chunks beyond the limit", "PUT /v1/jobs/" + dtsKey.String() + " HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4000\r\n"+strings.Repeat(" ", 0x4000)+"\r\n", 5) + "0\r\n\r\n", 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, test.raw); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			b, _ := io.ReadAll(answer.Body)
			if answer.StatusCode != test.status {
				t.Errorf("%d, want %d: %s", answer.StatusCode, test.status, b)
			}
		})
	}
}

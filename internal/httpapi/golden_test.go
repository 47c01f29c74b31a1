package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
)

// golden compares got with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), go test -update accepts it:\n%s", path, diff)
	}
}

var (
	aTime  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
	anETag = regexp.MustCompile(`"[A-Za-z0-9_-]{22}"`)
)

// steady replaces what differs from run to run: the store's clock, and what follows from it.
func steady(s string) string {
	s = aTime.ReplaceAllStringFunc(s, func(at string) string {
		if strings.HasPrefix(at, "2020-01-0") {
			return at
		}
		return "NOW"
	})
	return anETag.ReplaceAllString(s, `"ETAG"`)
}

func indented(body string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(body), "", "  ") != nil {
		return body
	}
	return b.String()
}

func (g got) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", g.status)
	for _, name := range []string{"Content-Type", "Cache-Control", "Vary", "Etag", "Link", "Location", "Allow", "Retry-After",
		"Www-Authenticate", "Content-Disposition", "X-Content-Type-Options", "Content-Security-Policy"} {
		if v := g.header.Values(name); len(v) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(v, " | "))
		}
	}
	return b.String() + "\n" + strings.ReplaceAll(indented(g.body), "\r", `\r`)
}

// Every kind of answer, as it goes over the wire, on the real store.
func TestAnswers(t *testing.T) {
	r := newRig(t, nil)
	r.scene()
	job1, export := "/v1/jobs/"+dtsKey.String(), "/v1/jobs/"+wechatKey.String()
	for _, test := range []struct {
		name, method, path, key string
		more                    []string
	}{
		{"job-failed", "GET", job1, readKey, nil},
		{"job-export-read", "GET", export, readKey, nil},
		{"job-export-admin", "GET", export, adminKey, nil},
		{"job-new", "GET", "/v1/jobs/dts/ap-beijing/dts-new", readKey, nil},
		{"job-throttled", "GET", "/v1/jobs/dts/eu-frankfurt/dts-throttled", readKey, nil},
		{"jobs", "GET", "/v1/jobs?provider=dts&phase=failed&phase=running&utm=x", readKey, nil},
		{"jobs-none", "GET", "/v1/jobs?q=nothing", readKey, nil},
		{"history", "GET", job1 + "/history", readKey, nil},
		{"history-first", "GET", job1 + "/history?limit=1&order=asc", readKey, nil},
		{"history-csv", "GET", job1 + "/history", readKey, []string{"Accept", "text/csv"}},
		{"history-ndjson", "GET", job1 + "/history", readKey, []string{"Accept", "application/x-ndjson"}},
		{"events", "GET", "/v1/events?limit=2", readKey, nil},
		{"summary", "GET", "/v1/summary", readKey, nil},
		{"watch-new", "PUT", "/v1/jobs/dts/ap-beijing/dts-2", adminKey, []string{"body", `{"label":"订单 <2>","paused":true}`}},
		{"watch-known", "PUT", "/v1/jobs/dts/ap-beijing/dts-2", adminKey, []string{"body", `{"paused":false}`}},
		{"poll", "POST", job1 + "/poll", adminKey, nil},
		{"unwatch", "DELETE", "/v1/jobs/dts/ap-beijing/dts-2", adminKey, nil},
		{"health", "GET", "/healthz", "", nil},
		{"ready", "GET", "/readyz", "", nil},
		{"unauthorized", "GET", "/v1/jobs", "", nil},
		{"forbidden", "DELETE", job1, readKey, nil},
		{"job-not-found", "GET", "/v1/jobs/dts/ap-beijing/dts-none", readKey, nil},
		{"not-found", "GET", "/v2/jobs", readKey, nil},
		{"method-not-allowed", "POST", job1, adminKey, nil},
		{"invalid", "GET", "/v1/jobs?limit=501&phase=done&cursor=AA", readKey, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := r.ask(test.method, test.path, test.key, test.more...)
			golden(t, "answers/"+test.name+".txt", test.method+" "+test.path+"\n\n"+steady(g.String()))
		})
	}
}

func TestTheLastTickIsInTheSummary(t *testing.T) {
	r := newRig(t, nil)
	if v := r.get("/v1/summary")["last_tick"]; v != nil {
		t.Errorf("last_tick before the first: %v", v)
	}
	if err := r.store.RememberTick(t.Context(), job.Tick{Claimed: 5, Recorded: 2, Changed: 1, Failed: 1, Released: 1, Lost: 1, Notified: 7, Due: 9}, 412*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	tick := r.get("/v1/summary")["last_tick"].(map[string]any)
	delete(tick, "started_at")
	delete(tick, "finished_at")
	want := map[string]any{"claimed": 5., "recorded": 2., "changed": 1., "failed": 1., "released": 1., "lost": 1., "notified": 7., "due": 9.}
	if diff := cmp.Diff(want, tick); diff != "" {
		t.Error(diff)
	}
}

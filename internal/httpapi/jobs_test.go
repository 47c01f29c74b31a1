package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
)

func TestWatching(t *testing.T) {
	r := newRig(t, nil)
	path := "/v1/jobs/" + dtsKey.String()
	for _, test := range []struct {
		name, body, contentType string
		status                  int
		label                   string
		paused                  bool
	}{
		{"no body", "", "", 201, "", false},
		{"again", "", "application/json", 200, "", false},
		{"label", `{"label":"orders"}`, "application/json", 200, "orders", false},
		{"pause", `{"paused":true}`, "application/json; charset=utf-8", 200, "orders", true},
		{"nothing", `{}`, "", 200, "orders", true},
		{"null is absent", `{"label":null,"paused":null}`, "APPLICATION/JSON", 200, "orders", true},
		{"both", `{"label":"","paused":false}`, "application/json", 200, "", false},
		{"longest label", `{"label":"` + strings.Repeat("字", 200) + `"}`, "", 200, strings.Repeat("字", 200), false},
	} {
		var more []string
		if test.body != "" {
			more = append(more, "body", test.body)
		}
		if test.contentType != "" {
			more = append(more, "Content-Type", test.contentType)
		}
		g := r.ask("PUT", path, adminKey, more...)
		if g.status != test.status {
			t.Fatalf("%s: %d %s", test.name, g.status, g.body)
		}
		if location := g.header.Get("Location"); (location != "") != (g.status == 201) || location != "" && follow(r, path, location) != path {
			t.Errorf("%s: Location %q", test.name, location)
		}
		v := g.json(r)
		if v["label"] != test.label || v["paused"] != test.paused {
			t.Errorf("%s: %s", test.name, g.body)
		}
		if due := v["polling"].(map[string]any)["next_at"] != nil; due == test.paused {
			t.Errorf("%s: due %v", test.name, due)
		}
		if read := r.ask("GET", path, readKey); read.body != g.body {
			t.Errorf("%s: read back %s, not %s", test.name, read.body, g.body)
		}
	}
}

func TestPollAndUnwatch(t *testing.T) {
	r := newRig(t, nil)
	r.watch(wechatKey)
	r.see(wechatKey, then, exportDone(then), nil)
	path := "/v1/jobs/" + wechatKey.String()
	if next := r.get(path)["polling"].(map[string]any)["next_at"]; next != nil {
		t.Fatalf("a finished export is polled again by itself: %v", next)
	}
	if g := r.ask("POST", path+"/poll", adminKey); g.status != 202 || g.json(r)["polling"].(map[string]any)["next_at"] == nil {
		t.Errorf("poll: %d %s", g.status, g.body)
	}
	if g := r.ask("PUT", path, adminKey, "body", `{"paused":true}`); g.status != 200 {
		t.Fatal(g.body)
	}
	r.ask("POST", path+"/poll", adminKey).wantProblem(r, 409, "job_paused")
	if g := r.ask("DELETE", path, adminKey); g.status != 204 || g.body != "" || g.header.Get("Content-Type") != "" {
		t.Errorf("delete: %d %q %v", g.status, g.body, g.header)
	}
	for _, gone := range []string{path, path + "/history"} {
		r.ask("GET", gone, readKey).wantProblem(r, 404, "job_not_found")
	}
	r.ask("DELETE", path, adminKey).wantProblem(r, 404, "job_not_found")
}

func TestETags(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	r.see(dtsKey, then, &job.Observation{Phase: job.Running, Status: "running"}, nil)
	path := "/v1/jobs/" + dtsKey.String()
	first := r.ask("GET", path, readKey)
	tag := first.header.Get("ETag")
	if len(tag) < 10 || tag[0] != '"' {
		t.Fatalf("ETag %q is not a strong one", tag)
	}
	for given, status := range map[string]int{
		tag: 304, "W/" + tag: 304, "*": 304, " * ": 304, `"x", ` + tag: 304, `"x",W/"y" ,W/` + tag + `, "z"`: 304, `"a,b", ` + tag: 304,
		"": 200, `"x"`: 200, tag + "x": 304, "x" + tag: 200, strings.Trim(tag, `"`): 200, `"`: 200, `"x", *`: 200, "W/": 200, `w/` + tag: 200, ",": 200,
	} {
		g := r.ask("GET", path, readKey, "If-None-Match", given)
		if g.status != status {
			t.Errorf("%s: %d, want %d", given, g.status, status)
		}
		for _, name := range []string{"ETag", "Cache-Control", "Vary"} {
			if g.header.Get(name) != first.header.Get(name) || g.header.Get(name) == "" {
				t.Errorf("%s: %s is %q, not %q", given, name, g.header.Get(name), first.header.Get(name))
			}
		}
		if status == 304 && (g.body != "" || g.header.Get("Content-Type") != "") {
			t.Errorf("%s: a body with 304: %q", given, g.body)
		}
	}
	if g := r.ask("HEAD", path, readKey, "If-None-Match", tag); g.status != 304 {
		t.Errorf("HEAD: %d", g.status)
	}
	if again := r.ask("GET", path, readKey); again.header.Get("ETag") != tag {
		t.Error("the ETag changed by itself")
	}
	r.see(dtsKey, then.Add(time.Minute), &job.Observation{Phase: job.Running, Status: "running"}, nil)
	if g := r.ask("GET", path, readKey, "If-None-Match", tag); g.status != 200 || g.header.Get("ETag") == tag {
		t.Errorf("one more observation is not seen: %d", g.status)
	}
}

// HEAD is GET without the body, on any platform.
func TestHead(t *testing.T) {
	r := newRig(t, nil)
	r.scene()
	one := "/v1/jobs/" + dtsKey.String()
	for _, path := range []string{one, one + "/history", "/v1/jobs", "/v1/events", "/v1/summary", "/healthz", "/readyz", "/openapi.json", "/v1/jobs?limit=0", "/nothing", "/v1/jobs?limit=1"} {
		get, head := r.ask("GET", path, readKey), r.ask("HEAD", path, readKey)
		if head.status != get.status || head.body != "" {
			t.Errorf("%s: %d %q, GET %d", path, head.status, head.body, get.status)
		}
		for _, name := range []string{"Content-Type", "Etag", "Link", "Vary", "Cache-Control"} {
			if head.header.Get(name) != get.header.Get(name) {
				t.Errorf("%s: %s is %q, with GET %q", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
		w := httptest.NewRecorder() // it keeps what is written, as an event function's answer would
		request := httptest.NewRequest(http.MethodHead, path, nil)
		request.Header.Set("Authorization", "Bearer "+readKey)
		r.api.ServeHTTP(w, request)
		if w.Body.Len() > 0 {
			t.Errorf("%s: %q was written", path, w.Body)
		}
	}
}

// Requests and the first building of the document beside each other: for -race.
func TestTogether(t *testing.T) {
	r := newRig(t, nil)
	r.scene()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, path := range []string{"/openapi.json", "/v1/jobs?phase=failed", "/v1/jobs/" + dtsKey.String(), "/v1/events", "/nothing", "/v1/jobs?limit=x"} {
				w := httptest.NewRecorder()
				request := httptest.NewRequest(http.MethodGet, path, nil)
				request.Header.Set("Authorization", "Bearer "+readKey)
				r.api.ServeHTTP(w, request)
				put := httptest.NewRequest(http.MethodPut, "/v1/jobs/"+dtsKey.String(), strings.NewReader(`{"label":"x","y":1}`))
				put.Header.Set("Authorization", "Bearer "+adminKey)
				r.api.ServeHTTP(httptest.NewRecorder(), put)
			}
		})
	}
	wg.Wait()
}

package web_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// behind puts a proxy that serves all of r below prefix in front of it, as nginx does with a location that
// ends with a slash. It tells nobody the prefix.
func behind(t *testing.T, r *rig, prefix string) {
	t.Helper()
	target := mustParse(t, r.url)
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}))
	mux.HandleFunc("/", func(_ http.ResponseWriter, q *http.Request) { t.Errorf("%s %s leaves %s", q.Method, q.URL, prefix) })
	proxy := httptest.NewServer(mux)
	t.Cleanup(proxy.Close)
	r.url = proxy.URL
}

var reference = regexp.MustCompile(`(?:href|src|action|data-series|data-row)="([^"#][^"]*)"`)

func TestBelowAPrefix(t *testing.T) {
	r := newDemo(t, setup{})
	behind(t, r, "/ops/migwatch")
	b := r.browser()
	b.at = mustParse(t, r.url+"/ops/migwatch/")
	if a := b.get("./?phase=failed"); a.status != http.StatusUnauthorized {
		t.Fatal(a.status)
	}
	a := b.post("session", url.Values{"key": {adminKey}, "next": {"/?phase=failed"}})
	if to := a.header.Get("Location"); a.status != http.StatusSeeOther || to != "/ops/migwatch/?phase=failed" {
		t.Fatal(a.status, a.header)
	}
	if cookies := b.client.Jar.Cookies(mustParse(t, r.url+"/ops/")); len(cookies) > 0 {
		t.Errorf("the cookie is sent to pages that are not ours: %v", cookies)
	}
	seen := map[string]bool{}
	for queue := []string{"/ops/migwatch/", "/ops/migwatch" + runningJob + "?done=poll", "/ops/migwatch/session"}; len(queue) > 0 && len(seen) < 200; queue = queue[1:] {
		a := b.get(queue[0])
		if a.status >= 500 || a.status == http.StatusNotFound || a.status == http.StatusUnauthorized {
			t.Errorf("%s: %d", queue[0], a.status)
		}
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range reference.FindAllStringSubmatch(a.body, -1) {
			to, err := b.at.Parse(html.UnescapeString(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			if to.Host != b.at.Host {
				continue // an export's file
			}
			if !strings.HasPrefix(to.Path, "/ops/migwatch/") {
				t.Errorf("%s on %s leads to %s", m[1], b.at, to)
			}
			if path := to.RequestURI(); !seen[path] && !strings.HasPrefix(m[0], "action") {
				seen[path] = true
				queue = append(queue, path)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d links were followed", len(seen))
	}

	b.get("/ops/migwatch" + runningJob)
	for action, form := range map[string]url.Values{"pause": nil, "label": {"label": {"x"}}, "resume": nil} {
		if to := b.post("/ops/migwatch"+runningJob+"/"+action, form).header.Get("Location"); to != "/ops/migwatch"+runningJob+"?done="+action {
			t.Errorf("%s leads to %s", action, to)
		}
	}
	if to := b.post("/ops/migwatch/preferences", url.Values{"lang": {"zh"}, "next": {runningJob}}).header.Get("Location"); to != "/ops/migwatch"+runningJob {
		t.Errorf("a preference leads to %s", to)
	}
	b.get("/ops/migwatch/").has(t, `lang="zh-CN"`)
	if a := b.get("/ops/migwatch/badge" + strings.TrimPrefix(runningJob, "/jobs") + ".svg"); a.status != http.StatusOK {
		t.Errorf("badge: %d", a.status)
	}
	if a := b.get("/ops/migwatch/v1/jobs?limit=1"); a.status != http.StatusUnauthorized {
		t.Errorf("the cookie opens the API: %d", a.status)
	}
	a = b.with("Authorization", "Bearer "+adminKey).get("/ops/migwatch/v1/jobs?limit=1")
	next, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	if a := b.get(next); a.status != http.StatusOK || b.at.Path != "/ops/migwatch/v1/jobs" || next == "" {
		t.Errorf("Link leads to %s: %d", b.at, a.status)
	}
	b.header.Del("Authorization")
	b.at = mustParse(t, r.url+"/ops/migwatch/")
	if to := b.post("session", url.Values{"end": {"1"}}).header.Get("Location"); to != "/ops/migwatch/" {
		t.Errorf("signing out leads to %s", to)
	}
	if a := b.get("/ops/migwatch/"); a.status != http.StatusUnauthorized {
		t.Errorf("signed out: %d", a.status)
	}
}

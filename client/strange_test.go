package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"migwatch/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "migwatch.example.com", "ftp://x", "http://", "https://u:secretpass@h/", "https://h/?key=secretpass", "https://h/#x", "://"} {
		if _, err := client.New(server, "", nil); err == nil || strings.Contains(err.Error(), "secretpass") {
			t.Errorf("%q: %v", server, err)
		}
	}
	if _, err := client.New("https://h", "a key\nX: y", nil); err == nil || strings.Contains(err.Error(), "X: y") {
		t.Errorf("a key with a line break: %v", err)
	}
}

func TestPrintsNoKey(t *testing.T) {
	c, err := client.New("https://h/path/", "canary-key-7f3a9c", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c); strings.Contains(got, "canary") {
			t.Errorf("%s: %s", verb, got)
		}
	}
	if got := c.Server(); got != "https://h/path" {
		t.Error(got)
	}
	if got := c.PageURL(client.Key{}); got != "https://h/path/" {
		t.Error(got)
	}
	if got := c.PageURL(client.Key{Provider: "dts", Scope: "ap-x", JobID: "a?b/c"}); got != "https://h/path/jobs/dts/ap-x/a%3Fb%2Fc" {
		t.Error(got)
	}
}

func TestParseKey(t *testing.T) {
	if k, err := client.ParseKey("dts/ap-shanghai/dts-1"); err != nil || k != (client.Key{Provider: "dts", Scope: "ap-shanghai", JobID: "dts-1"}) {
		t.Error(k, err)
	}
	for _, s := range []string{"", "dts", "dts/a", "dts//x", "/a/b", "a/b/", "a/b/c/d"} {
		if _, err := client.ParseKey(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// What is in between, or something else altogether, may answer in migwatch's place.
func TestStrangeServers(t *testing.T) {
	key := "canary-key-7f3a9c"
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		status int
		want   string
	}{
		"html":     {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, 200, "does not answer like migwatch"},
		"gateway":  {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad", http.StatusBadGateway) }, 502, "502 Bad Gateway"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://other.example/x?y=z", 302) }, 302, "https://other.example/x: use that"},
		"broken problem": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusInternalServerError)
		}, 500, "500 Internal Server Error"},
		"internal": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("X-Request-Id", "req-1")
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"code":"internal","detail":"something failed","status":500}`)
		}, 500, "something failed (req-1)"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.answer)
			defer server.Close()
			c, err := client.New(server.URL, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Summary(t.Context())
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != tc.status || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := client.New(server.URL, "canary-key-7f3a9c", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Job(t.Context(), client.Key{Provider: "dts", Scope: "s", JobID: "secret-path"})
	if err == nil || !strings.Contains(err.Error(), "cannot reach "+server.URL) || strings.Contains(err.Error(), "secret-path") {
		t.Error(err)
	}
}

// A server that gives the same cursor for ever does not keep a loop going.
func TestEndlessPages(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Link", `</v1/x?cursor=c>; rel="next"`)
		fmt.Fprint(w, `{"items":[{"job_id":"x"}],"next_cursor":"c"}`)
	}))
	defer server.Close()
	c, err := client.New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := 0
	for _, err := range c.Jobs(t.Context(), client.JobFilter{}) {
		if n++; err != nil || n > 5 {
			t.Fatal(n, err)
		}
	}
	if err := c.HistoryNDJSON(t.Context(), client.Key{}, client.Span{}, new(strings.Builder)); err == nil || calls > 10 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

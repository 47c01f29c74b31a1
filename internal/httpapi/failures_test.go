package httpapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/httpapi"
	"migwatch/internal/job"
)

// failing is a store that cannot.
type failing struct {
	httpapi.Store
	err error
}

func (f failing) Summary(context.Context) (job.Summary, error) {
	if f.err == nil {
		panic(errors.New("canary in a panic"))
	}
	return job.Summary{}, f.err
}

func TestFailures(t *testing.T) {
	unready := &job.NotReadyError{Reason: "run migwatch migrate", Err: errors.New("canary cause")}
	for _, test := range []struct {
		name         string
		open, method error
		status       int
		code, detail string
		logs         int
	}{
		{"not ready", nil, fmt.Errorf("summary: %w", unready), 503, "not_ready", "run migwatch migrate", 1},
		{"cannot open", unready, nil, 503, "not_ready", "run migwatch migrate", 1},
		{"deadline", nil, fmt.Errorf("x: %w", context.DeadlineExceeded), 503, "not_ready", "in time", 1},
		{"anything else", nil, errors.New("column x of host db.internal"), 500, "internal", "X-Request-Id", 1},
		{"cannot open, anything else", errors.New("dial 10.0.0.1"), nil, 500, "internal", "X-Request-Id", 1},
		{"panic", nil, nil, 500, "internal", "X-Request-Id", 1},
		{"a key that cannot be after all", nil, &job.InvalidError{Field: "label", Reason: "is too long"}, 422, "invalid_request", "label: is too long", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(o *httpapi.Options) {
				o.Open = func(context.Context) (httpapi.Store, error) { return failing{err: test.method}, test.open }
				o.Ready = func(context.Context) error { return errors.Join(test.method, test.open) }
			})
			g := r.ask("GET", "/v1/summary", readKey, "X-Request-Id", "find-me")
			v := g.wantProblem(r, test.status, test.code)
			if !strings.Contains(v["detail"].(string), test.detail) {
				t.Errorf("detail %q", v["detail"])
			}
			if test.status == 503 && g.header.Get("Retry-After") != "10" {
				t.Errorf("Retry-After %q", g.header.Get("Retry-After"))
			}
			for _, hidden := range []string{"canary", "db.internal", "10.0.0.1"} {
				if strings.Contains(g.body, hidden) {
					t.Errorf("shows %s: %s", hidden, g.body)
				}
			}
			if strings.Contains(r.log.String(), "canary") || strings.Count(r.log.String(), "\n") != test.logs || strings.Count(r.log.String(), "find-me") != test.logs {
				t.Errorf("log: %s", r.log)
			}
			if test.name != "panic" && test.status == 503 {
				r.ask("GET", "/readyz", "").wantProblem(r, test.status, test.code)
			}
		})
	}
}

// Requests for /readyz need no key: what they ask of the database is the one question that Ready shares.
func TestReadyAsksNothingElse(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) {
		o.Open = func(context.Context) (httpapi.Store, error) { return nil, errors.New("the store was opened") }
		o.Ready = func(context.Context) error { return nil }
	})
	if g := r.ask("GET", "/readyz", ""); g.status != http.StatusOK {
		t.Errorf("%d %s", g.status, g.body)
	}
}

func TestPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	r := newRig(t, nil)
	r.api.Handle("GET /half", 0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("gone")
	}))
	answer, err := http.Get(r.url + "/half")
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		_ = answer.Body.Close()
	}
	if err == nil {
		t.Error("a half answer looks whole")
	}
}

func TestRequestIDs(t *testing.T) {
	platform := ""
	r := newRig(t, func(o *httpapi.Options) { o.RequestID = func(context.Context) string { return platform } })
	for _, test := range []struct{ platform, sent, want string }{
		{"plat-1", "client-1", "plat-1"},
		{"", "client-1", "client-1"},
		{"bad\r\nid", "client-1", "client-1"},
		{"", "", ""},
		{"", "a b", ""},
		{"", strings.Repeat("a", 129), ""},
		{"", strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{"", "<script>", ""},
	} {
		platform = test.platform
		id := r.ask("GET", "/healthz", "", "X-Request-Id", test.sent).header.Get("X-Request-Id")
		if test.want != "" && id != test.want || id == "" || test.want == "" && id == test.sent {
			t.Errorf("%+v: %q", test, id)
		}
	}
}

// A handler that gives up on its client says so by this panic; it is nothing to log.
func TestAbortedAnswersAreNotLogged(t *testing.T) {
	r := newRig(t, nil)
	r.api.Handle("GET /abort", 0, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if answer, err := http.Get(r.url + "/abort"); err == nil {
		_ = answer.Body.Close()
		t.Errorf("answered %d", answer.StatusCode)
	}
	if r.log.String() != "" {
		t.Errorf("log: %s", r.log)
	}
}

// A problem quotes little of a request, however much is wrong with it.
func TestProblemsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	var body strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&body, `,"%d%s":1`, i, strings.Repeat("k", 10))
	}
	for _, b := range []string{"{" + body.String()[1:] + "}", `{"` + strings.Repeat("k", 60_000) + `":1}`} {
		g := r.ask("PUT", "/v1/jobs/"+dtsKey.String(), adminKey, "body", b)
		v := g.wantProblem(r, 422, "invalid_request")
		if n := len(v["errors"].([]any)); n > 20 || len(g.body) > 4000 {
			t.Errorf("%d errors, %d bytes", n, len(g.body))
		}
	}
}

func TestTransportSecurity(t *testing.T) {
	for name, test := range map[string]struct {
		o     httpapi.Options
		tls   bool
		proto string
		sent  bool
	}{
		"http":              {},
		"https":             {tls: true, sent: true},
		"the cloud":         {o: httpapi.Options{Cloud: true}, sent: true},
		"a proxy for https": {proto: "HTTPS", sent: true},
		"a proxy for http":  {proto: "http"},
	} {
		for _, path := range []string{"/healthz", "/v1/jobs", "/nothing", "/a//b"} {
			request := httptest.NewRequest("GET", path, nil)
			request.Header.Set("X-Forwarded-Proto", test.proto)
			if test.tls {
				request.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			httpapi.New(test.o).ServeHTTP(w, request)
			if got := w.Header().Get("Strict-Transport-Security"); (got == "max-age=31536000") != test.sent || !test.sent && got != "" {
				t.Errorf("%s: %s has %q", name, path, got)
			}
		}
	}
}

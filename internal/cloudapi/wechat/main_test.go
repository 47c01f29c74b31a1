package wechat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every secret of these tests starts with this, so that one search finds any.
const canary = "CANARY/+"

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	aJob  = job.Key{Provider: job.WeChat, Scope: "test2-4a89da", ID: "100071736"}
	token = secret.New(canary + "first")
)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func newTransport(t testing.TB) *cloudapi.Transport {
	t.Helper()
	tr := cloudapi.NewTransport(cloudapi.Options{})
	t.Cleanup(tr.Close)
	return tr
}

func newClient(t testing.TB, base string, tokens wechat.Source) *wechat.Client {
	t.Helper()
	c, err := wechat.New(wechat.Options{BaseURL: base, Transport: newTransport(t), Tokens: tokens, Now: at(noon)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// api is WeChat as its pages describe it: it refuses every request that is not exactly right.
type api struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	calls   int
	good    map[string]bool // tokens that work; nil: all
	refusal string          // to the others
	answer  func(call int) (status int, body string)
}

func newAPI(t testing.TB, answer string) *api {
	a := &api{t: t, refusal: `{"errcode":42001,"errmsg":"access_token expired rid: 60ee-1"}`}
	a.answer = func(int) (int, string) { return http.StatusOK, answer }
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	q := r.URL.Query()
	if r.Method != http.MethodPost || r.URL.Path != "/prefix/componenttcb/dbmigrationstate" || len(q) != 1 || len(q["access_token"]) != 1 {
		a.t.Errorf("the request is %s %s", r.Method, r.URL)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("Content-Type %q", got)
	}
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	d.DisallowUnknownFields()
	var body struct {
		Env   *string      `json:"env"`
		JobID *json.Number `json:"job_id"`
	}
	if err := d.Decode(&body); err != nil || body.Env == nil || body.JobID == nil || *body.Env != aJob.Scope {
		a.t.Errorf("the body is not a poll's: %v", err)
	}
	if a.good != nil && !a.good[q.Get("access_token")] {
		_, _ = io.WriteString(w, a.refusal)
		return
	}
	status, text := a.answer(a.calls)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (a *api) base() string { return a.URL + "/prefix/" }

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

func (a *api) accept(tokens ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.good = map[string]bool{}
	for _, t := range tokens {
		a.good[t] = true
	}
}

// gate counts the calls that were let through.
type gate struct {
	mu    sync.Mutex
	calls int
}

func (g *gate) open(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls++
	return nil
}

// pollError asserts that err is a *job.PollError that shows no secret, however it is printed.
func pollError(t testing.TB, err error) *job.PollError {
	t.Helper()
	var e *job.PollError
	if !errors.As(err, &e) {
		t.Fatalf("error is %T %v, want a *job.PollError", err, err)
	}
	for x := err; x != nil; x = errors.Unwrap(x) {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			s := fmt.Sprintf(format, x)
			for _, form := range []string{canary, url.QueryEscape(canary), url.PathEscape(canary)} {
				if strings.Contains(s, form) {
					t.Errorf("%s shows a secret: %s", format, s)
				}
			}
		}
	}
	return e
}

package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/httpapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

const (
	adminKey = "canary-admin-key-7f3a91"
	readKey  = "canary-read-key-2c8e05"
	fileURL  = "https://cos.example/export.json?q-sign-time=1;2&q-signature=canary-signature"
)

// then is when everything in these tests was seen. It lies in the past, so that no schedule makes
// a job wait.
var then = time.Date(2020, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

var (
	dtsKey    = job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1kl0iy0v"}
	wechatKey = job.Key{Provider: job.WeChat, Scope: "test2-4a89da", ID: "100071736"}
)

// rig is the API over real HTTP on the real store.
type rig struct {
	*testing.T
	store *store.Store
	api   *httpapi.API
	url   string
	log   *syncBuffer
}

func newRig(t *testing.T, change func(*httpapi.Options)) *rig {
	t.Helper()
	ring, err := secret.NewKeyring([]secret.Text{secret.New(base64.StdEncoding.EncodeToString(make([]byte, 32)))})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(secret.New("sqlite:"+filepath.Join(t.TempDir(), "m.db")), store.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return (&rig{T: t, store: s}).serve(t, change)
}

// serve is another API on the same store.
func (r *rig) serve(t *testing.T, change func(*httpapi.Options)) *rig {
	t.Helper()
	r = &rig{T: t, store: r.store, log: &syncBuffer{}}
	o := httpapi.Options{
		Open:     func(context.Context) (httpapi.Store, error) { return r.store, nil },
		Ready:    r.store.Ready,
		Keys:     secret.NewKeys([]secret.Text{secret.New(adminKey)}, []secret.Text{secret.New(readKey)}),
		FileURLs: true, Now: func() time.Time { return then }, Version: "1.2.3",
		Log: slog.New(slog.NewJSONHandler(r.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	r.api = httpapi.New(o)
	server := httptest.NewServer(r.api)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// syncBuffer takes log lines from the server's goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

// ask sends one request; more are header names and values, and a "body".
func (r *rig) ask(method, path, key string, more ...string) got {
	r.Helper()
	var body io.Reader
	request, err := http.NewRequestWithContext(r.Context(), method, r.url+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(more); i += 2 {
		switch more[i] {
		case "body":
			body = strings.NewReader(more[i+1])
			request.Body = io.NopCloser(body)
			request.ContentLength = int64(len(more[i+1]))
		case "Host":
			request.Host = more[i+1]
		default:
			request.Header.Add(more[i], more[i+1])
		}
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		r.Fatal(err)
	}
	return got{answer.StatusCode, answer.Header, string(b)}
}

// get asks with the read key and wants 200 and JSON.
func (r *rig) get(path string) map[string]any {
	r.Helper()
	g := r.ask("GET", path, readKey)
	if g.status != 200 {
		r.Fatalf("GET %s: %d %s", path, g.status, g.body)
	}
	return g.json(r)
}

func (g got) json(r *rig) map[string]any {
	r.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(g.body), &v); err != nil {
		r.Fatalf("%v in %q", err, g.body)
	}
	return v
}

// wantProblem checks status, code, shape and the headers every problem has.
func (g got) wantProblem(r *rig, status int, code string) map[string]any {
	r.Helper()
	if g.status != status {
		r.Fatalf("status %d, want %d: %s", g.status, status, g.body)
	}
	v := g.json(r)
	if v["code"] != code || v["status"] != float64(status) || v["type"] != "about:blank" || v["title"] != http.StatusText(status) || v["detail"] == "" {
		r.Errorf("want %s, got %s", code, g.body)
	}
	for name, want := range map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if g.header.Get(name) != want {
			r.Errorf("%s: %q, want %q", name, g.header.Get(name), want)
		}
	}
	if g.header.Get("X-Request-Id") == "" {
		r.Error("no X-Request-Id")
	}
	return v
}

func (r *rig) watch(keys ...job.Key) {
	r.Helper()
	for _, k := range keys {
		if _, _, err := r.store.Watch(r.Context(), k, job.Change{}); err != nil {
			r.Fatal(err)
		}
	}
}

// see records one poll of k.
func (r *rig) see(k job.Key, at time.Time, seen *job.Observation, failure error) {
	r.Helper()
	if _, err := r.store.PollNow(r.Context(), k); err != nil {
		r.Fatal(err)
	}
	claims, err := r.store.Claim(r.Context(), k.Budget(), 500, time.Minute)
	if err != nil {
		r.Fatal(err)
	}
	found := false
	for _, c := range claims {
		if c.Job.Key != k {
			if _, err := r.store.Release(r.Context(), []job.Claim{c}); err != nil {
				r.Fatal(err)
			}
			continue
		}
		found = true
		done, err := r.store.Record(r.Context(), []job.Outcome{job.Settle(c, seen, failure, at)})
		if err != nil || !done[0] {
			r.Fatalf("record %s: %v %v", k, done, err)
		}
	}
	if !found {
		r.Fatalf("%s was not to be claimed", k)
	}
}

func num(n int64) *int64 { return &n }

// failedCheck is the first example of DTS's document.
func failedCheck() *job.Observation {
	return &job.Observation{
		Phase: job.Failed, Status: "finished", Progress: num(100), CheckFlag: num(0), ErrorCode: num(-1),
		Message: "The database table you selected does not exist. <b>", RequestID: "67b4cfcf-6957-48ae-b7ef-ba33209895e3",
	}
}

func exportDone(expires time.Time) *job.Observation {
	return &job.Observation{
		Phase: job.Succeeded, Status: "success", Message: "导出完成.", RecordsSucceeded: num(3), RecordsFailed: num(0),
		File: &job.File{URL: secret.New(fileURL), ExpiresAt: expires},
	}
}

// scene is a store with something of everything.
func (r *rig) scene() {
	r.Helper()
	r.watch(dtsKey, wechatKey, job.Key{Provider: job.DTS, Scope: "ap-beijing", ID: "dts-new"}, job.Key{Provider: job.DTS, Scope: "eu-frankfurt", ID: "dts-throttled"})
	r.see(dtsKey, then.Add(-time.Hour), &job.Observation{Phase: job.Running, Status: "running", Progress: num(40)}, nil)
	r.see(dtsKey, then, failedCheck(), nil)
	r.see(wechatKey, then.Add(-time.Minute), exportDone(then.Add(time.Hour)), nil)
	r.see(job.Key{Provider: job.DTS, Scope: "eu-frankfurt", ID: "dts-throttled"}, then, nil,
		&job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", Message: "slow down", RequestID: "r-1"})
}

package web_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/httpapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
	"migwatch/internal/web"
)

const (
	adminKey = "admin-key-canary-0123456789"
	readKey  = "read-key-canary-0123456789"
)

// rig is the pages over a real store, mounted where they are in earnest.
type rig struct {
	t     testing.TB
	store *store.Store
	path  string        // of the database file
	start time.Time     // when the first job was watched
	skew  time.Duration // how far the pages' clock is ahead
	url   string
	logs  *lockedBuffer
}

// setup is what a test wants to be different.
type setup struct {
	noKeys, public, cloud, noFiles bool
	noSealing                      bool // no encryption key is configured
	open                           func(context.Context) (web.Store, error)
	skew                           time.Duration
}

func newRig(t testing.TB, o setup) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "web.db"), skew: o.skew, logs: &lockedBuffer{}}
	r.openStore(!o.noSealing)
	if _, err := r.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.start, err = r.store.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.serve(o)
	return r
}

// openStore opens the database with an encryption key of its own, what another one sealed stays closed, or
// without any.
func (r *rig) openStore(seals bool) {
	r.t.Helper()
	var keys []secret.Text
	if seals {
		keys = append(keys, secret.GenerateEncryptionKey())
	}
	keyring, err := secret.NewKeyring(keys)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.store, err = store.Open(secret.New("sqlite:"+r.path), store.Options{Keys: keyring}); err != nil {
		r.t.Fatal(err)
	}
	db := r.store
	r.t.Cleanup(func() { _ = db.Close() })
}

func (r *rig) serve(o setup) {
	log := slog.New(slog.NewTextHandler(r.logs, nil))
	now := func() time.Time { return time.Now().Add(r.skew) }
	keys := secret.NewKeys([]secret.Text{secret.New(adminKey)}, []secret.Text{secret.New(readKey)})
	if o.noKeys {
		keys = secret.Keys{}
	}
	var ui *web.UI
	api := httpapi.New(httpapi.Options{
		Page: func(w http.ResponseWriter, r *http.Request, err error) { ui.Fail(w, r, err) },
		Open: func(context.Context) (httpapi.Store, error) { return r.store, nil }, Ready: r.store.Ready, Keys: keys,
		PublicRead: o.public, Local: !o.cloud, Cloud: o.cloud, Now: now, Log: log,
	})
	if o.open == nil {
		o.open = func(context.Context) (web.Store, error) { return r.store, nil }
	}
	ui = web.New(web.Options{Open: o.open, Access: api.Access, Keys: keys, FileURLs: !o.noFiles, Cloud: o.cloud, Now: now, Log: log, Version: "v0.0.0-test"})
	ui.Mount(func(pattern string, h http.Handler) { api.Handle(pattern, secret.RoleNone, h) })
	srv := httptest.NewServer(api)
	r.t.Cleanup(srv.Close)
	r.url = srv.URL
}

// step is what one poll sees, some time after the start.
type step struct {
	after time.Duration
	seen  job.Observation
	err   error
}

// watched watches k and lets polls see the steps.
func (r *rig) watched(k job.Key, label string, steps ...step) {
	r.t.Helper()
	ctx := r.t.Context()
	if _, _, err := r.store.Watch(ctx, k, job.Change{Label: &label}); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range steps {
		if _, err := r.store.PollNow(ctx, k); err != nil {
			r.t.Fatal(err)
		}
		claims, err := r.store.Claim(ctx, k.Budget(), 100, time.Minute)
		if err != nil {
			r.t.Fatal(err)
		}
		i := slices.IndexFunc(claims, func(c job.Claim) bool { return c.Job.Key == k })
		if i < 0 {
			r.t.Fatalf("%s is not due", k)
		}
		var seen *job.Observation
		if s.err == nil {
			seen = &s.seen
		}
		done, err := r.store.Record(ctx, []job.Outcome{job.Settle(claims[i], seen, s.err, r.start.Add(s.after))})
		if err != nil || !done[0] {
			r.t.Fatal(done, err)
		}
		if _, err := r.store.Release(ctx, slices.Delete(claims, i, i+1)); err != nil {
			r.t.Fatal(err)
		}
	}
}

func p(n int64) *int64 { return &n }

func dts(scope, id string) job.Key  { return job.Key{Provider: job.DTS, Scope: scope, ID: id} }
func wechat(env, id string) job.Key { return job.Key{Provider: job.WeChat, Scope: env, ID: id} }

// answer is what came back, read.
type answer struct {
	status int
	header http.Header
	body   string
}

// browser is a client that keeps cookies and follows no redirect.
type browser struct {
	r      *rig
	client *http.Client
	header http.Header
	at     *url.URL // of the page last read, to which references are relative
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{r, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.Header{}, mustParse(r.t, r.url+"/")}
}

func (b *browser) with(name, value string) *browser {
	b.header.Set(name, value)
	return b
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.r.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	to, err := b.at.Parse(path)
	if err != nil {
		b.r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.r.t.Context(), method, to.String(), body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	req.Header = b.header.Clone()
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	if method == http.MethodGet {
		b.at = to
	}
	if to, err := res.Location(); err == nil {
		res.Header.Set("Location", to.RequestURI()) // where a browser goes
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

func (b *browser) get(path string) answer { b.r.t.Helper(); return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, form url.Values) answer {
	b.r.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	return b.do(http.MethodPost, path, form)
}

// signedIn is a browser that has signed in with key.
func (r *rig) signedIn(key string) *browser {
	r.t.Helper()
	b := r.browser()
	if a := b.post("/session", url.Values{"key": {key}, "next": {"/"}}); a.status != http.StatusSeeOther {
		r.t.Fatalf("sign in: %d %s", a.status, a.body)
	}
	return b
}

func (a answer) has(t testing.TB, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%d: no %q in\n%s", a.status, part, a.body)
		}
	}
}

func (a answer) hasNot(t testing.TB, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(a.body, part) {
			t.Errorf("%d: %q is in\n%s", a.status, part, a.body)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// ticked remembers a tick that ended just now by the pages' clock.
func (r *rig) ticked(tick job.Tick) {
	r.t.Helper()
	if err := r.store.RememberTick(r.t.Context(), tick, 800*time.Millisecond); err != nil {
		r.t.Fatal(err)
	}
	r.exec(`UPDATE ticks SET started_at = started_at + ?, finished_at = finished_at + ?`, r.skew.Milliseconds(), r.skew.Milliseconds())
}

// exec changes the database behind the store's back.
func (r *rig) exec(statement string, args ...any) {
	r.t.Helper()
	db, err := sql.Open("sqlite", "file:"+r.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(r.t.Context(), statement, args...); err != nil {
		r.t.Fatal(err)
	}
}

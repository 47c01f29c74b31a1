package dts_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every secret of these tests starts with this, so that one search finds any.
const canary = "CANARY"

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	aJob  = job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-dau5czmd"}
	first = keys("1")
)

func keys(n string) dts.Keys {
	return dts.Keys{SecretID: secret.New(canary + "-id-" + n), SecretKey: secret.New(canary + "-key-" + n), Token: secret.New(canary + "-token-" + n)}
}

func newTransport(t testing.TB) *cloudapi.Transport {
	t.Helper()
	tr := cloudapi.NewTransport(cloudapi.Options{})
	t.Cleanup(tr.Close)
	return tr
}

func newClient(t testing.TB, base string, source dts.Source) *dts.Client {
	t.Helper()
	c, err := dts.New(dts.Options{BaseURL: base, Transport: newTransport(t), Keys: source, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tc3 is TC3-HMAC-SHA256 as its page tells it, written apart from the SDK. Only content type and host
// are signed, the path is always /.
func tc3(secretKey, host, service, contentType string, timestamp int64, payload []byte) string {
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	sum := func(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }
	date := time.Unix(timestamp, 0).UTC().Format("2006-01-02")
	canonical := strings.Join([]string{"POST", "/", "", "content-type:" + contentType, "host:" + host, "", "content-type;host", sum(payload)}, "\n")
	toSign := strings.Join([]string{"TC3-HMAC-SHA256", strconv.FormatInt(timestamp, 10), date + "/" + service + "/tc3_request", sum([]byte(canonical))}, "\n")
	key := mac(mac(mac([]byte("TC3"+secretKey), date), service), "tc3_request")
	return hex.EncodeToString(mac(key, toSign))
}

// api is DTS as its pages describe it: it refuses every request that is not exactly right.
type api struct {
	*httptest.Server
	t    testing.TB
	path string

	mu     sync.Mutex
	calls  int
	known  map[string]dts.Keys // by SecretID
	answer func(call int) (status int, body string)
}

func newAPI(t testing.TB, answer string) *api {
	a := &api{t: t, path: "/", known: map[string]dts.Keys{}}
	for _, n := range []string{"1", "2"} {
		k := keys(n)
		a.known[k.SecretID.Reveal()] = k
	}
	a.answer = func(int) (int, string) { return http.StatusOK, answer }
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	payload, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.RequestURI != a.path {
		a.t.Errorf("the request is %s %s", r.Method, r.RequestURI)
	}
	if string(payload) != `{"JobId":"dts-dau5czmd"}` {
		a.t.Errorf("the body is %s", payload)
	}
	for name, want := range map[string]string{
		"X-Tc-Action": "DescribeMigrateCheckJob", "X-Tc-Version": "2018-03-30", "X-Tc-Region": aJob.Scope,
		"X-Tc-Timestamp": strconv.FormatInt(noon.Unix(), 10), "Content-Type": "application/json",
	} {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
			a.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	a.verify(r, payload)
	status, text := a.answer(a.calls)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (a *api) verify(r *http.Request, payload []byte) {
	var id, date, signature string
	auth := strings.NewReplacer(",", " ", "/", " ", "=", " ").Replace(r.Header.Get("Authorization"))
	if _, err := fmt.Sscanf(auth, "TC3-HMAC-SHA256 Credential %s %s dts tc3_request SignedHeaders content-type;host Signature %s", &id, &date, &signature); err != nil {
		a.t.Errorf("Authorization cannot be read: %v", err)
		return
	}
	k, ok := a.known[id]
	if !ok || date != "2026-03-04" {
		a.t.Errorf("the credential's scope is wrong")
	}
	if want := tc3(k.SecretKey.Reveal(), r.Host, "dts", r.Header.Get("Content-Type"), noon.Unix(), payload); signature != want {
		a.t.Error("the signature is wrong")
	}
	if r.Header.Get("X-TC-Token") != k.Token.Reveal() {
		a.t.Error("the session token is of another set")
	}
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

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

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calls
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
			if s := fmt.Sprintf(format, x); strings.Contains(s, canary) || strings.Contains(s, "Signature=") {
				t.Errorf("%s shows a secret: %s", format, s)
			}
		}
	}
	return e
}

func refusal(code, message string) string {
	b, _ := json.Marshal(map[string]any{"Response": map[string]any{"RequestId": "req-1", "Error": map[string]any{"Code": code, "Message": message}}})
	return string(b)
}

// wire is a plain-HTTP proxy: it sees requests as the host they are for would.
func wire(t *testing.T, h http.HandlerFunc) (*httptest.Server, func(*http.Request) (*url.URL, error)) {
	t.Helper()
	s := httptest.NewServer(h)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, http.ProxyURL(u)
}

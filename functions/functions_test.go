// Package functions_test starts the built functions and calls them as the platform does: over its RPC,
// with nothing but a port in their environment. Both upstreams are emulated, over real HTTP.
package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/emulator"
	"migwatch/internal/poller"
	"migwatch/internal/scf/scftest"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

func TestMain(m *testing.M) { os.Exit(scftest.Main(m)) }

const (
	adminKey = "canary-admin-key-0123456789"
	readKey  = "canary-read-key-0123456789"
	sentinel = "canary-component-access-token"
)

var credential = emulator.Credential{ID: "AKIDcanarysecretid0123456789", Key: "canarysecretkey0123456789", Token: "canary-session-token-0123456789"}

// clock is the emulator's, moved by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is both functions, both upstreams and a database.
type rig struct {
	t           *testing.T
	poll, query *scftest.Function
	up          *emulator.Emulator
	clock       *clock
	server      *httptest.Server
	env         map[string]string // of every invocation
	database    string
	answers     []string
}

// newRig plays script. Settings reach the functions with each invocation only.
func newRig(t *testing.T, script string) *rig {
	t.Helper()
	return newRigWith(t, script, func(*emulator.Options) {})
}

// newRigWith is newRig with upstreams that are not the usual ones.
func newRigWith(t *testing.T, script string, change func(o *emulator.Options)) *rig {
	t.Helper()
	s, err := emulator.Parse(script)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, clock: &clock{at: time.Now()}, database: filepath.Join(t.TempDir(), "migwatch.db")}
	options := emulator.Options{
		Now: r.clock.now, Script: s, Seed: t.Name(), Arrivals: -1,
		WeChat: emulator.WeChatOptions{Tokens: []string{sentinel}, PerSecond: -1},
		DTS:    emulator.DTSOptions{Credentials: []emulator.Credential{credential}, AnyTime: true},
	}
	change(&options)
	r.up = emulator.New(options)
	r.server = httptest.NewServer(r.up)
	t.Cleanup(func() { r.up.Close(); r.server.Close() })
	r.env = map[string]string{
		"TENCENTCLOUD_SECRETID":        credential.ID,
		"TENCENTCLOUD_SECRETKEY":       credential.Key,
		"TENCENTCLOUD_SESSIONTOKEN":    credential.Token,
		"MIGWATCH_DATABASE_URL":        "sqlite:" + r.database,
		"MIGWATCH_ADMIN_KEYS":          adminKey,
		"MIGWATCH_READ_KEYS":           readKey,
		"MIGWATCH_ENCRYPTION_KEYS":     "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ=",
		"MIGWATCH_WECHAT_URL":          r.server.URL,
		"MIGWATCH_WECHAT_ACCESS_TOKEN": sentinel,
		"MIGWATCH_WECHAT_RATE":         "200",
		"MIGWATCH_DTS_URL":             r.server.URL,
		"MIGWATCH_LOG_LEVEL":           "debug",
		"MIGWATCH_FILE_URLS":           "true",
	}
	migrate(t, r.env["MIGWATCH_DATABASE_URL"])
	r.poll = scftest.Start(t, scftest.Build(t, "./functions/poll"), nil)
	r.query = scftest.Start(t, scftest.Build(t, "./functions/query"), nil)
	return r
}

func migrate(t *testing.T, url string) {
	t.Helper()
	s, err := store.Open(secret.New(url), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const timerEvent = `{"Type":"Timer","TriggerName":"every-minute","Time":"2026-11-22T00:00:00Z","Message":""}`

// tick invokes poll and gives its report.
func (r *rig) tick(limit time.Duration) poller.Report {
	r.t.Helper()
	answer, err := r.poll.Invoke([]byte(timerEvent), r.env, time.Now().Add(limit), "req-tick")
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.poll.Stdout())
	}
	r.answers = append(r.answers, string(answer))
	var report poller.Report
	if err := json.Unmarshal(answer, &report); err != nil {
		r.t.Fatal(err)
	}
	if sum := report.Recorded + report.Failed + report.Released + report.Lost; sum != report.Claimed {
		r.t.Errorf("the report does not add up: %s", answer)
	}
	if report.ElapsedMS >= limit.Milliseconds() {
		r.t.Errorf("the tick outlived its deadline, %s: %s", limit, answer)
	}
	return report
}

// reply is an HTTP answer as the platform takes it.
type reply struct {
	IsBase64Encoded bool              `json:"isBase64Encoded"`
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Body            string            `json:"body"`
}

// ask sends a function URL event.
func (r *rig) ask(method, path, key string, more ...string) reply {
	r.t.Helper()
	headers := map[string]string{"host": "1234-abcd.ap-shanghai.tencentscf.com", "x-scf-remote-addr": "203.0.113.9"}
	if key != "" {
		headers["authorization"] = "Bearer " + key
	}
	body := ""
	if len(more) > 0 {
		body, headers["content-type"] = more[0], "application/json"
	}
	path, query, _ := strings.Cut(path, "?")
	values := map[string]any{}
	for _, kv := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(kv, "="); ok {
			values[name] = value
		}
	}
	event, err := json.Marshal(map[string]any{"httpMethod": method, "path": path, "headers": headers, "queryString": values, "body": body})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.send(event)
}

func (r *rig) send(event []byte) reply {
	r.t.Helper()
	answer, err := r.query.Invoke(event, r.env, time.Now().Add(10*time.Second), "req-http")
	if err != nil {
		r.t.Fatalf("a function error: %v\n%s", err, r.query.Stdout())
	}
	var out reply
	if err := json.Unmarshal(answer, &out); err != nil {
		r.t.Fatal(err)
	}
	if out.Headers["X-Request-Id"] != "req-http" {
		r.t.Errorf("X-Request-Id is %q", out.Headers["X-Request-Id"])
	}
	return out
}

// get decodes a 200's body.
func (r *rig) get(path, key string) map[string]any {
	r.t.Helper()
	out := r.ask(http.MethodGet, path, key)
	if out.StatusCode != http.StatusOK {
		r.t.Fatalf("GET %s: %d %s", path, out.StatusCode, out.Body)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(out.Body), &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *rig) watch(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		if out := r.ask(http.MethodPut, "/v1/jobs/"+k, adminKey); out.StatusCode != http.StatusCreated {
			r.t.Fatalf("watch %s: %d %s", k, out.StatusCode, out.Body)
		}
	}
}

// again makes a job due and ticks.
func (r *rig) again(key string) poller.Report {
	r.t.Helper()
	if out := r.ask(http.MethodPost, "/v1/jobs/"+key+"/poll", adminKey); out.StatusCode != http.StatusAccepted {
		r.t.Fatalf("poll %s: %d %s", key, out.StatusCode, out.Body)
	}
	return r.tick(20 * time.Second)
}

// field follows a path such as latest.status through decoded JSON.
func field(v map[string]any, path string) any {
	var at any = v
	for _, name := range strings.Split(path, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return fmt.Sprintf("<no %s in %s>", name, path)
		}
		if at, ok = m[name]; !ok {
			return fmt.Sprintf("<no %s in %s>", name, path)
		}
	}
	return at
}

// wants checks fields of one job, as JSON texts.
func (r *rig) wants(key, apiKey string, want map[string]string) {
	r.t.Helper()
	j := r.get("/v1/jobs/"+key, apiKey)
	for path, text := range want {
		got, err := json.Marshal(field(j, path))
		if err != nil || string(got) != text {
			r.t.Errorf("%s: %s is %s, want %s", key, path, got, text)
		}
	}
}

// with is the invocation's environment with changes; an empty value takes a setting away.
func (r *rig) with(changes map[string]string) map[string]string {
	env := maps.Clone(r.env)
	for name, value := range changes {
		if env[name] = value; value == "" {
			delete(env, name)
		}
	}
	return env
}

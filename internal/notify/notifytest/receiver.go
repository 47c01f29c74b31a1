// Package notifytest plays every kind of sink, as strict as the real ones: signatures, sizes, rates and answers are those
// of the services' documents. Tests of senders and of the whole function hand it what they send.
package notifytest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// The keys of the sinks. All of them are to show nowhere.
const (
	Key        = "canary-key-4711"
	Word       = "SECcanary0815"
	RoutingKey = "canary0123456789abcdef0123456789"
	Whsec      = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
	OldWhsec   = "whsec_b2xkLWNhbmFyeS1vbGQtY2FuYXJ5LW9sZC1jYW4="
	MailWord   = "canary-mail-word"
)

// Canaries is all that must show nowhere.
var Canaries = []string{Key, Word, RoutingKey, Whsec, strings.TrimPrefix(Whsec, "whsec_"), "canary-mail", "canary-query"}

// Got is a message that was taken.
type Got struct {
	Kind string
	At   time.Time
	ID   string         // a webhook's
	Text string         // what a person reads; of a webhook the body
	Body map[string]any // decoded
}

// Receiver is all sinks on one server.
type Receiver struct {
	t      testing.TB
	server *httptest.Server
	mail   *mailServer
	// Now is the clock that signatures and rates are judged by.
	Now func() time.Time
	// Answer may answer in place of a service; status 0: the service does. Ask its kind.
	Answer func(kind string) (status int, body string, header http.Header)

	mu    sync.Mutex
	got   []Got
	asked map[string][]time.Time
}

// Kinds are all kinds of sinks.
var Kinds = []string{"webhook", "wecom", "dingtalk", "feishu", "lark", "slack", "pagerduty", "mail"}

// New starts it.
func New(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{t: t, Now: time.Now, asked: map[string][]time.Time{}}
	r.server = httptest.NewServer(r)
	r.mail = newMailServer(t, r)
	t.Cleanup(r.server.Close)
	return r
}

// URL is a sink's, as MIGWATCH_NOTIFY takes it; more are parameters, each after a &.
func (r *Receiver) URL(kind, more string) string {
	base := "base=" + r.server.URL + more
	switch kind {
	case "webhook":
		return "webhook+" + r.server.URL + "/webhook?team=canary-query&secret=" + Whsec + "&secret=" + OldWhsec + more
	case "dingtalk", "feishu", "lark":
		return kind + "://" + kind + Key + "?secret=" + Word + "&" + base
	case "slack":
		return "slack://T0/B0/" + Key + "?" + base
	case "pagerduty":
		return "pagerduty://" + RoutingKey + "?" + base
	case "mail":
		return "smtp://migwatch:" + MailWord + "@" + r.mail.address + "/?from=watch@example.com&to=dba@example.com,ops@example.com" + more
	}
	return kind + "://" + kind + Key + "?" + base
}

// Got is what was taken so far, of one kind or of all.
func (r *Receiver) Got(kind string) (out []Got) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.got {
		if kind == "" || g.Kind == kind {
			out = append(out, g)
		}
	}
	return out
}

// Asked is how often a kind was asked, whatever it answered.
func (r *Receiver) Asked(kind string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked[kind])
}

func (r *Receiver) take(g Got) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, g)
}

// rate limits are what each service takes in how long.
var rates = map[string][]struct {
	n   int
	per time.Duration
}{
	"wecom": {{20, time.Minute}}, "dingtalk": {{20, time.Minute}}, "feishu": {{100, time.Minute}, {5, time.Second}}, "lark": {{100, time.Minute}, {5, time.Second}},
	"slack": {{4, time.Second}}, "pagerduty": {{120, time.Minute}}, // Slack tolerates short bursts
}

// tooFast notes a call and judges the rate.
func (r *Receiver) tooFast(kind string) bool {
	now := r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[kind] = append(r.asked[kind], now)
	for _, limit := range rates[kind] {
		n := 0
		for _, at := range r.asked[kind] {
			if now.Sub(at) < limit.per {
				n++
			}
		}
		if n > limit.n {
			return true
		}
	}
	return false
}

// ServeHTTP judges one call.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	kind := ""
	for prefix, one := range map[string]string{"/webhook": "webhook", "/cgi-bin/webhook/send": "wecom", "/robot/send": "dingtalk", "/open-apis/bot/v2/hook/feishu": "feishu",
		"/open-apis/bot/v2/hook/lark": "lark", "/services/": "slack", "/v2/enqueue": "pagerduty"} {
		if strings.HasPrefix(req.URL.Path, prefix) {
			kind = one
		}
	}
	body := map[string]any{}
	err := json.Unmarshal(raw, &body)
	fast := r.tooFast(kind)
	if r.Answer != nil {
		if status, text, header := r.Answer(kind); status != 0 {
			for name, values := range header {
				w.Header()[name] = values
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
			return
		}
	}
	if req.Method != http.MethodPost || err != nil || !utf8.Valid(raw) || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") {
		r.t.Errorf("%s: %s %s: %v: %s", kind, req.Method, req.Header.Get("Content-Type"), err, raw)
	}
	j := judge{Receiver: r, w: w, req: req, raw: raw, body: body, fast: fast}
	map[string]func(){"webhook": j.webhook, "wecom": j.wecom, "dingtalk": j.dingtalk, "feishu": j.feishu, "lark": j.feishu, "slack": j.slack, "pagerduty": j.pagerduty, "": func() {
		http.NotFound(w, req)
	}}[kind]()
}

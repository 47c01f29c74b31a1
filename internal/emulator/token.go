package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// grant is one access token.
type grant struct {
	token    string
	ends     time.Time // zero: never
	replaced bool      // by a newer one, so that the end is not that of its age
}

// tokens are the component_access_tokens that were ever good, bounded.
type tokens struct {
	known   map[string]*grant
	order   []string // of purchase, to forget the oldest
	current *grant
	bought  daily
	total   int64
}

// mostTokens is how many tokens are remembered: enough to tell an old one from an invented one.
const mostTokens = 1000

// check gives the code that refuses a token, or "".
func (t *tokens) check(token string, now time.Time) string {
	g := t.known[token]
	switch {
	case g == nil:
		return "40014"
	case g.ends.IsZero() || now.Before(g.ends):
		return ""
	case g.replaced:
		return "40001"
	}
	return "42001"
}

// buy makes a new token; the one before dies soon. The caller holds mu.
func (e *Emulator) buy(now time.Time) *grant {
	t, o := &e.tokens, e.options.WeChat
	if old := t.current; old != nil {
		if dies := now.Add(o.OldTokenLife); dies.Before(old.ends) {
			old.ends, old.replaced = dies, true
		}
	}
	value := e.secret("94_" + e.unique("token") + e.unique("token"))
	t.current = &grant{token: value, ends: now.Add(o.TokenLife)}
	t.known[value] = t.current
	t.order = append(t.order, value)
	if len(t.order) > mostTokens {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	t.total++
	return t.current
}

func (g *grant) json(now time.Time) []byte {
	left := int64(g.ends.Sub(now) / time.Second)
	return []byte(object{}.with("component_access_token", g.token).with("expires_in", left).json())
}

// componentToken judges a purchase of a component_access_token. The caller holds mu.
func (e *Emulator) componentToken(c *call) reply {
	if c.r.Method != http.MethodPost {
		return c.refuse("43002", "")
	}
	if len(c.body) == 0 {
		return c.refuse("44002", "")
	}
	fields, err := readObject(c.body)
	if err != nil || len(c.body) > maxBody {
		return c.refuse("47001", "")
	}
	if !e.tokens.bought.add(c.At, e.options.WeChat.TokensPerDay) {
		return c.refuse("45009", "")
	}
	if code := e.checkComponent(c, fields); code != "" {
		return c.refuse(code, "")
	}
	fault := e.fault(place{api: ComponentToken}, c.At)
	if fault != nil && !fault.whole() {
		return reply{kind: plainText, fault: fault}
	}
	return reply{verdict: "ok", kind: plainText, body: e.buy(c.At).json(c.At), fault: fault}
}

func (e *Emulator) checkComponent(c *call, fields map[string]json.RawMessage) string {
	appid, _ := text(fields["component_appid"])
	secret, _ := text(fields["component_appsecret"])
	ticket, _ := text(fields["component_verify_ticket"])
	c.Credential = Fingerprint(ticket)
	o := e.options.WeChat
	issued, known := e.tickets.known[ticket]
	switch {
	case appid == "":
		return "41018"
	case secret == "":
		return "41004"
	case !strings.HasPrefix(appid, "wx"):
		return "40013"
	case appid != o.AppID:
		return "61011"
	case secret != o.AppSecret:
		return "40125"
	case !known:
		return "61006"
	case !c.At.Before(issued.Add(o.TicketLife)):
		return "61005"
	}
	return ""
}

// tokenService answers as a service of the user's own that keeps the token. It makes a new one where
// there is none, or the one there is ends within ten minutes. The caller holds mu.
func (e *Emulator) tokenService(c *call) reply {
	const kind = "application/json"
	if c.r.Method != http.MethodGet {
		return reply{verdict: "method not allowed", status: http.StatusMethodNotAllowed, kind: kind, body: []byte("{}")}
	}
	fault := e.fault(place{api: TokenService}, c.At)
	if fault != nil && !fault.whole() {
		return reply{kind: kind, fault: fault}
	}
	g := e.tokens.current
	if g == nil || g.ends.Sub(c.At) < 10*time.Minute {
		g = e.buy(c.At)
	}
	c.Credential = Fingerprint(g.token)
	return reply{verdict: "ok", kind: kind, body: g.json(c.At), fault: fault}
}

// ExpireTokens ends all access tokens at once: the next call with one is answered 42001.
func (e *Emulator) ExpireTokens() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.options.Now()
	for _, g := range e.tokens.known {
		if g.ends.IsZero() || now.Before(g.ends) {
			g.ends, g.replaced = now, false
		}
	}
}

// Grant makes a token good that was made elsewhere; life 0 is for ever.
func (e *Emulator) Grant(token string, life time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := &grant{token: token}
	if life > 0 {
		g.ends = e.options.Now().Add(life)
	}
	e.tokens.known[token] = g
	e.secret(token)
}

// Bought is how many component_access_tokens were made, by purchase or for the token service.
func (e *Emulator) Bought() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tokens.total
}

// CurrentToken is the newest component_access_token, "" before the first purchase.
func (e *Emulator) CurrentToken() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.tokens.current == nil {
		return ""
	}
	return e.tokens.current.token
}

// text reads a JSON string.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

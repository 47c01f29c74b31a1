package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say what the emulator is like. The zero value of each but Now works.
type Options struct {
	Now      func() time.Time // the clock of scripts, limits, tokens and signatures; required
	Script   Script
	WeChat   WeChatOptions
	DTS      DTSOptions
	Arrivals int    // how many the log keeps; 0: 10,000, negative: all
	Seed     string // what tokens, tickets, signatures and request IDs are made from: equal seeds make equal ones
	Closed   bool   // no /_emulator/ endpoints
}

// Emulator is both upstream APIs as one http.Handler. Its methods are safe for concurrent use.
type Emulator struct {
	options Options
	start   time.Time
	control http.Handler
	done    chan struct{} // closed by Close: hanging answers end

	mu      sync.Mutex
	closed  bool
	stage   *stage
	faults  map[place]*player // set from outside, by API and perhaps scope and job
	log     arrivals
	creds   []Credential
	tokens  tokens
	tickets tickets
	polls   daily // of WeChat
	made    uint64
	secrets []string
}

// New makes an emulator whose script starts now. It panics without a clock.
func New(o Options) *Emulator {
	if o.Now == nil {
		panic("emulator: Options.Now is not set")
	}
	if o.Arrivals == 0 {
		o.Arrivals = 10_000
	}
	o.WeChat.fill()
	o.DTS.fill()
	start := o.Now()
	e := &Emulator{options: o, start: start, done: make(chan struct{}), stage: newStage(), faults: map[place]*player{}}
	e.log = arrivals{most: o.Arrivals, tally: map[place]*tally{}}
	e.stage.add(o.Script, start)
	e.creds = o.DTS.Credentials
	e.tokens.known = map[string]*grant{}
	for _, t := range o.WeChat.Tokens {
		e.tokens.known[t] = &grant{token: t}
	}
	e.tickets.known = map[string]time.Time{}
	if o.WeChat.Ticket != "" {
		e.tickets.known[o.WeChat.Ticket] = start
	}
	e.control = e.controls()
	return e
}

// Close ends all answers that hang, so that a server can shut down. The emulator goes on answering.
func (e *Emulator) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.done)
	}
}

// ServeHTTP answers as the API the request is for.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := e.options.Now().UTC() // first of all: the log is about arrivals
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/_emulator/") && !e.options.Closed:
		e.control.ServeHTTP(w, r)
	case path == "/token":
		e.serve(w, r, &Arrival{At: at, API: TokenService}, e.tokenService)
	case path == "/cgi-bin/component/api_component_token":
		e.serve(w, r, &Arrival{At: at, API: ComponentToken}, e.componentToken)
	case path == "/" || r.Header.Get("X-TC-Action") != "":
		e.serve(w, r, &Arrival{At: at, API: calledAPI(r), Scope: regionOf(r)}, e.dtsPoll)
	case path == "/componenttcb/dbmigrationstate":
		e.serve(w, r, &Arrival{At: at, API: WeChat}, e.wechatPoll)
	default:
		e.serve(w, r, &Arrival{At: at, API: other}, func(c *call) reply { return c.refuse("40066", "") })
	}
}

// Add takes more script in while running. Jobs named before begin anew; what counts from the start
// counts from now.
func (e *Emulator) Add(s Script) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stage.add(s, e.options.Now())
}

// Fail breaks an API from now on, beside its script: all of it (scope and id ""), one scope, or one job.
// It replaces what was set for the same; f.For and f.Times bound it.
func (e *Emulator) Fail(api API, scope, id string, f Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults[place{api, scope, id}] = &player{block: &Block{API: api, Steps: []Step{{Fault: &f}}}, origin: e.options.Now()}
}

// Hang lets all calls of an API hang until Heal, or until their client goes.
func (e *Emulator) Hang(api API) { e.Fail(api, "", "", Fault{Do: "hang"}) }

// Heal ends all that Fail and Hang set for an API. Answers that hang already stay so.
func (e *Emulator) Heal(api API) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for at := range e.faults {
		if at.api == api {
			delete(e.faults, at)
		}
	}
}

// fault finds what breaks a call: what was set from outside before what is scripted for the API.
// The caller holds mu.
func (e *Emulator) fault(at place, now time.Time) *Fault {
	places := []place{at, {at.api, at.scope, ""}, {at.api, "", ""}}
	for _, set := range []map[place]*player{e.faults, e.stage.apis} {
		for i, p := range places {
			if i > 0 && p == places[i-1] || set[p] == nil {
				continue
			}
			if _, f := set[p].at(now); f != nil {
				return f
			}
		}
	}
	return nil
}

// Arrivals copies the log, oldest first.
func (e *Emulator) Arrivals() []Arrival {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.list()
}

// Counts sums up all arrivals, those the log has dropped too.
func (e *Emulator) Counts() []Count {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.counts()
}

// Peak is the most arrivals in any second at an API, refused ones among them. Only DTS counts by scope;
// there "" gives the highest of all regions.
func (e *Emulator) Peak(api API, scope string) int {
	peak := 0
	for _, c := range e.Counts() {
		if c.API == api && (!api.ofDTS() || scope == "" || c.Scope == scope) {
			peak = max(peak, c.Peak)
		}
	}
	return peak
}

// Refused is how many arrivals at an API, in all its scopes, were refused because too many came within a second.
func (e *Emulator) Refused(api API) int64 {
	var n int64
	for _, c := range e.Counts() {
		if c.API == api {
			n += c.Refused
		}
	}
	return n
}

// Polls is how many well-formed polls came for one scripted job, whatever they were answered.
func (e *Emulator) Polls(api API, scope, id string) int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.stage.players[place{api, scope, id}]; p != nil {
		return p.polls
	}
	return 0
}

// Forget empties the log and its counts. Scripts, faults and tokens stay.
func (e *Emulator) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = arrivals{most: e.options.Arrivals, tally: map[place]*tally{}}
}

// Secrets lists what must appear nowhere outside: each secret the emulator was given, and the newest
// (all, where the log keeps all) of those it made: tokens, tickets, file signatures.
func (e *Emulator) Secrets() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []string
	w := e.options.WeChat
	given := append([]string{w.AppSecret, w.Ticket, w.Callback.Token, w.Callback.AESKey}, w.Tokens...)
	for _, c := range e.creds {
		given = append(given, c.Key, c.Token)
	}
	for _, s := range append(given, e.secrets...) {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// unique makes a text of 64 hex digits that was never made before. The caller holds mu.
func (e *Emulator) unique(what string) string {
	e.made++
	var n [8]byte
	for i := range n {
		n[i] = byte(e.made >> (8 * i))
	}
	sum := sha256.Sum256([]byte(e.options.Seed + "\x00" + what + "\x00" + string(n[:])))
	return hex.EncodeToString(sum[:])
}

// secret remembers s for Secrets and returns it. The caller holds mu.
func (e *Emulator) secret(s string) string {
	if most := e.options.Arrivals; most > 0 && len(e.secrets) >= 2*most {
		e.secrets = append(e.secrets[:0], e.secrets[most:]...)
	}
	e.secrets = append(e.secrets, s)
	return s
}

// daily counts calls per day in UTC+8, where the quotas of WeChat begin anew.
type daily struct{ day, n int64 }

// add counts one more and reports whether it is within most; negative is no limit.
func (d *daily) add(now time.Time, most int) bool {
	day := (now.Unix() + 8*60*60) / (24 * 60 * 60)
	if day != d.day {
		*d = daily{day: day}
	}
	d.n++
	return most < 0 || d.n <= int64(most)
}

package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// Arrival is one request that came in. The log keeps it from the moment it came, so that one that hangs
// or breaks off is there too, with an empty verdict until there is one.
type Arrival struct {
	N          int64     `json:"n"`  // from 1, in the order of arrival
	At         time.Time `json:"at"` // taken before anything else was done with the request
	API        API       `json:"api"`
	Scope      string    `json:"scope"`
	ID         string    `json:"job_id"`
	Credential string    `json:"credential"` // a fingerprint; "" where none was read
	Verdict    string    `json:"verdict"`    // "ok", the error code, or the fault
	Limited    bool      `json:"limited"`    // refused because too many came within a second
	RequestID  string    `json:"request_id"`
}

// Count sums up the arrivals of one API and scope.
type Count struct {
	API      API              `json:"api"`
	Scope    string           `json:"scope"` // the region; "" for the APIs whose limits know no scope
	Arrivals int64            `json:"arrivals"`
	OK       int64            `json:"ok"`
	Refused  int64            `json:"refused"` // because too many came within a second
	Peak     int              `json:"peak"`    // the most that came in any second, refused ones among them
	Verdicts map[string]int64 `json:"verdicts"`
}

// Fingerprint tells secrets apart without showing them.
func Fingerprint(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:6])
}

// arrivals is the log: a ring where it is bounded.
type arrivals struct {
	most  int // negative: unbounded
	n     int64
	ring  []*Arrival // the n-th arrival is at (n-1) % most
	tally map[place]*tally
}

type tally struct {
	Count
	window window
}

// mostScopes and mostVerdicts bound what a caller can make the emulator remember by inventing names.
const (
	mostScopes   = 1000
	mostVerdicts = 200
)

// come notes an arrival and tells how many came within the second that ends with it.
func (l *arrivals) come(a *Arrival, sinceStart time.Duration) int {
	l.n++
	a.N = l.n
	switch {
	case l.most < 0 || len(l.ring) < l.most:
		l.ring = append(l.ring, a)
	case l.most > 0:
		l.ring[(l.n-1)%int64(l.most)] = a
	}
	t := l.of(a.API, a.Scope)
	t.Arrivals++
	inSecond := t.window.add(sinceStart)
	t.Peak = t.window.peak
	return inSecond
}

// judge gives an arrival its verdict.
func (l *arrivals) judge(a *Arrival, verdict string) {
	a.Verdict = verdict
	t := l.of(a.API, a.Scope)
	if verdict == "ok" {
		t.OK++
	}
	if a.Limited {
		t.Refused++
	}
	if t.Verdicts[verdict] == 0 && len(t.Verdicts) >= mostVerdicts {
		verdict = "other"
	}
	t.Verdicts[verdict]++
}

// of finds the tally of a limit: DTS counts by region, all others as a whole.
func (l *arrivals) of(api API, scope string) *tally {
	if !api.ofDTS() || l.tally[place{api: api, scope: scope}] == nil && len(l.tally) >= mostScopes {
		scope = ""
	}
	at := place{api: api, scope: scope}
	if l.tally[at] == nil {
		at.scope = strings.Clone(scope)
		l.tally[at] = &tally{Count: Count{API: api, Scope: at.scope, Verdicts: map[string]int64{}}}
	}
	return l.tally[at]
}

// list copies the arrivals, oldest first.
func (l *arrivals) list() []Arrival {
	oldest := l.n - int64(len(l.ring)) + 1
	var out []Arrival
	for n := max(oldest, 1); n <= l.n; n++ {
		i := n - 1
		if l.most > 0 {
			i %= int64(l.most)
		}
		out = append(out, *l.ring[i])
	}
	return out
}

func (l *arrivals) counts() []Count {
	var out []Count
	for _, t := range l.tally {
		c := t.Count
		c.Verdicts = maps.Clone(c.Verdicts)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return strings.Compare(string(a.API)+" "+a.Scope, string(b.API)+" "+b.Scope)
	})
	return out
}

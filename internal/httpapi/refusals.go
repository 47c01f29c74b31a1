package httpapi

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Refusals counts what strangers tried and were refused, in this process. The log has a line for the first and
// then one a minute with how many there were since: one line each would be theirs to fill.
type Refusals struct {
	log  *slog.Logger
	what string

	mu     sync.Mutex
	total  int64
	recent int64 // since a minute began
	untold int64 // not in the log yet
	minute bool  // one is running
}

// NewRefusals tells the log what was refused in those words. The reasons it is given show no secret.
func NewRefusals(log *slog.Logger, what string) *Refusals { return &Refusals{log: log, what: what} }

// Total is how many there were since the process began.
func (f *Refusals) Total() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.total
}

// Add counts one, and says how many there were since the minute began.
func (f *Refusals) Add(reason string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total++
	f.recent++
	f.untold++
	if !f.minute {
		f.tell(reason)
	}
	return f.recent
}

// tell writes a line and begins a minute. It is called with the lock held.
func (f *Refusals) tell(reason string) {
	f.log.Warn(f.what, "count", f.untold, "reason", reason)
	f.untold, f.minute = 0, true
	time.AfterFunc(time.Minute, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.recent, f.minute = 0, false
		if f.untold > 0 {
			f.tell(reason)
		}
	})
}

// Wrong keys are slowed when there are many: anybody may mistype one.
const (
	freeGuesses = 5 // a minute
	guessDelay  = 500 * time.Millisecond
	slowGuesses = 16 // wait at a time
)

// guessed is the answer to a wrong key. Where there are many it comes late; but no more of them wait at a time
// than leave room for everybody else, and those beyond have to connect anew. A right key never comes here. In
// the cloud nothing waits: the time would be paid for.
func (a *API) guessed(r *http.Request) *Problem {
	p := unauthorized()
	if a.opt.WrongKeys.Add("unknown key") <= freeGuesses || a.opt.Cloud {
		return p
	}
	select {
	case a.guesses <- struct{}{}:
		defer func() { <-a.guesses }()
		select {
		case <-time.After(guessDelay):
		case <-r.Context().Done():
		}
	default:
		p.header.Set("Connection", "close")
	}
	return p
}

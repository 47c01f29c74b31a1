package poller

import (
	"context"
	"migwatch/internal/pace"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"migwatch/internal/job"
)

const (
	atOnce    = 64                     // polls of one worker under way, at most
	ahead     = 400 * time.Millisecond // a batch is this much of the budget: little is lost with its holder
	mostBatch = 100
	lead      = 250 * time.Millisecond // a poll's connection is made this long before its slot
)

// worker polls the due jobs of one budget, at the budget's pace.
type worker struct {
	*tick
	budget   string
	upstream Upstream
	spacing  pace.Spacing
	batch    int
	window   *pace.Window
	again    time.Time      // when the list is to be gone through again; zero: not for now
	polls    chan struct{}  // a place for each poll under way
	open     sync.WaitGroup // polls under way

	mu       sync.Mutex
	unpolled []job.Claim
}

func newWorker(t *tick, budget string, upstream Upstream, rate float64) *worker {
	batch := min(max(int(rate*ahead.Seconds()), 1), mostBatch)
	return &worker{tick: t, budget: budget, upstream: upstream, spacing: pace.Of(rate), batch: batch, window: pace.NewWindow(rate), polls: make(chan struct{}, atOnce)}
}

// run works until nothing is due, no slot is near, or the time is over. A database that fails meanwhile
// ends nothing: while there is time, the worker backs off and asks again.
func (l *worker) run() {
	defer l.giveBackUnpolled()
	defer l.open.Wait()
	if !l.sweep() {
		return
	}
	wait := newBackOff()
	for l.polling.Err() == nil && l.left() > 0 && !l.isListDue() && l.places() {
		claims, err := l.Store.Claim(l.polling, l.budget, l.batch, l.Lease)
		if err != nil {
			l.Log.Error("cannot claim", "budget", l.budget, "error", err.Error())
			if !l.sleep(l.polling, time.Now().Add(wait.NextBackOff())) {
				return
			}
			continue
		}
		wait.Reset()
		l.count(func(r *Report) { r.Claimed += int64(len(claims)) })
		if len(claims) == 0 || !l.send(claims, time.Now()) {
			return
		}
	}
}

// isListDue reports whether the list tells of a hundred jobs again what would be asked one by one: the worker ends, and the
// next one begins with the list.
func (l *worker) isListDue() bool { return !l.again.IsZero() && time.Now().After(l.again) }

// newBackOff is how long a worker waits after a database's failures in a row.
func newBackOff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	return b
}

// send has claims polled, each at a slot of its own: as many at a time as a reservation gives. It is
// false when there are no slots any more for the rest. claimed is by this clock what each claim's At is by the
// store's.
func (l *worker) send(claims []job.Claim, claimed time.Time) bool {
	for len(claims) > 0 {
		slots, ok := l.reserve(l.polling, len(claims), claimed)
		if !ok {
			l.unused(claims...)
			return false
		}
		for i, c := range claims[:slots.N] {
			l.polls <- struct{}{}
			l.open.Go(func() {
				defer func() { <-l.polls }()
				l.poll(c, claimed, turn{at: slots.At(i), late: slots.Late})
			})
		}
		claims = claims[slots.N:]
		// The next ones are reserved before these ones' last slot, so that no slot between stays empty.
		if !l.sleep(l.polling, slots.At(slots.N-1).Add(-ahead/2)) {
			l.unused(claims...)
			return false
		}
	}
	return true
}

// places waits until a whole batch may be under way.
func (l *worker) places() bool {
	for len(l.polls)+l.batch > max(cap(l.polls), l.batch) {
		if !l.sleep(l.polling, time.Now().Add(20*time.Millisecond)) {
			return false
		}
	}
	return true
}

// reserve takes up to n slots, at least one, that are near enough for claims of that instant; false when
// there are none, or the time is over.
func (l *worker) reserve(ctx context.Context, n int, claimed time.Time) (pace.Slots, bool) {
	wait := newBackOff()
	for {
		horizon := l.horizon(claimed)
		if horizon <= 0 {
			return pace.Slots{}, false
		}
		slots, err := l.Store.Reserve(ctx, l.budget, n, l.spacing, horizon)
		if slots.N = min(slots.N, n); slots.N > 0 {
			return slots, true
		}
		if err != nil {
			l.Log.Error("cannot reserve", "budget", l.budget, "error", err.Error())
		} else if slots.First.IsZero() {
			return pace.Slots{}, false // none within the horizon
		}
		// The database failed, or the slots' instants are not known and they are void.
		if !l.sleep(ctx, time.Now().Add(wait.NextBackOff())) {
			return pace.Slots{}, false
		}
	}
}

// unused keeps claims that were not polled until the worker gives them back.
func (l *worker) unused(claims ...job.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unpolled = append(l.unpolled, claims...)
}

// giveBackUnpolled gives the claims back as they were, all in one call. It may take a little of the
// reserve, and leaves the rest to recording.
func (l *worker) giveBackUnpolled() {
	if len(l.unpolled) == 0 {
		return
	}
	ctx, cancel := l.briefly()
	defer cancel()
	n, err := l.Store.Release(ctx, l.unpolled)
	if err != nil {
		l.Log.Error("cannot release; the leases will end", "budget", l.budget, "error", err.Error())
	}
	l.count(func(r *Report) {
		r.Released += n
		r.Lost += int64(len(l.unpolled)) - n
	})
}

// briefly bounds what is written beside the records.
func (l *worker) briefly() (context.Context, context.CancelFunc) {
	until := time.Now().Add(writeTime)
	if until.After(l.giveBack) {
		until = l.giveBack
	}
	return l.writing(until)
}

package poller

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"migwatch/internal/job"
	"migwatch/internal/pace"
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
func (w *worker) run() {
	defer w.giveBackUnpolled()
	defer w.open.Wait()
	if !w.sweep() {
		return
	}
	wait := newBackOff()
	for w.polling.Err() == nil && w.left() > 0 && !w.isListDue() && w.places() {
		claims, err := w.Store.Claim(w.polling, w.budget, w.batch, w.Lease)
		if err != nil {
			w.Log.Error("cannot claim", "budget", w.budget, "error", err.Error())
			if !w.sleep(w.polling, time.Now().Add(wait.NextBackOff())) {
				return
			}
			continue
		}
		wait.Reset()
		w.count(func(r *Report) { r.Claimed += int64(len(claims)) })
		if len(claims) == 0 || !w.send(claims, time.Now()) {
			return
		}
	}
}

// isListDue reports whether the list tells of a hundred jobs again what would be asked one by one: the worker ends, and the
// next one begins with the list.
func (w *worker) isListDue() bool { return !w.again.IsZero() && time.Now().After(w.again) }

// newBackOff is how long a worker waits after a database's failures in a row.
func newBackOff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, 5*time.Second
	return b
}

// send has claims polled, each at a slot of its own: as many at a time as a reservation gives. It is
// false when there are no slots any more for the rest. claimed is by this clock what each claim's At is by the
// store's.
func (w *worker) send(claims []job.Claim, claimed time.Time) bool {
	for len(claims) > 0 {
		slots, ok := w.reserve(w.polling, len(claims), claimed)
		if !ok {
			w.unused(claims...)
			return false
		}
		for i, c := range claims[:slots.N] {
			w.polls <- struct{}{}
			w.open.Go(func() {
				defer func() { <-w.polls }()
				w.poll(c, claimed, slot{at: slots.At(i), late: slots.Late})
			})
		}
		claims = claims[slots.N:]
		// The next ones are reserved before these ones' last slot, so that no slot between stays empty.
		if !w.sleep(w.polling, slots.At(slots.N-1).Add(-ahead/2)) {
			w.unused(claims...)
			return false
		}
	}
	return true
}

// places waits until a whole batch may be under way.
func (w *worker) places() bool {
	for len(w.polls)+w.batch > max(cap(w.polls), w.batch) {
		if !w.sleep(w.polling, time.Now().Add(20*time.Millisecond)) {
			return false
		}
	}
	return true
}

// reserve takes up to n slots, at least one, that are near enough for claims of that instant; false when
// there are none, or the time is over.
func (w *worker) reserve(ctx context.Context, n int, claimed time.Time) (pace.Slots, bool) {
	wait := newBackOff()
	for {
		horizon := w.horizon(claimed)
		if horizon <= 0 {
			return pace.Slots{}, false
		}
		slots, err := w.Store.Reserve(ctx, w.budget, n, w.spacing, horizon)
		if slots.N = min(slots.N, n); slots.N > 0 {
			return slots, true
		}
		if err != nil {
			w.Log.Error("cannot reserve", "budget", w.budget, "error", err.Error())
		} else if slots.First.IsZero() {
			return pace.Slots{}, false // none within the horizon
		}
		// The database failed, or the slots' instants are not known and they are void.
		if !w.sleep(ctx, time.Now().Add(wait.NextBackOff())) {
			return pace.Slots{}, false
		}
	}
}

// unused keeps claims that were not polled until the worker gives them back.
func (w *worker) unused(claims ...job.Claim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unpolled = append(w.unpolled, claims...)
}

// giveBackUnpolled gives the claims back as they were, all in one call. It may take a little of the
// reserve, and leaves the rest to recording.
func (w *worker) giveBackUnpolled() {
	if len(w.unpolled) == 0 {
		return
	}
	ctx, cancel := w.briefly()
	defer cancel()
	n, err := w.Store.Release(ctx, w.unpolled)
	if err != nil {
		w.Log.Error("cannot release; the leases will end", "budget", w.budget, "error", err.Error())
	}
	w.count(func(r *Report) {
		r.Released += n
		r.Lost += int64(len(w.unpolled)) - n
	})
}

// briefly bounds what is written beside the records.
func (w *worker) briefly() (context.Context, context.CancelFunc) {
	until := time.Now().Add(writeTime)
	if until.After(w.giveBack) {
		until = w.giveBack
	}
	return w.writing(until)
}

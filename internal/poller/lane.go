package poller

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"migwatch/internal/job"
)

const (
	atOnce    = 64                     // looks of one lane under way, at most
	ahead     = 400 * time.Millisecond // a batch is this much of the budget: little is lost with its holder
	mostBatch = 100
	lead      = 250 * time.Millisecond // a look's connection is made this long before its slot
)

// lane looks at the due jobs of one budget, at the budget's pace.
type lane struct {
	*tick
	budget string
	looker Looker
	pace   job.Pace
	batch  int
	window *window
	pushed atomic.Int64   // how often this lane met a refusal: slots from before are void
	looks  chan struct{}  // a place for each look under way
	open   sync.WaitGroup // looks under way
}

func newLane(t *tick, budget string, looker Looker, rate float64) *lane {
	batch := min(max(int(rate*ahead.Seconds()), 1), mostBatch)
	return &lane{tick: t, budget: budget, looker: looker, pace: job.PaceOf(rate), batch: batch, window: newWindow(rate), looks: make(chan struct{}, atOnce)}
}

// run works until nothing is due, no slot is near, or the time is over.
func (l *lane) run() {
	defer l.open.Wait()
	for l.ctx.Err() == nil && l.left() > 0 && l.places() {
		claims, err := l.Store.Claim(l.ctx, l.budget, l.batch, l.Lease)
		if err != nil {
			l.Log.Error("cannot claim", "budget", l.budget, "error", err.Error())
			return
		}
		if len(claims) == 0 {
			return
		}
		claimed := time.Now() // by this clock, what each claim's At is by the store's
		l.count(func(r *Report) { r.Claimed += int64(len(claims)) })
		slots, ok := l.reserve(l.ctx, len(claims))
		if !ok {
			l.release(claims...)
			return
		}
		pushed := l.pushed.Load()
		for i, c := range claims {
			l.looks <- struct{}{}
			l.open.Go(func() {
				defer func() { <-l.looks }()
				l.look(c, claimed, turn{at: slots.At(i), late: slots.Late, pushed: pushed})
			})
		}
		// The next batch is reserved before this one's last slot, so that no slot between stays empty.
		if !l.sleep(l.ctx, slots.At(slots.N-1).Add(-ahead/2)) {
			return
		}
	}
}

// places waits until a whole batch may be under way.
func (l *lane) places() bool {
	for len(l.looks)+l.batch > max(cap(l.looks), l.batch) {
		if !l.sleep(l.ctx, time.Now().Add(20*time.Millisecond)) {
			return false
		}
	}
	return true
}

// reserve takes n slots that are near enough.
func (l *lane) reserve(ctx context.Context, n int) (job.Slots, bool) {
	for range 4 { // a reservation whose instants are not known is void, and made again
		horizon := l.horizon()
		if horizon <= 0 {
			return job.Slots{}, false
		}
		slots, err := l.Store.Reserve(ctx, l.budget, n, l.pace, horizon)
		if err != nil {
			l.Log.Error("cannot reserve", "budget", l.budget, "error", err.Error())
			return job.Slots{}, false
		}
		if slots.N > 0 {
			return slots, true
		}
		if slots.First.IsZero() {
			return job.Slots{}, false // none within the horizon
		}
	}
	return job.Slots{}, false
}

// release gives claims back as they were.
func (l *lane) release(claims ...job.Claim) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), writeTime)
	defer cancel()
	n, err := l.Store.Release(ctx, claims)
	if err != nil {
		l.Log.Error("cannot release; the leases will end", "budget", l.budget, "error", err.Error())
	}
	l.count(func(r *Report) {
		r.Released += n
		r.Lost += int64(len(claims)) - n
	})
}

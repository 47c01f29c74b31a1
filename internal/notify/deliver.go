package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/sink"
)

// Store is what telling asks of the memory. See package store for what each promises.
type Store interface {
	KeepSinks(ctx context.Context, named []job.Sink) error
	ClaimSink(ctx context.Context, id string, lease time.Duration) (*job.SinkClaim, error)
	Untold(ctx context.Context, after int64, n int) ([]job.Told, error)
	MoveSink(ctx context.Context, c *job.SinkClaim, place, told int64, lease time.Duration) (held bool, err error)
	EndSink(ctx context.Context, c job.SinkClaim) error
}

// SendTime is what one sending may take, at most.
const SendTime = 15 * time.Second

const (
	least    = 500 * time.Millisecond // of time, for a sending to be begun
	endTime  = 2 * time.Second        // for writing how it went
	pageSize = 500                    // events that are read at once, and a digest's most
	givenUp  = 3 * 24 * time.Hour     // of failing, after which events of that age are dropped
	refusals = 3                      // of one message, after which it is dropped
)

// waits are how long after a failed sending it is tried again; the last one from then on.
var waits = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}

// Teller tells sinks.
type Teller struct {
	Store  Store
	Client *Client
	Sinks  []sink.Sink
	Lease  time.Duration // how long a sink is held if its teller dies
	Log    *slog.Logger
}

// Keep makes the sinks known: one that is new is told of what happens from now on.
func (t *Teller) Keep(ctx context.Context) {
	if len(t.Sinks) == 0 {
		return
	}
	named := make([]job.Sink, len(t.Sinks))
	for i, s := range t.Sinks {
		named[i] = s.Sink
	}
	if err := t.Store.KeepSinks(ctx, named); err != nil {
		t.Log.Error("cannot keep sinks", "error", err.Error())
	}
}

// Tell hands every sink what it has not had, each for itself, until ctx ends or there is nothing to tell. It says how
// many events sinks took.
func (t *Teller) Tell(ctx context.Context) (told int64) {
	var all sync.WaitGroup
	var sum atomic.Int64
	for _, s := range t.Sinks {
		all.Go(func() {
			n, err := t.tell(ctx, s)
			sum.Add(n)
			if err != nil && ctx.Err() == nil {
				t.Log.Error("cannot tell a sink", "sink", s.Name, "error", err.Error())
			}
		})
	}
	all.Wait()
	return sum.Load()
}

// telling is one sink under way.
type telling struct {
	*Teller
	sink sink.Sink
	*job.SinkClaim
	claimed time.Time // by this clock, what At is by the store's
	until   time.Time // until when the lease lasts, by this clock
	told    int64

	wanted []job.Told // of the page at hand, what it has still to be told
	last   int64      // the page's last event
}

func (t *Teller) tell(ctx context.Context, s sink.Sink) (told int64, err error) {
	now := t.Client.Now()
	claim, err := t.Store.ClaimSink(ctx, s.ID, t.Lease)
	if err != nil || claim == nil {
		return 0, err
	}
	w := &telling{Teller: t, sink: s, SinkClaim: claim, claimed: now, until: now.Add(t.Lease)}
	w.NextAt = nil
	for more := true; more && err == nil; {
		more, err = w.next(ctx)
	}
	if errors.Is(err, errLost) {
		return w.told, nil
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	return w.told, errors.Join(err, t.Store.EndSink(ending, *w.SinkClaim))
}

// errLost ends the telling of a sink that another teller has taken over.
var errLost = errors.New("the lease ended")

// next hands on what comes next; false when that is nothing, or not now.
func (w *telling) next(ctx context.Context) (more bool, err error) {
	if len(w.wanted) == 0 {
		list, err := w.Store.Untold(ctx, w.Place, pageSize)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, m := range list {
			if IsTold(w.sink, m.Event) {
				w.wanted = append(w.wanted, m)
			}
		}
		if w.last = list[len(list)-1].Event.ID; len(w.wanted) == 0 {
			return true, w.move(ctx, w.last, 0)
		}
	}
	if !w.turn(ctx) {
		return false, nil
	}
	sending, cancel := context.WithTimeout(ctx, w.sendTime())
	taken, err := w.Client.Send(sending, w.sink, w.wanted)
	cancel()
	if err != nil {
		if ctx.Err() == nil { // else it is of our making, and counts as no failure
			w.failed(err)
		}
		return false, nil // the failure is the sink's, and remembered
	}
	place := w.last
	if w.wanted = w.wanted[taken:]; len(w.wanted) > 0 {
		place = w.wanted[0].Event.ID - 1
	}
	return true, w.move(ctx, place, int64(taken))
}

// move writes that the sink has had everything up to place. What the receiver took is written even when ctx is over.
func (w *telling) move(ctx context.Context, place, taken int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	now := w.Client.Now()
	held, err := w.Store.MoveSink(ctx, w.SinkClaim, place, taken, w.Lease)
	if err == nil && !held {
		return errLost
	}
	if err == nil {
		w.told += taken
		w.until = now.Add(w.Lease)
		if taken > 0 {
			at := w.now()
			w.SentAt = &at
		}
	}
	return err
}

// sendTime is what one sending may take: the lease has to outlast it, and the write after it.
func (w *telling) sendTime() time.Duration { return min(SendTime, w.Lease/2) }

// now is the store's clock.
func (w *telling) now() time.Time { return w.At.Add(w.Client.Now().Sub(w.claimed)) }

// turn waits until the service's rate allows the next message; false where that is not within ctx or the lease.
func (w *telling) turn(ctx context.Context) bool {
	at := w.now()
	wait := time.Duration(0)
	if w.SentAt != nil {
		wait = max(0, w.SentAt.Add(gap(w.sink.Kind)).Sub(at))
	}
	at = at.Add(wait)
	begin := w.Client.Now().Add(wait)
	if end, bounded := ctx.Deadline(); bounded && begin.Add(least).After(end) || begin.Add(w.sendTime()+w.Lease/4).After(w.until) {
		if wait > 0 {
			w.NextAt = &at
		}
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// failed decides what becomes of a sending that failed: it is tried again, given up, or the sink stops.
func (w *telling) failed(err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Class: Again, Code: "internal", Message: "the sending failed for a reason not known here"}
	}
	now := w.now()
	w.Failures++
	w.Error = e.Error()
	if w.FailingSince == nil {
		w.FailingSince = &now
	}
	next := now.Add(max(waits[min(int(w.Failures), len(waits))-1], e.RetryAfter))
	w.NextAt = &next
	switch {
	case e.Class == Gone:
		w.Stopped, w.NextAt = true, nil
		w.Log.Error("a sink is stopped until its URL changes", "sink", w.Name, "kind", w.Kind, "error", w.Error)
		return
	case e.Class == Refused && w.Failures >= refusals:
		w.drop(w.wanted[:atOnce(w.sink, len(w.wanted))])
		w.Failures, w.FailingSince, w.NextAt = 0, nil, nil
	case now.Sub(*w.FailingSince) >= givenUp:
		old := 0
		for old < len(w.wanted) && now.Sub(w.wanted[old].Event.At) >= givenUp {
			old++
		}
		w.drop(w.wanted[:old])
	}
	w.Log.Warn("a sink failed", "sink", w.Name, "kind", w.Kind, "error", w.Error, "failures", w.Failures, "next_at", fmt.Sprint(w.NextAt), "waiting", len(w.wanted))
}

// drop gives up events. The place moves over them when the lease ends.
func (w *telling) drop(list []job.Told) {
	if len(list) == 0 {
		return
	}
	w.Place = list[len(list)-1].Event.ID
	w.Dropped += int64(len(list))
	w.Log.Error("events were given up", "sink", w.Name, "kind", w.Kind, "events", len(list), "error", w.Error)
}

package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
)

// slot is when one poll may go on the wire.
type slot struct {
	at   time.Time
	late time.Duration // missed by more, the slot is void
}

var (
	// errNotBegun keeps a poll from the wire: it is given back, not failed.
	errNotBegun = errors.New("not begun")
	errTimeout  = errors.New("the poll took too long")
	errOver     = errors.New("the tick is over")
)

// poll polls one claimed job and hands on what came of it.
func (w *worker) poll(c job.Claim, claimed time.Time, first slot) {
	if !w.sleep(w.polling, first.at.Add(-lead)) {
		w.unused(c)
		return
	}
	seen, err := w.call(c, claimed, first)
	if err != nil && (errors.Is(err, errNotBegun) || w.ctx.Err() != nil) {
		w.unused(c)
		return
	}
	out, ok := w.settled(c, seen, err, c.At.Add(time.Since(claimed)))
	if !ok {
		w.count(func(r *Report) { r.Lost++ })
		return
	}
	if out.Err != nil {
		w.refused(out)
	}
	w.record.add(out)
}

// settled decides what the poll changes. What was seen may be such that deciding panics: the job is then
// pushed an hour out as one whose poll panicked; and lost, should even that panic.
func (w *worker) settled(c job.Claim, seen *job.Observation, err error, now time.Time) (out job.Outcome, ok bool) {
	try := func(seen *job.Observation, err error) (broken error) {
		defer func() { broken = w.contained(recover(), "settling", c.Job.Key) }()
		out = settle(c, seen, err, now)
		return nil
	}
	broken := try(seen, err)
	if broken != nil {
		broken = try(nil, broken)
	}
	return out, broken == nil
}

var settle = job.Settle // a test breaks it

// contained makes a failed poll of what a panic left, and tells of it; nil where there was none.
func (w *worker) contained(panicked any, what string, k job.Key) error {
	if panicked == nil {
		return nil
	}
	// A value may hold a secret; its type and the stack may not.
	w.Log.Error("a panic was contained", "in", what, "job", k.String(), "panic", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	return &job.PollError{Kind: job.Invalid, Code: "panic", Message: "the poll broke; the log has the stack"}
}

// call asks the upstream: bounded in time, and contained should it panic.
func (w *worker) call(c job.Claim, claimed time.Time, first slot) (seen *job.Observation, err error) {
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	// The end comes as a cancellation and not as a deadline: it says nothing of whom the poll asks.
	defer context.AfterFunc(w.polling, func() { cancel(errOver) })()
	slow := time.AfterFunc(time.Until(first.at)+w.Timeout, func() { cancel(errTimeout) })
	defer slow.Stop()
	defer func() {
		if broken := w.contained(recover(), "a poll", c.Job.Key); broken != nil {
			seen, err = nil, broken
		}
	}()
	pass := &gate{worker: w, claimed: claimed, next: first, slow: slow}
	got, err := w.upstream.Poll(ctx, c.Job, pass.wait)
	w.window.Answered(pass.sent, time.Now())
	if err == nil {
		return &got, nil
	}
	cause := context.Cause(ctx)
	over := errors.Is(cause, errOver)
	switch {
	case pass.passed && (over || errors.Is(cause, errTimeout)):
		return nil, &job.PollError{Kind: job.Transient, Code: "timeout", Message: "no whole answer in the time a poll may take", Err: cause}
	case over:
		return nil, errNotBegun
	}
	return nil, err
}

// gate lets one poll's calls through, each at a slot of its own.
type gate struct {
	*worker
	claimed time.Time
	next    slot
	used    bool // next was used
	passed  bool
	sent    *pace.Sent // the last call that passed
	slow    *time.Timer
}

// wait returns at the slot's instant. A slot that is missed is void: the budget's other users rely on
// its instant. A call after the first pays for itself.
func (g *gate) wait(ctx context.Context) error {
	for {
		if g.used {
			slots, ok := g.reserve(ctx, 1, g.claimed)
			if !ok {
				return errNotBegun
			}
			g.next = slot{at: slots.First, late: slots.Late}
			g.slow.Reset(time.Until(g.next.at) + g.Timeout)
		}
		g.used = true
		ok, err := g.atSlot(ctx)
		if err != nil {
			return err
		}
		if ok {
			g.passed = true
			g.slow.Reset(g.Timeout)
			return nil
		}
	}
}

// atSlot waits for the slot and for the window; false when the slot is missed by then.
func (g *gate) atSlot(ctx context.Context) (bool, error) {
	g.window.Answered(g.sent, time.Now()) // a call before this one, of the same poll
	for at := g.next.at; ; at = g.window.Free(time.Now()) {
		if !g.sleep(ctx, at) || g.isRefused(g.budget, g.next.at) {
			return false, errNotBegun
		}
		now := time.Now()
		if now.Sub(g.next.at) > max(g.next.late, pace.Tolerated) {
			return false, nil
		}
		if g.sent = g.window.Take(now); g.sent != nil {
			return true, nil
		}
	}
}

// refused tells of a failed poll, and slows the whole budget where the upstream asks for it.
func (w *worker) refused(out job.Outcome) {
	e := out.Err
	level := slog.LevelDebug
	if _, told := w.warned.LoadOrStore(string(out.Job.Key.Provider)+" "+string(e.Kind)+" "+e.Code, true); !told {
		level = slog.LevelWarn // the first of its kind in this tick speaks for the others
	}
	w.Log.Log(w.ctx, level, "a poll failed", "job", out.Job.Key.String(), "kind", string(e.Kind), "code", e.Code,
		"message", e.Message, "request_id", e.RequestID, "next_at", out.Job.Polling.NextAt)
	if e.Narrow {
		return
	}
	var wait time.Duration
	switch e.Kind {
	case job.Throttled:
		wait = max(e.RetryAfter, time.Second)
	case job.Quota:
		wait = job.NextQuotaDay(out.Job.Polling.LastError.At).Sub(out.Job.Polling.LastError.At)
	default:
		return
	}
	w.refusedUntil(w.budget, time.Now().Add(wait))
	ctx, cancel := w.briefly()
	defer cancel()
	if err := w.Store.Push(ctx, w.budget, wait, e.Kind); err != nil {
		w.Log.Error("cannot slow the budget down", "budget", w.budget, "error", err.Error())
	}
}

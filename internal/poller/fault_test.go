package poller_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
	"migwatch/internal/poller"
)

// faulty is the real store, but for the calls that a test breaks.
type faulty struct {
	poller.Store
	claim   func(ctx context.Context) error // before the real call; an error is the answer instead
	due     func(ctx context.Context) error
	release func(ctx context.Context) error
	push    func(ctx context.Context) error
	reserve func(ctx context.Context, n int, ask func(n int) (pace.Slots, error)) (pace.Slots, error) // in its place
	record  func(outcomes []job.Outcome)                                                              // before the real call
}

// or makes the real call unless fault, if any, answers with an error.
func or[T any](ctx context.Context, fault func(context.Context) error, call func() (T, error)) (T, error) {
	if fault != nil {
		if err := fault(ctx); err != nil {
			var none T
			return none, err
		}
	}
	return call()
}

func (f *faulty) Claim(ctx context.Context, budget string, n int, lease time.Duration) ([]job.Claim, error) {
	return or(ctx, f.claim, func() ([]job.Claim, error) { return f.Store.Claim(ctx, budget, n, lease) })
}

func (f *faulty) Due(ctx context.Context) (int64, error) {
	return or(ctx, f.due, func() (int64, error) { return f.Store.Due(ctx) })
}

func (f *faulty) Release(ctx context.Context, claims []job.Claim) (int64, error) {
	return or(ctx, f.release, func() (int64, error) { return f.Store.Release(ctx, claims) })
}

func (f *faulty) Push(ctx context.Context, budget string, delay time.Duration, kind job.Kind) error {
	_, err := or(ctx, f.push, func() (any, error) { return nil, f.Store.Push(ctx, budget, delay, kind) })
	return err
}

func (f *faulty) Reserve(ctx context.Context, budget string, n int, spacing pace.Spacing, horizon time.Duration) (pace.Slots, error) {
	ask := func(n int) (pace.Slots, error) { return f.Store.Reserve(ctx, budget, n, spacing, horizon) }
	if f.reserve != nil {
		return f.reserve(ctx, n, ask)
	}
	return ask(n)
}

func (f *faulty) Record(ctx context.Context, outcomes []job.Outcome) ([]bool, error) {
	if f.record != nil {
		f.record(outcomes)
	}
	return f.Store.Record(ctx, outcomes)
}

// hang answers when its time is over.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// broken gives the rig a store that breaks as told, and DTS jobs only.
func (r *rig) broken() *faulty {
	f := &faulty{Store: r.opt.Store}
	r.opt.Store = f
	delete(r.opt.Upstreams, job.WeChat)
	return f
}

// A pacer may grant fewer slots than were asked for: more polls than slots would break the limit.
func TestPollsAreAsManyAsTheSlots(t *testing.T) {
	t.Parallel()
	r := newRig(t, 40)
	var granted atomic.Int64
	r.broken().reserve = func(_ context.Context, _ int, ask func(int) (pace.Slots, error)) (pace.Slots, error) {
		slots, err := ask(1)
		granted.Add(int64(slots.N))
		return slots, err
	}
	report := r.tick(t, 20*time.Second)
	if polls := int64(r.seen.polls(job.DTS)); report.Recorded != 40 || polls > granted.Load() {
		t.Errorf("%d polls with %d slots: %+v", polls, granted.Load(), report)
	}
}

func TestFailingCallsAreMadeAgain(t *testing.T) {
	t.Parallel()
	errDown := errors.New("the database is down for a moment")
	for name, fail := range map[string]func(f *faulty, down func() error){
		"claim": func(f *faulty, down func() error) { f.claim = func(context.Context) error { return down() } },
		"reserve": func(f *faulty, down func() error) {
			f.reserve = func(_ context.Context, n int, ask func(int) (pace.Slots, error)) (pace.Slots, error) {
				if err := down(); err != nil {
					return pace.Slots{}, err
				}
				return ask(n)
			}
		},
		"void slots": func(f *faulty, down func() error) {
			f.reserve = func(_ context.Context, n int, ask func(int) (pace.Slots, error)) (pace.Slots, error) {
				slots, err := ask(n)
				if down() != nil {
					slots.N = 0
				}
				return slots, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 40)
			var calls atomic.Int64
			fail(r.broken(), func() error {
				if calls.Add(1) <= 2 {
					return errDown
				}
				return nil
			})
			if report := r.tick(t, 20*time.Second); report.Recorded != 40 || report.Due != 40 {
				t.Errorf("%+v; want all 40 DTS jobs recorded and the 40 of WeChat due", report)
			}
		})
	}
}

// Whatever hangs, a tick ends in its time and is remembered (rig.tick checks both).
func TestHangingDatabaseCalls(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		breaks func(f *faulty)
		due    int64
	}{
		"claim": {func(f *faulty) { f.claim = hang }, 80},
		"reserve": {func(f *faulty) {
			f.reserve = func(ctx context.Context, _ int, _ func(int) (pace.Slots, error)) (pace.Slots, error) {
				return pace.Slots{}, hang(ctx)
			}
		}, 80},
		"release": {func(f *faulty) { f.release = hang }, -1},
		"push":    {func(f *faulty) { f.push = hang }, -1},
		"due":     {func(f *faulty) { f.due = func(context.Context) error { return errors.New("not now") } }, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 40)
			r.opt.Rates[job.DTS] = 5
			if name == "push" {
				r.upstreams(func(context.Context, job.Key) (job.Observation, error) {
					return job.Observation{}, &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", RetryAfter: time.Second}
				}, running)
			}
			test.breaks(r.broken())
			report := r.tick(t, 4*time.Second)
			if test.due >= 0 && report.Due != test.due || report.Due == 0 {
				t.Errorf("%+v; %d jobs are due", report, test.due)
			}
		})
	}
}

// A refusal that comes while a reservation is under way holds for its slots too: nothing goes out before
// the refusal's end, but what was on the wire already.
func TestRefusalMeetsReservation(t *testing.T) {
	t.Parallel()
	r := newRig(t, 40)
	refused, reserved := make(chan struct{}), make(chan struct{})
	var once, second sync.Once
	var mu sync.Mutex
	var after []job.Key
	r.upstreams(func(_ context.Context, k job.Key) (job.Observation, error) {
		select {
		case <-refused:
			mu.Lock()
			after = append(after, k)
			mu.Unlock()
		default:
		}
		<-reserved // the next reservation has its slots by now, and does not know of the refusal
		once.Do(func() { time.AfterFunc(100*time.Millisecond, func() { close(refused) }) })
		return job.Observation{}, &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", RetryAfter: time.Minute}
	}, running)
	r.opt.Rates[job.DTS] = 20
	calls := 0
	r.broken().reserve = func(_ context.Context, n int, ask func(int) (pace.Slots, error)) (pace.Slots, error) {
		slots, err := ask(n)
		if calls++; calls == 2 {
			second.Do(func() { close(reserved) })
			<-refused
		}
		return slots, err
	}
	report := r.tick(t, 10*time.Second)
	mu.Lock()
	defer mu.Unlock()
	if len(after) > 0 {
		t.Errorf("%d polls after the refusal: %v, %+v", len(after), after, report)
	}
	if report.Failed == 0 || report.Lost > 0 {
		t.Errorf("%+v", report)
	}
}

// A poll that the end of the tick cuts off was cancelled, it did not run into a time limit of its own: who
// remembers that somebody was slow (a token service, say) must be able to tell.
func TestEndComesAsCancellation(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	var met error
	r.upstreams(func(ctx context.Context, _ job.Key) (job.Observation, error) {
		met = hang(ctx)
		return job.Observation{}, &job.PollError{Kind: job.Transient, Code: "canceled", Err: met}
	}, running)
	r.broken()
	r.opt.Timeout = 30 * time.Second
	if report := r.tick(t, 2*time.Second); report.Failed != 1 || !errors.Is(met, context.Canceled) {
		t.Errorf("it met %v: %+v", met, report)
	}
}

func TestPanicWhileSettlingIsContained(t *testing.T) { // not parallel: it breaks settling for all
	poison, worse := "dts-1", "dts-2"
	defer poller.BreakSettling(func(c job.Claim, seen *job.Observation) {
		if c.Job.Key.ID == worse || c.Job.Key.ID == poison && seen != nil {
			panic("canary-in-a-panic")
		}
	})()
	r := newRig(t, 4)
	r.broken()
	report := r.tick(t, 10*time.Second)
	if report.Recorded != 2 || report.Failed != 1 || report.Lost != 1 {
		t.Errorf("%+v", report)
	}
	j, err := r.Job(t.Context(), job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: poison})
	if err != nil || j.Polling.LastError == nil || j.Polling.LastError.Code != "panic" || j.Polling.NextAt.Sub(*j.Polling.LastAttemptAt) < time.Hour {
		t.Errorf("%+v, %v", j.Polling, err)
	}
	if strings.Contains(r.log.String(), "canary-in-a-panic") {
		t.Error("the log shows what the panic held")
	}
}

func TestPanicWhileRecordingIsContained(t *testing.T) {
	t.Parallel()
	r := newRig(t, 4)
	broke := false
	r.broken().record = func(outcomes []job.Outcome) {
		if !broke && slices.ContainsFunc(outcomes, func(o job.Outcome) bool { return o.Job.Key.ID == "dts-1" }) {
			broke = true
			panic("canary-in-a-panic")
		}
	}
	report := r.tick(t, 10*time.Second)
	if report.Lost == 0 || report.Lost+report.Recorded != 4 {
		t.Errorf("%+v", report)
	}
	if strings.Contains(r.log.String(), "canary-in-a-panic") {
		t.Error("the log shows what the panic held")
	}
}

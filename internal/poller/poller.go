// Package poller is one tick: claim what is due, wait for slots, poll, settle, record. It keeps the
// deadline, gives back what it could not poll, and contains what breaks.
//
// It knows no upstream (an Upstream does), no column (a Store does) and decides nothing about jobs
// (package job does). No transaction is open and no row locked while it polls.
package poller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
)

// Store is what a tick asks of the memory. See package store for what each promises.
type Store interface {
	Budgets(ctx context.Context) (map[string]time.Duration, error)
	Claim(ctx context.Context, budget string, n int, lease time.Duration) ([]job.Claim, error)
	Reserve(ctx context.Context, budget string, n int, spacing pace.Spacing, horizon time.Duration) (pace.Slots, error)
	Push(ctx context.Context, budget string, delay time.Duration, kind job.Kind) error
	Record(ctx context.Context, outcomes []job.Outcome) ([]bool, error)
	Release(ctx context.Context, claims []job.Claim) (int64, error)
	ClaimSweep(ctx context.Context, budget string, lease time.Duration) (sweep *job.Sweep, taken bool, err error)
	Crowd(ctx context.Context, budget string) (due, all int64, err error)
	ClaimListed(ctx context.Context, w job.Sweep, found []job.Found, lease time.Duration) ([]job.Claim, error)
	MoveSweep(ctx context.Context, w job.Sweep, place int64, lease time.Duration) (held bool, err error)
	EndSweep(ctx context.Context, w job.Sweep, d job.Discovery, place int64) error
	Due(ctx context.Context) (int64, error)
	RememberTick(ctx context.Context, t job.Tick, elapsed time.Duration) error
}

// Upstream polls a job once. It calls gate before each upstream call it makes, as late as it can: gate
// returns when the call may go on the wire. Its error is what gate returned, or a *job.PollError.
type Upstream interface {
	Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error)
}

// Options are the parts and the limits of a tick.
type Options struct {
	Store     Store
	Upstreams map[job.Provider]Upstream
	Rates     map[job.Provider]float64 // polls per second and budget, over all instances
	Timeout   time.Duration            // longest one poll may take
	Lease     time.Duration            // how long a claim lasts if its holder dies; more than Timeout by what the wait and the record may take
	Reserve   time.Duration            // kept before the deadline to record what was seen
	Log       *slog.Logger
	// Tell is called once all polls are recorded, with the time that is left: it hands on what happened and says how
	// many events were taken. nil: nobody is told.
	Tell func(ctx context.Context) (notified int64)
}

// Report is what a tick did. Recorded + Failed + Released + Lost = Claimed.
type Report struct {
	Claimed   int64 `json:"claimed"`
	Recorded  int64 `json:"recorded"` // polls that saw something, remembered
	Changed   int64 `json:"changed"`  // of these, those that added a snapshot
	Failed    int64 `json:"failed"`   // polls that failed, remembered
	Released  int64 `json:"released"` // given back unlooked
	Lost      int64 `json:"lost"`     // another poller had the job by then, or nothing could be written
	Notified  int64 `json:"notified"` // events that sinks took
	Due       int64 `json:"due"`      // still due at the end
	ElapsedMS int64 `json:"elapsed_ms"`
}

const (
	longestTick  = 5 * time.Minute        // where ctx has no deadline
	rescan       = time.Second            // how often a tick asks which budgets have due jobs
	leastPoll    = 500 * time.Millisecond // a poll with less time than this is not begun
	rememberTime = time.Second            // what is left for writing down what the tick did
	writeTime    = 5 * time.Second        // what a lease leaves for recording, at most: no more than for the wait
)

// tick is one run of Tick.
type tick struct {
	Options
	ctx      context.Context // ends with the invocation
	polling  context.Context // ends with the time for polls: all that comes before a record uses it
	end      time.Time       // when the time for polls ends
	giveBack time.Time       // until when claims are given back; the rest of the time is for recording
	deadline time.Time       // when that ends
	record   *recorder
	warned   sync.Map // kinds of failed polls told of so far

	mu       sync.Mutex
	report   Report
	opened   map[string]time.Time // budgets, and when their workers were opened last
	resumeAt map[string]time.Time // budgets, and until when an upstream's refusal keeps this process from them
	working  int                  // workers at work
	workers  sync.WaitGroup
	ended    chan struct{} // a worker has ended
}

// Tick does all that is due, as far as the time until ctx's deadline and the budgets allow. It returns
// an error only when it could not work at all; a failed poll is data.
func Tick(ctx context.Context, o Options) (Report, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, longestTick)
	defer cancel()
	deadline, _ := ctx.Deadline()
	// A deadline shorter than the reserve still leaves half of it for polling.
	reserve := min(o.Reserve, time.Until(deadline)/2)
	end := deadline.Add(-reserve)
	polling, stop := context.WithDeadline(ctx, end)
	defer stop()
	t := &tick{Options: o, ctx: ctx, polling: polling, end: end, giveBack: end.Add(reserve / 4), deadline: deadline,
		opened: map[string]time.Time{}, resumeAt: map[string]time.Time{}, ended: make(chan struct{}, 1)}
	t.record = newRecorder(t)

	worked, err := t.run()
	t.workers.Wait()
	t.record.close()
	if err == nil {
		t.tell()
		err = t.remember(worked, start)
	}
	r := t.report
	o.Log.Info("tick", "claimed", r.Claimed, "recorded", r.Recorded, "changed", r.Changed, "failed", r.Failed,
		"released", r.Released, "lost", r.Lost, "notified", r.Notified, "due", r.Due, "elapsed_ms", r.ElapsedMS)
	if err != nil && r.Claimed > 0 {
		o.Log.Error("the tick worked, but not to its end", "error", err.Error())
		err = nil
	}
	return r, err
}

// tell has what happened handed on, in the time that is left but for what remembering the tick takes.
func (t *tick) tell() {
	if t.Tell == nil {
		return
	}
	left := time.Until(t.deadline)
	ctx, cancel := context.WithTimeout(t.ctx, left-min(rememberTime, left/4))
	defer cancel()
	t.report.Notified = t.Tell(ctx)
}

// remember counts what is still due and writes down what the tick did. Whatever happened to ctx, that is
// told; a write that cannot be made ends with the tick's deadline. A tick that could not even ask what is
// due is not remembered: it would look as if all were well.
func (t *tick) remember(worked bool, start time.Time) error {
	ctx, cancel := t.writing(t.deadline)
	defer cancel()
	var err error
	if worked {
		var due int64
		if due, err = t.Store.Due(ctx); err == nil {
			t.report.Due = due
		} else { // as many as were due at its beginning, less what was seen since
			t.report.Due = max(t.report.Due-t.report.Recorded-t.report.Failed, t.report.Released)
		}
	}
	t.report.ElapsedMS = time.Since(start).Milliseconds()
	return errors.Join(err, t.Store.RememberTick(ctx, t.report.tick(), time.Since(start)))
}

// writing is for what is written until an instant, even when the invocation was cancelled.
func (t *tick) writing(until time.Time) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(t.ctx), until)
}

func (r Report) tick() job.Tick {
	return job.Tick{Claimed: r.Claimed, Recorded: r.Recorded, Changed: r.Changed, Failed: r.Failed, Released: r.Released,
		Lost: r.Lost, Notified: r.Notified, Due: r.Due}
}

// run opens a worker for every budget that has due jobs, and asks for new ones while any is at work: a
// hung upstream keeps nobody else waiting. It says whether there was anything to do.
func (t *tick) run() (worked bool, err error) {
	for {
		due, err := t.Store.Budgets(t.polling)
		if err != nil {
			if worked { // workers are at work; they tell what they meet
				t.Log.Error("cannot ask what is due", "error", err.Error())
				return true, nil
			}
			return false, fmt.Errorf("ask what is due: %w", err)
		}
		if !worked && len(due) > 0 {
			worked = true
			t.countDue()
		}
		for budget, wait := range due {
			if wait < t.horizon(time.Now()) { // else nothing could be done with what is claimed
				t.open(budget)
			}
		}
		if !t.busy() || !t.pause() {
			return worked, nil
		}
	}
}

// countDue counts what is due at the beginning: what is told where it cannot be counted at the end.
func (t *tick) countDue() {
	due, err := t.Store.Due(t.polling)
	if err != nil {
		t.Log.Error("cannot count what is due", "error", err.Error())
	}
	t.count(func(r *Report) { r.Due = due })
}

// open starts a worker for budget, unless one is at work or was a moment ago.
func (t *tick) open(budget string) {
	provider := job.PlaceOf(budget).Provider
	upstream, rate := t.Upstreams[provider], t.Rates[provider]
	t.mu.Lock()
	defer t.mu.Unlock()
	if upstream == nil || rate <= 0 || time.Since(t.opened[budget]) < rescan {
		return
	}
	t.opened[budget] = time.Now().Add(longestTick) // for as long as it works
	t.working++
	t.workers.Go(func() {
		newWorker(t, budget, upstream, rate).run()
		t.mu.Lock()
		t.working--
		t.opened[budget] = time.Now()
		t.mu.Unlock()
		select {
		case t.ended <- struct{}{}:
		default:
		}
	})
}

func (t *tick) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.working > 0
}

// pause waits until a worker ends or it is time to look for new ones; false when the tick is over.
func (t *tick) pause() bool {
	again := time.NewTimer(rescan)
	defer again.Stop()
	select {
	case <-again.C:
	case <-t.ended:
	case <-t.polling.Done():
	}
	return t.polling.Err() == nil
}

// horizon is how long a claim of that instant may wait for its slot: its lease must outlast the wait, the
// poll and the write.
func (t *tick) horizon(claimed time.Time) time.Duration {
	spare := t.Lease - t.Timeout
	return min(t.left(), spare-min(writeTime, spare/2)-time.Since(claimed))
}

// left is how long from now a poll may still be begun.
func (t *tick) left() time.Duration { return time.Until(t.end) - min(leastPoll, t.Timeout) }

// sleep waits until at; false when the time for polls, or ctx, ends before.
func (t *tick) sleep(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-t.polling.Done():
	}
	return ctx.Err() == nil && t.polling.Err() == nil
}

// refusedUntil keeps this process from a budget until an instant.
func (t *tick) refusedUntil(budget string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.After(t.resumeAt[budget]) {
		t.resumeAt[budget] = at
	}
}

// isRefused reports whether a slot at that instant lies before the end of a refusal. One that was
// reserved after the refusal does not: the budget's row has moved by then.
func (t *tick) isRefused(budget string, at time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return at.Before(t.resumeAt[budget])
}

// count changes the report.
func (t *tick) count(change func(r *Report)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.report)
}

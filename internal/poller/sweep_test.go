package poller_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/poller"
)

var shanghai = job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai"}

// list is an upstream with a list: of n jobs, each in the phase that it is told, pages of 100.
type list struct {
	upstream
	mu     sync.Mutex
	n      int
	phase  func(n int) job.Phase
	pages  []int64                    // where each page that was asked for began
	before func(page int) error       // the call
	asks   func(phase job.Phase) bool // the list does not tell all of it
	asked  atomic.Int64               // one by one
}

func (l *list) Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error) {
	l.asked.Add(1)
	return l.upstream.Poll(ctx, j, gate)
}

func (l *list) List(ctx context.Context, place job.Key, from int64, _ bool, gate func(context.Context) error, page func([]job.Found, int64) error) error {
	for {
		if err := gate(ctx); err != nil {
			return err
		}
		l.mu.Lock()
		l.pages = append(l.pages, from)
		asked := len(l.pages)
		l.mu.Unlock()
		if l.before != nil {
			if err := l.before(asked); err != nil {
				return err
			}
		}
		var found []job.Found
		for i := int(from); i < min(l.n, int(from)+100); i++ {
			k := place
			k.ID = fmt.Sprintf("dts-%06d", i)
			p := l.phase(i)
			found = append(found, job.Found{Key: k, Observation: job.Observation{Phase: p, Status: string(p)}, Ask: l.asks != nil && l.asks(p)})
		}
		from += int64(len(found))
		if err := page(found, from); err != nil {
			return err
		}
		if len(found) < 100 {
			return nil
		}
	}
}

// listRig discovers a list of n jobs.
func listRig(t *testing.T, n int) (*rig, *list) {
	t.Helper()
	r := newRig(t, 0)
	l := &list{upstream: running, n: n, phase: func(int) job.Phase { return job.Running }}
	r.opt.Upstreams[job.DTSMigration] = l
	r.opt.Rates[job.DTSMigration] = 500
	if _, _, err := r.Discover(t.Context(), shanghai.Provider, shanghai.Scope, job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	return r, l
}

func (r *rig) discovery(t *testing.T) job.Discovery {
	t.Helper()
	d, err := r.Discovery(t.Context(), shanghai.Provider, shanghai.Scope)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSweepFindsAndPolls(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 250)
	if report := r.tick(t, 20*time.Second); report.Claimed != 250 || report.Recorded != 250 || report.Changed != 250 {
		t.Errorf("%+v", report)
	}
	d := r.discovery(t)
	if !slices.Equal(l.pages, []int64{0, 100, 200}) || d.Jobs != 250 || d.SweptAt == nil || d.WholeAt == nil || d.Polling.NextAt == nil || d.Polling.LastError != nil {
		t.Errorf("pages %v, %+v", l.pages, d)
	}
	if n := l.asked.Load(); n != 0 {
		t.Errorf("%d jobs were asked for one by one", n)
	}
}

// What a list says without its reason is asked for by the ID, once.
func TestSweepAsksForReasons(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 10)
	l.phase = func(n int) job.Phase {
		if n < 3 {
			return job.ActionRequired
		}
		return job.Running
	}
	l.asks = func(p job.Phase) bool { return p == job.ActionRequired }
	var mu sync.Mutex
	var asked []string
	l.upstream = func(_ context.Context, k job.Key) (job.Observation, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, k.ID)
		return job.Observation{Phase: job.ActionRequired, Status: string(job.ActionRequired), Message: "because"}, nil
	}
	if report := r.tick(t, 20*time.Second); report.Recorded != 10 || len(asked) != 3 {
		t.Errorf("%+v, asked %v", report, asked)
	}
	r.sweepNow(t)
	if report := r.tick(t, 20*time.Second); report.Recorded != 10 || len(asked) != 3 || report.Changed != 0 {
		t.Errorf("again: %+v, asked %v", report, asked)
	}
	j, err := r.Job(t.Context(), job.Key{Provider: shanghai.Provider, Scope: shanghai.Scope, ID: "dts-000001"})
	if err != nil || j.Latest.Message != "because" || j.Latest.Observations != 2 {
		t.Errorf("%+v, %v", j.Latest, err)
	}
}

// sweepNow makes the discovery due.
func (r *rig) sweepNow(t *testing.T) {
	t.Helper()
	for _, paused := range []bool{true, false} {
		if _, _, err := r.Discover(t.Context(), shanghai.Provider, shanghai.Scope, job.DiscoveryChange{Paused: &paused}); err != nil {
			t.Fatal(err)
		}
	}
}

// A page that fails is asked for again at its place; what was read before it is recorded; a refusal slows the budget.
func TestSweepGoesOnWhereAPageFailed(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 350)
	l.before = func(page int) error {
		if page == 3 {
			return &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", RetryAfter: time.Second}
		}
		return nil
	}
	if report := r.tick(t, 3*time.Second); report.Recorded != 200 {
		t.Errorf("%+v", report)
	}
	if d := r.discovery(t); d.SweptAt != nil || d.Polling.Failures != 1 || d.Polling.LastError.Code != "RequestLimitExceeded" {
		t.Errorf("%+v", d)
	}
	if budgets, err := r.Budgets(t.Context()); err != nil || len(budgets) > 0 {
		t.Errorf("it is due at once: %v, %v", budgets, err)
	}
	time.Sleep(time.Until(r.wait(t))) // until the refusal is over
	r.sweepNow(t)
	if report := r.tick(t, 20*time.Second); report.Recorded != 150 {
		t.Errorf("%+v", report)
	}
	if d := r.discovery(t); !slices.Equal(l.pages, []int64{0, 100, 200, 200, 300}) || d.SweptAt == nil || d.Polling.Failures != 0 {
		t.Errorf("pages %v, %+v", l.pages, d)
	}
}

// wait is when the budget's refusal ends, by this machine's clock.
func (r *rig) wait(t *testing.T) time.Time {
	t.Helper()
	stats, err := r.Stats(t.Context())
	if err != nil || len(stats.Budgets) == 0 || stats.Budgets[0].PushedUntil == nil {
		t.Fatalf("nothing was slowed: %+v, %v", stats.Budgets, err)
	}
	return *stats.Budgets[0].PushedUntil
}

// A sweep that the end of the tick cuts off goes on at its place in the next one.
func TestSweepIsCutAndGoesOn(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	l.before = func(page int) error {
		if page == 4 {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	report, err := poller.Tick(ctx, r.opt)
	if err != nil || report.Recorded != 300 {
		t.Errorf("%+v, %v", report, err)
	}
	if d := r.discovery(t); d.SweptAt != nil || d.Polling.Failures != 0 || d.Polling.NextAt == nil || d.Polling.NextAt.After(time.Now()) {
		t.Errorf("%+v", d)
	}
	l.before = nil
	if report := r.tick(t, 20*time.Second); report.Recorded != 700 {
		t.Errorf("%+v", report)
	}
	if want := []int64{0, 100, 200, 300, 300, 400}; !slices.Equal(l.pages[:6], want) {
		t.Errorf("pages %v, want %v and so on", l.pages, want)
	}
}

// A sweep whose lease is lost stops, and leaves the other's place alone.
func TestSweepStopsWithoutItsLease(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 500)
	l.before = func(page int) error {
		if page == 2 {
			if err := r.Undiscover(t.Context(), shanghai.Provider, shanghai.Scope); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	r.tick(t, 20*time.Second)
	if len(l.pages) != 2 {
		t.Errorf("pages %v though the lease was lost", l.pages)
	}
}

// While another poller is at a list, nobody takes slots from it for single jobs. When its lease is over, they are polled.
func TestSweepIsLeftToItsHolder(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 5)
	for n := range 5 {
		k := shanghai
		k.ID = fmt.Sprintf("dts-%06d", n)
		if _, _, err := r.Watch(t.Context(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	const lease = time.Second
	if w, taken, err := r.ClaimSweep(t.Context(), shanghai.Budget(), lease); err != nil || w == nil || taken {
		t.Fatal(w, taken, err)
	}
	if report := r.tick(t, 20*time.Second); report.Claimed != 0 || report.Due != 5 || l.asked.Load() != 0 || len(l.pages) > 0 {
		t.Errorf("%+v, pages %v, %d asked one by one", report, l.pages, l.asked.Load())
	}
	time.Sleep(lease)
	if report := r.tick(t, 20*time.Second); report.Recorded != 5 || len(l.pages) != 1 {
		t.Errorf("%+v, pages %v", report, l.pages)
	}
}

// A list that breaks is a failure of the sweep like a poll's.
func TestSweepThatBreaks(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 10)
	l.before = func(int) error { panic("canary-5813") }
	if report := r.tick(t, 5*time.Second); report.Recorded != 0 {
		t.Errorf("%+v", report)
	}
	if d := r.discovery(t); d.Polling.LastError == nil || d.Polling.LastError.Code != "panic" || strings.Contains(r.log.String(), "canary-5813") {
		t.Errorf("%+v", d)
	}
}

// Many jobs of one place are listed though nobody discovers it; a few are asked for one by one, and so is what no
// page names.
func TestManyJobsAreListed(t *testing.T) {
	t.Parallel()
	for watched, pages := range map[int]int{3: 0, 150: 2} {
		r, l := listRig(t, 150)
		if err := r.Undiscover(t.Context(), shanghai.Provider, shanghai.Scope); err != nil {
			t.Fatal(err)
		}
		for n := range watched {
			k := shanghai
			k.ID = fmt.Sprintf("dts-%06d", n)
			if n == 0 {
				k.ID = "dts-elsewhere" // which no page names
			}
			if _, _, err := r.Watch(t.Context(), k, job.Change{}); err != nil {
				t.Fatal(err)
			}
		}
		if report := r.tick(t, 20*time.Second); report.Recorded != int64(watched) {
			t.Errorf("%d jobs: %+v", watched, report)
		}
		if asked := map[int]int64{0: 3, 2: 1}[pages]; len(l.pages) != pages || l.asked.Load() != asked {
			t.Errorf("%d jobs: pages %v, %d asked one by one", watched, l.pages, l.asked.Load())
		}
		if summary, err := r.Summary(t.Context()); err != nil || summary.Watched != int64(watched) {
			t.Errorf("jobs were watched that nobody wanted: %d, %v", summary.Watched, err)
		}
	}
}

// A migration's list says nothing of its check: checks are asked for one by one, however many are due.
func TestChecksAreNotListed(t *testing.T) {
	t.Parallel()
	r := newRig(t, 30)
	l := &list{upstream: running, n: 30, phase: func(int) job.Phase { return job.Running }}
	r.opt.Upstreams[job.DTS] = l
	if report := r.tick(t, 20*time.Second); report.Recorded != 60 || len(l.pages) > 0 || l.asked.Load() != 30 {
		t.Errorf("%+v, pages %v, %d asked one by one", report, l.pages, l.asked.Load())
	}
}

// A list of others' jobs is given up.
func TestListOfOthersIsGivenUp(t *testing.T) {
	t.Parallel()
	r, l := listRig(t, 5000)
	if err := r.Undiscover(t.Context(), shanghai.Provider, shanghai.Scope); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		k := shanghai
		k.ID = fmt.Sprintf("dts-elsewhere%d", n)
		if _, _, err := r.Watch(t.Context(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	if report := r.tick(t, 20*time.Second); report.Recorded != 20 || len(l.pages) > 3 {
		t.Errorf("%+v after %d pages", report, len(l.pages))
	}
}

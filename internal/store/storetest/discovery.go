package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

var migrations = job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai"}

// found is a page of a list: jobs n… of which the list says the same.
func found(phase job.Phase, numbers ...int) (page []job.Found) {
	for _, n := range numbers {
		k := migrations
		k.ID = fmt.Sprintf("dts-%05d", n)
		page = append(page, job.Found{Key: k, Observation: job.Observation{Phase: phase, Status: string(phase)}})
	}
	return page
}

func sweep(t testing.TB, s *store.Store, lease time.Duration) *job.Sweep {
	t.Helper()
	w, _, err := s.ClaimSweep(ctxOf(t), migrations.Budget(), lease)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func take(t testing.TB, s *store.Store, w job.Sweep, page []job.Found) []job.Claim {
	t.Helper()
	claims, err := s.ClaimListed(ctxOf(t), w, page, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func settle(claims []job.Claim, seen job.Observation) (out []job.Outcome) {
	for _, c := range claims {
		out = append(out, job.Settle(c, &seen, nil, c.At))
	}
	return out
}

func discoveriesAreKept(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	yes, no := true, false
	d, created, err := s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{})
	if err != nil || !created || d.Finished || d.Paused || d.Polling.NextAt == nil || d.SweptAt != nil || d.Jobs != 0 {
		t.Fatalf("%+v, %v, %v", d, created, err)
	}
	if budgets, err := s.Budgets(ctxOf(t)); err != nil || len(budgets) != 1 {
		t.Errorf("a due discovery opens no budget: %v, %v", budgets, err)
	}
	if d, created, err = s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{Paused: &yes, Finished: &yes}); err != nil || created || !d.Paused || !d.Finished || d.Polling.NextAt != nil {
		t.Errorf("%+v, %v, %v", d, created, err)
	}
	if w := sweep(t, s, time.Minute); w != nil {
		t.Error("a paused discovery is swept")
	}
	if d, _, err = s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{Paused: &no}); err != nil || d.Paused || d.Polling.NextAt == nil || !d.Finished {
		t.Errorf("%+v, %v", d, err)
	}
	if _, _, err := s.Discover(ctxOf(t), job.DTSSync, "ap-beijing", job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Discoveries(ctxOf(t)); err != nil || len(list) != 2 || list[0].Provider != job.DTSMigration {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Undiscover(ctxOf(t), migrations.Provider, migrations.Scope); err != nil {
		t.Error(err)
	}
	if err := s.Undiscover(ctxOf(t), migrations.Provider, migrations.Scope); !errors.Is(err, job.ErrNotDiscovered) {
		t.Errorf("again: %v", err)
	}
	if _, err := s.Discovery(ctxOf(t), migrations.Provider, migrations.Scope); !errors.Is(err, job.ErrNotDiscovered) {
		t.Errorf("%v", err)
	}
}

// sweepsFindJobs: what a list names is watched and claimed at once; what is known is claimed whether it is due or
// not, unless it rests as it is; what was unwatched, is paused or is being polled is left alone.
func sweepsFindJobs(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	if _, _, err := s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	w := sweep(t, s, time.Minute)
	if w == nil || !w.Whole || w.Place != 0 {
		t.Fatalf("%+v", w)
	}
	if other := sweep(t, s, time.Minute); other != nil {
		t.Error("one discovery is swept twice at a time")
	}
	claims := take(t, s, *w, append(found(job.Running, 1, 2, 3, 1), found(job.Succeeded, 4)...))
	if len(claims) != 3 || claims[0].Job.Phase != job.Pending || claims[0].Epoch != 1 {
		t.Fatalf("%+v", claims)
	}
	if again := take(t, s, *w, found(job.Running, 1, 2, 3)); len(again) != 0 {
		t.Errorf("what is claimed was claimed again: %+v", again)
	}
	for _, ok := range record(t, s, settle(claims, job.Observation{Phase: job.Running, Status: "running"})...) {
		if !ok {
			t.Error("what was found is not recorded")
		}
	}
	if n := len(events(t, s)); n != 3 {
		t.Errorf("%d events", n)
	}
	sweepsLeaveAlone(t, s, *w)
}

func sweepsLeaveAlone(t *testing.T, s *store.Store, w job.Sweep) {
	t.Helper()
	if _, err := s.Unwatch(ctxOf(t), found(job.Running, 1)[0].Key); err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, _, err := s.Watch(ctxOf(t), found(job.Running, 2)[0].Key, job.Change{Paused: &yes}); err != nil {
		t.Fatal(err)
	}
	if got := take(t, s, w, found(job.Running, 1, 2, 3)); len(got) != 1 || got[0].Job.Key.ID != "dts-00003" || got[0].Epoch != 2 {
		t.Errorf("%+v", got)
	} else {
		record(t, s, settle(got, job.Observation{Phase: job.Succeeded, Status: "success"})...)
	}
	if got := take(t, s, w, found(job.Succeeded, 3)); len(got) != 0 {
		t.Errorf("what rests as it is was claimed: %+v", got)
	}
	if got := take(t, s, w, found(job.Running, 3)); len(got) != 1 {
		t.Error("what was run again was not claimed")
	}
	if _, created, err := s.Watch(ctxOf(t), found(job.Running, 1)[0].Key, job.Change{}); err != nil || !created {
		t.Errorf("watched again: %v, %v", created, err)
	}
	if got := take(t, s, w, found(job.Running, 1)); len(got) != 1 {
		t.Error("what is watched again is not found")
	}
	if d, err := s.Discovery(ctxOf(t), migrations.Provider, migrations.Scope); err != nil || d.Jobs != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

// sweepsAreFenced: a sweep whose lease ended moves nothing, and the next one goes on at the place that was noted.
func sweepsAreFenced(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	if _, _, err := s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	old := sweep(t, s, time.Minute)
	if held, err := s.MoveSweep(ctxOf(t), *old, 100, time.Millisecond); err != nil || !held {
		t.Fatal(held, err)
	}
	var next *job.Sweep
	for deadline := time.Now().Add(20 * time.Second); next == nil && time.Now().Before(deadline); {
		next = sweep(t, s, time.Minute) // as soon as the lease ends
	}
	if next == nil || next.Place != 100 || next.Epoch != old.Epoch+1 {
		t.Fatalf("%+v", next)
	}
	if held, err := s.MoveSweep(ctxOf(t), *old, 700, time.Minute); err != nil || held {
		t.Error("a sweep that lost its lease moved the place", err)
	}
	if err := s.EndSweep(ctxOf(t), *old, job.Swept(*old, nil, false, old.At.Add(time.Hour)), 0); err != nil {
		t.Fatal(err)
	}
	if d, err := s.Discovery(ctxOf(t), migrations.Provider, migrations.Scope); err != nil || d.SweptAt != nil {
		t.Errorf("a sweep that lost its lease ended: %+v, %v", d, err)
	}
	failed := job.Swept(*next, &job.PollError{Kind: job.Forbidden, Code: "UnauthorizedOperation", Message: "no"}, false, next.At)
	if err := s.EndSweep(ctxOf(t), *next, failed, 200); err != nil {
		t.Fatal(err)
	}
	d, err := s.Discovery(ctxOf(t), migrations.Provider, migrations.Scope)
	if err != nil || d.SweptAt != nil || d.Polling.Failures != 1 || d.Polling.LastError.Code != "UnauthorizedOperation" || !d.Polling.NextAt.Equal(*failed.Polling.NextAt) {
		t.Errorf("%+v, %v", d, err)
	}
	if w := sweep(t, s, time.Minute); w != nil {
		t.Error("a discovery is swept before it is due")
	}
}

// crowdsFindEachJobOnce: however many sweep and watch at a time, a job is one row and held by one.
func crowdsFindEachJobOnce(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	if _, _, err := s.Discover(ctxOf(t), migrations.Provider, migrations.Scope, job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	w := sweep(t, s, time.Minute)
	var mu sync.Mutex
	held := map[string]int{}
	var crowd sync.WaitGroup
	for n := range 6 {
		other := open(t, store.Options{})
		crowd.Go(func() {
			var page []int
			for i := range 60 {
				page = append(page, (i*7+n)%60)
			}
			claims, err := other.ClaimListed(ctxOf(t), *w, found(job.Running, page...), time.Minute)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, c := range claims {
				held[c.Job.Key.ID]++
			}
		})
	}
	crowd.Wait()
	for id, n := range held {
		if n > 1 {
			t.Errorf("%s is held by %d", id, n)
		}
	}
	if d, err := s.Discovery(ctxOf(t), migrations.Provider, migrations.Scope); err != nil || d.Jobs != 60 {
		t.Errorf("%d jobs, %v", d.Jobs, err)
	}
}

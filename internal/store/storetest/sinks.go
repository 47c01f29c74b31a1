package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

var sinkA = job.Sink{ID: "a", Version: "a1", Kind: "webhook", Name: "A", Filter: job.SinkFilter{On: []string{"failed", "stuck"}, Provider: job.DTS}}

func keep(t testing.TB, s *store.Store, named ...job.Sink) {
	t.Helper()
	if err := s.KeepSinks(ctxOf(t), named); err != nil {
		t.Fatal(err)
	}
}

func claimSink(t testing.TB, s *store.Store, lease time.Duration) *job.SinkClaim {
	t.Helper()
	c, err := s.ClaimSink(ctxOf(t), sinkA.ID, lease)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sinkState(t testing.TB, s *store.Store) job.SinkState {
	t.Helper()
	list, err := s.Sinks(ctxOf(t))
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list[0]
}

func sinksHaveTheirPlaces(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1), key(2))
	see(t, s, key(1), running(1))
	var all sync.WaitGroup
	for range 4 { // at once
		all.Go(func() {
			if err := s.KeepSinks(ctxOf(t), []job.Sink{sinkA}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c := claimSink(t, s, time.Minute); c != nil {
		t.Errorf("a new sink is told what was before: %+v", c)
	}
	see(t, s, key(1), failed("no"))
	see(t, s, key(2), running(1))
	if k := sinkState(t, s); k.Place != 1 || k.Behind != 2 || !k.Filter.Equal(sinkA.Filter) || k.Kind != "webhook" || k.Stopped {
		t.Errorf("%+v", k)
	}
	c := claimSink(t, s, time.Minute)
	if c == nil || c.Place != 1 || c.Last != 3 {
		t.Fatalf("%+v", c)
	}
	if other := claimSink(t, s, time.Minute); other != nil {
		t.Errorf("two have one sink: %+v", other)
	}
	told, err := s.Untold(ctxOf(t), c.Place, 10)
	if err != nil || len(told) != 2 || told[0].Event.Key != key(1) || told[0].Job == nil || told[0].Job.Phase != job.Failed || told[1].Job.Key != key(2) {
		t.Fatalf("%+v, %v", told, err)
	}
	if held, err := s.MoveSink(ctxOf(t), c, 2, 1, time.Minute); err != nil || !held {
		t.Fatal(held, err)
	}
	if k := sinkState(t, s); k.Place != 2 || k.Told != 1 || k.SentAt == nil {
		t.Errorf("%+v", k)
	}
	for k, want := range map[job.Key]int64{key(1): 0, key(2): 1} { // what it has had, and what it has not
		if untold, err := s.Unwatch(ctxOf(t), k); err != nil || untold != want {
			t.Errorf("%s: %d untold, %v", k, untold, err)
		}
	}
}

// A sink that failed is told at its time, one that is gone not before its address changes; then at once.
func sinksWaitAndStop(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	keep(t, s, sinkA)
	watch(t, s, key(1))
	for _, seen := range []job.Observation{running(1), failed("no"), running(2)} {
		see(t, s, key(1), seen)
	}
	c := claimSink(t, s, time.Minute)
	if held, err := s.MoveSink(ctxOf(t), c, 2, 1, time.Minute); err != nil || !held {
		t.Fatal(held, err)
	}
	now := c.At.Add(time.Hour)
	c.Failures, c.FailingSince, c.Error, c.NextAt = 3, &c.At, "503", &now
	if err := s.EndSink(ctxOf(t), *c); err != nil {
		t.Fatal(err)
	}
	k := sinkState(t, s)
	if k.Place != 2 || k.Told != 1 || k.Failures != 3 || k.Error != "503" || k.NextAt == nil || !k.NextAt.Equal(now) || k.SentAt == nil {
		t.Errorf("%+v", k)
	}
	if sum, err := s.Summary(ctxOf(t)); err != nil || sum.Sinks != 1 {
		t.Errorf("%d sinks fail, %v", sum.Sinks, err)
	}
	if c := claimSink(t, s, time.Minute); c != nil {
		t.Errorf("told before its time: %+v", c)
	}
	changed := sinkA
	changed.Version, changed.Name = "a2", "B"
	keep(t, s, changed)
	if c = claimSink(t, s, time.Minute); c == nil || c.Place != 2 || c.Failures != 0 || c.Name != "B" {
		t.Fatalf("a new address is not tried at once: %+v", c)
	}
	c.Stopped, c.NextAt = true, nil
	if err := s.EndSink(ctxOf(t), *c); err != nil {
		t.Fatal(err)
	}
	keep(t, s, changed)
	if c := claimSink(t, s, time.Minute); c != nil {
		t.Errorf("a stopped sink is told: %+v", c)
	}
	changed.Version = "a3"
	keep(t, s, changed)
	if c := claimSink(t, s, time.Minute); c == nil {
		t.Error("the mended address is not tried")
	}
}

// A sender whose lease ended moves nothing any more, and what it took is told by its successor alone.
func sinksAreFenced(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	keep(t, s, sinkA)
	watch(t, s, key(1))
	see(t, s, key(1), running(1))
	see(t, s, key(1), failed("no"))
	late := claimSink(t, s, 20*time.Millisecond)
	time.Sleep(50 * time.Millisecond)
	c := claimSink(t, s, time.Minute)
	if late == nil || c == nil {
		t.Fatal(late, c)
	}
	if held, err := s.MoveSink(ctxOf(t), late, 2, 2, time.Minute); err != nil || held {
		t.Errorf("moved though the lease was lost: %v, %v", held, err)
	}
	late.Place = 2
	if err := s.EndSink(ctxOf(t), *late); err != nil {
		t.Fatal(err)
	}
	if k := sinkState(t, s); k.Place != 0 {
		t.Errorf("moved to %d though the lease was lost", k.Place)
	}
	if held, err := s.MoveSink(ctxOf(t), c, 1, 1, time.Minute); err != nil || !held {
		t.Fatal(held, err)
	}
	twin := *c
	twin.Epoch--
	if held, err := s.MoveSink(ctxOf(t), &twin, 2, 1, time.Minute); err != nil || held {
		t.Errorf("a fencing token was used twice: %v, %v", held, err)
	}
}

// What a sink has not had is not pruned; what all have had, and what a sink that is gone waits for, is.
func pruneKeepsWhatIsUntold(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	keep(t, s, sinkA)
	prunable(t, s, key(1), failed("at last"))
	fail(t, s, job.Forbidden, key(1))
	notice(t, s, 0, 0)
	if n, err := s.Prune(ctxOf(t), job.Retention{Events: 7 * day}, 0); n != 0 || err != nil {
		t.Errorf("%d events were pruned that no sink has had, %v", n, err)
	}
	c := claimSink(t, s, time.Minute)
	if held, err := s.MoveSink(ctxOf(t), c, 1, 1, time.Minute); err != nil || !held {
		t.Fatal(held, err)
	}
	if n, err := s.Prune(ctxOf(t), job.Retention{Events: 7 * day}, 0); n != 1 || err != nil {
		t.Errorf("%d events were pruned, want the one that was told, %v", n, err)
	}
	c.Stopped = true
	if err := s.EndSink(ctxOf(t), *c); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Prune(ctxOf(t), job.Retention{Events: 7 * day}, 0); n != 1 || err != nil {
		t.Errorf("%d events were pruned, want those that nobody waits for, %v", n, err)
	}
	if n, err := s.Prune(ctxOf(t), job.Retention{Events: time.Nanosecond}, 0); n != 3 || err != nil || slices.ContainsFunc(events(t, s), func(e job.Event) bool { return e.Type == job.TroubleEvent }) {
		t.Errorf("%d events were pruned, want all and the trouble's, %v", n, err)
	}
}

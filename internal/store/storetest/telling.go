package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// tells gives "type scope/id from>to jobs" of all events that are no change of phase.
func tells(t testing.TB, s *store.Store) (out []string) {
	t.Helper()
	for _, e := range events(t, s) {
		if e.Type != job.PhaseChanged {
			out = append(out, string(e.Type)+" "+e.Key.String()+" "+string(e.From)+">"+string(e.To)+" "+e.Message)
		}
	}
	return out
}

func notice(t testing.TB, s *store.Store, stuck, trouble time.Duration) {
	t.Helper()
	if err := s.Notice(ctxOf(t), stuck, trouble); err != nil {
		t.Fatal(err)
	}
}

func fail(t testing.TB, s *store.Store, kind job.Kind, keys ...job.Key) {
	t.Helper()
	for _, k := range keys {
		if _, err := s.PollNow(ctxOf(t), k); err != nil {
			t.Fatal(err)
		}
		record(t, s, look(t, s, k, nil, &job.LookError{Kind: kind, Code: "Refused", Message: "no " + k.ID}, 0))
	}
}

// Many pollers notice at once that polls of many jobs fail, and that they do so no longer: that is one event each.
func troublesAreToldOnce(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1), key(2), key(3))
	fail(t, s, job.Credentials, key(1), key(2))
	notice(t, s, 0, time.Hour)
	same(t, "after one failure", tells(t, s), []string(nil))
	fail(t, s, job.Credentials, key(1))
	together := func() {
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if err := s.Notice(ctxOf(t), 0, time.Hour); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	together()
	want := []string{"trouble dts/ap-shanghai/ clear>credentials Refused no dts-1"}
	same(t, "after two", tells(t, s), want)
	sum, err := s.Summary(ctxOf(t))
	if err != nil || len(sum.Troubles) != 1 || sum.Troubles[0].Jobs != 2 || sum.Troubles[0].Budget != key(1).Budget() {
		t.Errorf("%+v, %v", sum.Troubles, err)
	}
	see(t, s, key(1), running(1))
	together()
	same(t, "while one fails", tells(t, s), want)
	if _, _, err := s.Watch(ctxOf(t), key(2), job.Change{Paused: new(true)}); err != nil { // it is not polled any more
		t.Fatal(err)
	}
	together()
	same(t, "when it is over", tells(t, s), append(want, "trouble dts/ap-shanghai/ credentials>clear Refused no dts-1"))
	fail(t, s, job.Transient, key(3))
	notice(t, s, 0, time.Hour)
	notice(t, s, 0, 0)
	notice(t, s, 0, 0)
	same(t, "what lasts", len(tells(t, s)), 3)
	list, err := s.Events(ctxOf(t), job.Filter{Types: []job.EventType{job.TroubleEvent}}, 0, 10)
	if err != nil || len(list) != 3 || list[0].Jobs != 2 || list[0].Seq != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A running job that shows nothing new is told once per snapshot; what does not run, is paused, fails or copies
// increments is not.
func stuckJobsAreToldOnce(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1), key(2), key(3), key(4))
	seconds := int64(3)
	lag := running(1)
	lag.About = &job.About{Lag: &job.Lag{Seconds: &seconds}}
	copying := job.Key{Provider: job.DTSSync, Scope: "ap-shanghai", ID: "sync-1"}
	watch(t, s, copying)
	for _, at := range []time.Duration{-3 * time.Hour, -time.Hour} {
		seeAt(t, s, key(1), running(1), at)
		seeAt(t, s, key(2), failed("x"), at)
		seeAt(t, s, key(3), running(1), at)
		seeAt(t, s, copying, lag, at)
	}
	seeAt(t, s, key(4), running(1), -3*time.Hour) // seen once: nobody knows how it went on
	if _, _, err := s.Watch(ctxOf(t), key(3), job.Change{Paused: new(true)}); err != nil {
		t.Fatal(err)
	}
	notice(t, s, 0, time.Hour)
	same(t, "where it is not asked for", tells(t, s), []string(nil))
	notice(t, s, 2*time.Hour, time.Hour)
	if got := tells(t, s); len(got) != 1 || got[0][:42] != "stuck dts/ap-shanghai/dts-1 running>runnin" {
		t.Fatalf("%q", got)
	}
	list, err := s.Events(ctxOf(t), job.Filter{Types: []job.EventType{job.Stuck}, ID: "dts-1"}, 0, 10)
	if err != nil || len(list) != 1 || list[0].Seq != 1 || list[0].Jobs != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	again := time.Millisecond // so short that jobs are looked for each time
	notice(t, s, again, time.Hour)
	same(t, "told once", len(tells(t, s)), 1)
	seeAt(t, s, key(1), running(2), -50*time.Minute)
	seeAt(t, s, key(1), running(2), -10*time.Minute)
	notice(t, s, again, time.Hour)
	same(t, "told of its next snapshot", len(tells(t, s)), 2)
}

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
	for range 4 {
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
}

// A sink that failed is told at its time, one that is gone not before its address changes; then at once.
func sinksWaitAndStop(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	keep(t, s, sinkA)
	watch(t, s, key(1))
	for _, seen := range []job.Seen{running(1), failed("no"), running(2)} {
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

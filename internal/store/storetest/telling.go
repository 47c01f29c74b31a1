package storetest

import (
	"fmt"
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
		record(t, s, poll(t, s, k, nil, &job.PollError{Kind: kind, Code: "Refused", Message: "no " + k.ID}, 0))
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
	for _, at := range []time.Duration{-3 * time.Hour, -time.Minute} {
		seeAt(t, s, key(1), running(1), at)
		seeAt(t, s, key(2), failed("x"), at)
		seeAt(t, s, key(3), running(1), at)
		seeAt(t, s, copying, lag, at)
	}
	seeAt(t, s, key(4), running(1), -3*time.Hour) // nobody knows how it went on
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
	seeAt(t, s, key(1), running(2), 0)
	time.Sleep(5 * again) // the database counts whole milliseconds
	notice(t, s, again, time.Hour)
	same(t, "told of its next snapshot", len(tells(t, s)), 2)
}

// Happen makes n events: that many jobs of DTS are watched and fail.
func Happen(t testing.TB, s *store.Store, n int) {
	t.Helper()
	for i := range n {
		k := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: fmt.Sprintf("dts-%d", i)}
		if _, _, err := s.Watch(t.Context(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		claims, err := s.Claim(t.Context(), "dts/ap-shanghai", 100, time.Minute)
		if err != nil || len(claims) == 0 {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		var outcomes []job.Outcome
		for _, c := range claims {
			outcomes = append(outcomes, job.Settle(c, &job.Observation{Phase: job.Failed, Status: "finished"}, nil, c.At))
		}
		if _, err := s.Record(t.Context(), outcomes); err != nil {
			t.Fatal(err)
		}
	}
}

package storetest

import (
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
	"migwatch/internal/store"
)

// Use calls every method of a store that functions call, once and with effect, on an empty and migrated
// database: whatever grant is missing shows.
func Use(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	if err := s.Ready(ctxOf(t)); err != nil {
		t.Fatal(err)
	}
	prunable(t, s, key(1), failed("at last"))
	watch(t, s, key(2))
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := s.Budgets(ctxOf(t))
	ok("budgets", err)
	_, err = s.Reserve(ctxOf(t), key(1).Budget(), 1, pace.Of(20), time.Second)
	ok("reserve", err)
	ok("push", s.Push(ctxOf(t), key(1).Budget(), time.Millisecond, job.Throttled))
	_, err = s.Release(ctxOf(t), claim(t, s, key(2).Budget(), 1, time.Minute))
	ok("release", err)
	if n, err := s.Prune(ctxOf(t), job.Retention{Snapshots: day, Events: day}, 100); err != nil || n == 0 {
		t.Errorf("pruned %d rows, err %v", n, err)
	}
	_, err = s.Jobs(ctxOf(t), job.Filter{Phases: []job.Phase{job.Failed, job.Pending}}, nil, 10)
	ok("list", err)
	_, err = s.Summary(ctxOf(t))
	ok("summary", err)
	_, err = s.Due(ctxOf(t))
	ok("due", err)
	ok("remember tick", s.RememberTick(ctxOf(t), job.Tick{}, time.Second))
	ok("end a session", s.EndSession(ctxOf(t), "1", time.Now()))
	_, err = s.Unwatch(ctxOf(t), key(1))
	ok("unwatch", err)
}

package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

func watchIsIdempotent(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	k := job.Key{Provider: job.WeChat, Scope: "test2-4a89da", ID: "9223372036854775807"}
	if _, err := s.Job(ctxOf(t), k); !errors.Is(err, job.ErrNotWatched) {
		t.Fatalf("unwatched job: %v", err)
	}
	j, created, err := s.Watch(ctxOf(t), k, job.Change{Label: ptr("数据库 🚚")})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if j.Phase != job.Pending || j.Latest != nil || j.Label != "数据库 🚚" || j.Polling.NextAt == nil || !j.WatchedAt.Equal(j.ChangedAt) {
		t.Errorf("new job: %+v", j)
	}
	again, created, err := s.Watch(ctxOf(t), k, job.Change{})
	if err != nil || created {
		t.Fatal(created, err)
	}
	same(t, "watched again", again, j)
	renamed, _, err := s.Watch(ctxOf(t), k, job.Change{Label: ptr("")})
	if err != nil || renamed.Label != "" {
		t.Errorf("label %q, err %v", renamed.Label, err)
	}
}

func keysAreTakenLiterally(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-a"}, job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-A"},
		job.Key{Provider: job.WeChat, Scope: "env-a", ID: "1"}, job.Key{Provider: job.WeChat, Scope: "ENV-A", ID: "1"})
	list, err := s.Jobs(ctxOf(t), job.Filter{Text: "TS-A"}, nil, 10)
	if err != nil || len(list) != 2 {
		t.Errorf("text finds %d jobs, err %v; want both cases", len(list), err)
	}
	if list, err = s.Jobs(ctxOf(t), job.Filter{Text: "ts_a"}, nil, 10); err != nil || len(list) != 0 {
		t.Errorf("_ is a wildcard: %d jobs, err %v", len(list), err)
	}
}

func pausedJobsAreNotClaimed(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	j, _, err := s.Watch(ctxOf(t), key(1), job.Change{Paused: ptr(true)})
	if err != nil || !j.Paused || j.Polling.NextAt != nil {
		t.Fatalf("paused: %+v, %v", j, err)
	}
	if got := claim(t, s, key(1).Budget(), 5, time.Minute); len(got) != 0 {
		t.Errorf("claimed a paused job")
	}
	if _, err := s.PollNow(ctxOf(t), key(1)); !errors.Is(err, job.ErrPaused) {
		t.Errorf("poll now: %v", err)
	}
	if _, _, err := s.Watch(ctxOf(t), key(1), job.Change{Paused: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, key(1).Budget(), 5, time.Minute); len(got) != 1 {
		t.Errorf("a resumed job is not due")
	}
}

func pollNow(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "7"}
	if _, err := s.PollNow(ctxOf(t), k); !errors.Is(err, job.ErrNotWatched) {
		t.Errorf("unwatched: %v", err)
	}
	watch(t, s, k)
	see(t, s, k, job.Observation{Phase: job.Succeeded, Status: "success"})
	if j := get(t, s, k); j.Polling.NextAt != nil {
		t.Fatalf("a final WeChat job is due at %v", j.Polling.NextAt)
	}
	if got := claim(t, s, k.Budget(), 1, time.Minute); len(got) != 0 {
		t.Fatal("claimed a final WeChat job")
	}
	if j, err := s.PollNow(ctxOf(t), k); err != nil || j.Polling.NextAt == nil {
		t.Fatal(j.Polling, err)
	}
	if got := claim(t, s, k.Budget(), 1, time.Minute); len(got) != 1 {
		t.Fatal("a job asked for is not due")
	}
}

// resumedDuringAPollIsNotForgotten polls a final WeChat job by hand, which runs again by then, and pauses
// and resumes it meanwhile: it is to be polled on, though it was final when it was resumed.
func resumedDuringAPollIsNotForgotten(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "7"}
	watch(t, s, k)
	see(t, s, k, job.Observation{Phase: job.Succeeded, Status: "success"})
	if _, err := s.PollNow(ctxOf(t), k); err != nil {
		t.Fatal(err)
	}
	polled := poll(t, s, k, &job.Observation{Phase: job.Running, Status: "migrating"}, nil, 0)
	for _, paused := range []bool{true, false} {
		if _, _, err := s.Watch(ctxOf(t), k, job.Change{Paused: &paused}); err != nil {
			t.Fatal(err)
		}
	}
	if got := record(t, s, polled); !got[0] {
		t.Fatal("the poll was lost")
	}
	if j := get(t, s, k); j.Phase != job.Running || j.Paused || j.Polling.NextAt == nil {
		t.Errorf("%s, paused %v, due %v: forgotten", j.Phase, j.Paused, j.Polling.NextAt)
	}
}

func unwatchForgets(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1), key(2))
	see(t, s, key(1), running(1))
	o := func() job.Outcome {
		if _, err := s.PollNow(ctxOf(t), key(1)); err != nil {
			t.Fatal(err)
		}
		for _, c := range claim(t, s, key(1).Budget(), 2, time.Minute) {
			if c.Job.Key == key(1) {
				return job.Settle(c, ptr(running(2)), nil, c.At)
			}
		}
		t.Fatal("not claimed")
		return job.Outcome{}
	}()
	if _, err := s.Unwatch(ctxOf(t), key(1)); err != nil {
		t.Fatal(err)
	}
	if got := record(t, s, o); got[0] {
		t.Error("a poll of a forgotten job was recorded")
	}
	if _, err := s.Unwatch(ctxOf(t), key(1)); !errors.Is(err, job.ErrNotWatched) {
		t.Errorf("unwatch twice: %v", err)
	}
	if _, err := s.History(ctxOf(t), key(1), job.Span{}, 10); !errors.Is(err, job.ErrNotWatched) {
		t.Errorf("history: %v", err)
	}
	same(t, "events left", events(t, s), []job.Event{})
	watch(t, s, key(1))
	if got := history(t, s, key(1)); len(got) != 0 {
		t.Errorf("watched anew with %d old snapshots", len(got))
	}
}

func migrateManyAtOnce(t *testing.T, open Fresh) {
	// The database is migrated already; eight more find that out side by side. Empty databases are the
	// engines' own tests, which know how to make one.
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s := open(t, store.Options{})
			if n, err := s.Migrate(ctxOf(t)); err != nil || n != 0 {
				t.Errorf("migrated %d steps, err %v", n, err)
			}
			if err := s.Ready(ctxOf(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

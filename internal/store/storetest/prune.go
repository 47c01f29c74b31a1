package storetest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// seeAt polls k once more and records it as seen at another time.
func seeAt(t testing.TB, s *store.Store, k job.Key, seen job.Observation, after time.Duration) {
	t.Helper()
	if _, err := s.PollNow(ctxOf(t), k); err != nil {
		t.Fatal(err)
	}
	if got := record(t, s, poll(t, s, k, &seen, nil, after)); !got[0] {
		t.Fatalf("the poll of %s was lost", k)
	}
}

func failed(message string) job.Observation {
	return job.Observation{Phase: job.Failed, Status: "finished", Message: message}
}

const day = 24 * time.Hour

// prunable gives a job a history of 6 snapshots and 3 events: 4 snapshots and 2 events are 30 days old.
func prunable(t testing.TB, s *store.Store, k job.Key, last job.Observation) {
	t.Helper()
	watch(t, s, k)
	for i, seen := range []job.Observation{running(1), running(2), failed("first"), failed("second")} {
		seeAt(t, s, k, seen, -30*day+time.Duration(i)*time.Hour)
	}
	seeAt(t, s, k, running(3), -time.Hour)
	seeAt(t, s, k, last, 0)
}

func seqs(list []job.Snapshot) (got []int64) {
	for _, n := range list {
		got = append(got, n.Seq)
	}
	return got
}

func pruneKeepsWhatItMust(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	prunable(t, s, key(1), failed("at last"))
	prunable(t, s, key(2), running(4)) // not final
	watch(t, s, key(3))
	seeAt(t, s, key(3), failed("old"), -30*day) // its only snapshot is old
	watch(t, s, key(4))
	keep := job.Retention{}
	if n, err := s.Prune(ctxOf(t), keep, 0); n != 0 || err != nil {
		t.Fatalf("keeping all deleted %d rows, err %v", n, err)
	}
	if n, err := s.Prune(ctxOf(t), job.Retention{Snapshots: 7 * day}, 0); n != 4 || err != nil {
		t.Fatalf("deleted %d snapshots, want 4 (err %v)", n, err)
	}
	same(t, "final", seqs(history(t, s, key(1))), []int64{5, 6})
	same(t, "not final", len(history(t, s, key(2))), 6)
	same(t, "the only one", seqs(history(t, s, key(3))), []int64{1})
	same(t, "events", len(events(t, s)), 4+3+1)
	if n, err := s.Prune(ctxOf(t), job.Retention{Events: 7 * day}, 0); n != 3 || err != nil {
		t.Fatalf("deleted %d events, want 3 (err %v)", n, err)
	}
	for _, e := range events(t, s) {
		if e.Key != key(2) && time.Since(e.At) > day {
			t.Errorf("an old event of %s is left", e.Key)
		}
	}
	see(t, s, key(1), failed("again"))
	same(t, "seq goes on", seqs(history(t, s, key(1))), []int64{5, 6, 7})
	see(t, s, key(3), failed("old"))
	if list := history(t, s, key(3)); len(list) != 1 || list[0].Observations != 2 {
		t.Errorf("what was kept is not extended: %+v", list)
	}
}

func pruneGoesOnWhereItStopped(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	const jobs = 7
	for n := range jobs {
		prunable(t, s, key(n), failed("at last"))
	}
	var deleted int64
	for call := 1; deleted < 4*jobs; call++ {
		n, err := s.Prune(ctxOf(t), job.Retention{Snapshots: 7 * day}, 3)
		if err != nil || n > 3 {
			t.Fatalf("call %d deleted %d rows, err %v", call, n, err)
		}
		if deleted += n; call > 10*jobs {
			t.Fatalf("%d rows of %d after %d calls", deleted, 4*jobs, call)
		}
	}
	for range jobs {
		if n, err := s.Prune(ctxOf(t), job.Retention{Snapshots: 7 * day}, 3); n != 0 || err != nil {
			t.Errorf("deleted %d more, err %v", n, err)
		}
	}
	for n := range jobs {
		same(t, key(n).ID, seqs(history(t, s, key(n))), []int64{5, 6})
	}
}

// pruneBesideRecorders deletes while others record the same jobs: nobody may be hindered, and what is
// left has no gaps.
func pruneBesideRecorders(t *testing.T, open Fresh) {
	const recorders, each = 3, 15
	s := open(t, store.Options{})
	var all sync.WaitGroup
	done := make(chan struct{})
	for r := range recorders {
		k := job.Key{Provider: job.DTS, Scope: "ap-" + string(rune('a'+r)), ID: "dts-1"}
		watch(t, s, k)
		handle := open(t, store.Options{})
		all.Go(func() {
			for i := range each {
				seeAt(t, handle, k, failed(strconv.Itoa(i)), -30*day)
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	for finished := false; !finished; {
		select {
		case <-done:
			finished = true
		default:
		}
		if _, err := s.Prune(ctxOf(t), job.Retention{Snapshots: day, Events: day}, 0); err != nil {
			t.Error(err)
		}
	}
	for r := range recorders {
		k := job.Key{Provider: job.DTS, Scope: "ap-" + string(rune('a'+r)), ID: "dts-1"}
		same(t, k.Scope, seqs(history(t, s, k)), []int64{each})
	}
}

package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

func claimsAreExclusive(t *testing.T, open Fresh) {
	s, other := open(t, store.Options{}), open(t, store.Options{})
	watch(t, s, key(1))
	if first := claim(t, s, key(1).Budget(), 10, time.Hour); len(first) != 1 {
		t.Fatalf("claimed %d of 1", len(first))
	}
	if got := claim(t, other, key(1).Budget(), 10, time.Minute); len(got) != 0 {
		t.Fatalf("claimed %d jobs twice", len(got))
	}
	if due, err := s.Due(ctxOf(t)); err != nil || due != 0 {
		t.Errorf("due %d, err %v; what is being polled is not", due, err)
	}
	watch(t, s, key(2))
	if short := claim(t, s, key(2).Budget(), 10, time.Millisecond); len(short) != 1 {
		t.Fatalf("claimed %d of 1 that are free", len(short))
	}
	var again []job.Claim
	for deadline := time.Now().Add(20 * time.Second); len(again) < 1 && time.Now().Before(deadline); {
		again = claim(t, other, key(2).Budget(), 10, time.Minute) // as soon as the lease ends
	}
	if len(again) != 1 || again[0].Job.Key != key(2) {
		t.Fatalf("claimed %v after the lease", again)
	}
	for _, c := range again {
		if c.Epoch != 2 || c.Job.Polling.NextAt == nil {
			t.Errorf("epoch %d, next_at %v", c.Epoch, c.Job.Polling.NextAt)
		}
	}
}

func manyClaimNothingTwice(t *testing.T, open Fresh) {
	const jobs, pollers = 200, 8
	s := open(t, store.Options{})
	for n := range jobs {
		watch(t, s, key(n))
	}
	var mu sync.Mutex
	times := map[job.Key]int{}
	var all sync.WaitGroup
	for range pollers {
		handle := open(t, store.Options{})
		all.Go(func() {
			for {
				claims, err := handle.Claim(ctxOf(t), key(0).Budget(), 7, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, c := range claims {
					times[c.Job.Key]++
				}
				mu.Unlock()
				if len(claims) == 0 {
					if due, err := handle.Due(ctxOf(t)); err != nil || due == 0 {
						return
					}
				}
			}
		})
	}
	all.Wait()
	if len(times) != jobs {
		t.Errorf("claimed %d of %d jobs", len(times), jobs)
	}
	for k, n := range times {
		if n != 1 {
			t.Errorf("%s was claimed %d times", k, n)
		}
	}
}

func releaseRestores(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	before := get(t, s, key(1))
	claims := claim(t, s, key(1).Budget(), 1, time.Minute)
	if n, err := s.Release(ctxOf(t), claims); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	same(t, "released", get(t, s, key(1)), before)
	if n, err := s.Release(ctxOf(t), claims); err != nil || n != 0 {
		t.Errorf("released %d twice, err %v", n, err)
	}
	again := claim(t, s, key(1).Budget(), 1, time.Minute)
	if len(again) != 1 {
		t.Fatal("not due after its release")
	}
	if got := record(t, s, job.Settle(claims[0], ptr(running(1)), nil, claims[0].At)); got[0] {
		t.Error("a released claim could still write")
	}
}

func recordKeepsHistory(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "100071736"}
	watch(t, s, k)
	end := job.Observation{Phase: job.Partial, Status: "success", RecordsSucceeded: ptr[int64](9), RecordsFailed: ptr[int64](1), Message: "导出完成.", RequestID: "rid-5"}
	for _, seen := range []job.Observation{
		{Phase: job.Pending, Status: "waiting"}, {Phase: job.Running, Status: "reading"},
		{Phase: job.Running, Status: "migrating"}, {Phase: job.Running, Status: "migrating", RequestID: "another"}, end,
	} {
		see(t, s, k, seen)
	}
	list := history(t, s, k)
	var got []string
	for i, n := range list {
		got = append(got, fmt.Sprint(n.Seq, " ", n.Status, " ", n.Observations))
		if n.LastObservedAt.Before(n.FirstObservedAt) || i > 0 && n.FirstObservedAt.Before(list[i-1].LastObservedAt) {
			t.Errorf("times go back at seq %d", n.Seq)
		}
	}
	same(t, "snapshots", got, []string{"1 waiting 1", "2 reading 1", "3 migrating 2", "4 success 1"})
	same(t, "last seen", list[3].Observation, end)
	j := get(t, s, k)
	same(t, "latest", *j.Latest, list[3])
	if j.Phase != job.Partial || j.Polling.NextAt != nil || j.Polling.LastError != nil || !j.ChangedAt.Equal(list[3].FirstObservedAt) {
		t.Errorf("job %+v", j)
	}
	got = nil
	for i, e := range events(t, s) {
		got = append(got, fmt.Sprint(e.ID, " ", e.From, ">", e.To, " ", e.Seq))
		if e.Key != k || i == 1 && e.Message != "导出完成." {
			t.Errorf("event %+v", e)
		}
	}
	same(t, "events", got, []string{"1 pending>running 2", "2 running>partial 4"})
}

func recordTwiceIsOnce(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	o := poll(t, s, key(1), ptr(running(5)), nil, 0)
	for range 3 { // an answer to COMMIT may be lost
		if got := record(t, s, o); !got[0] {
			t.Fatal("told lost what is recorded")
		}
	}
	if list := history(t, s, key(1)); len(list) != 1 || list[0].Observations != 1 {
		t.Errorf("history %+v", list)
	}
	if list := events(t, s); len(list) != 1 {
		t.Errorf("%d events", len(list))
	}
}

func lateTwinIsLost(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	slow := claim(t, s, key(1).Budget(), 1, time.Millisecond)[0]
	var quick []job.Claim
	for len(quick) == 0 {
		quick = claim(t, s, key(1).Budget(), 1, time.Minute)
	}
	if got := record(t, s, job.Settle(slow, ptr(running(1)), nil, slow.At)); got[0] {
		t.Error("the old epoch could write while the new one is held")
	}
	if got := record(t, s, job.Settle(quick[0], ptr(running(2)), nil, quick[0].At)); !got[0] {
		t.Error("the new epoch could not write")
	}
	if got := record(t, s, job.Settle(slow, ptr(running(3)), nil, slow.At)); got[0] {
		t.Error("the old epoch could write after the new one")
	}
	if list := history(t, s, key(1)); len(list) != 1 || *list[0].Progress != 2 {
		t.Errorf("history %+v", list)
	}
}

func lostDoNotSpoilTheGroup(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	const n = 150 // more than one group
	for i := range n {
		watch(t, s, key(i))
	}
	claims := claim(t, s, key(0).Budget(), n, time.Minute)
	var outcomes []job.Outcome
	for i, c := range claims {
		if i%10 == 3 {
			c.Epoch += 7 // not the one it has
		}
		outcomes = append(outcomes, job.Settle(c, ptr(running(int64(i%7))), nil, c.At))
	}
	for i, ok := range record(t, s, outcomes...) {
		if want := i%10 != 3; ok != want {
			t.Errorf("outcome %d: recorded %v, want %v", i, ok, want)
		}
		want := 1
		if i%10 == 3 {
			want = 0
		}
		if got := len(history(t, s, outcomes[i].Job.Key)); got != want {
			t.Errorf("outcome %d: %d snapshots, want %d", i, got, want)
		}
	}
}

func badOutcomeDoesNotSpoilTheGroup(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(4))
	see(t, s, key(4), running(1)) // it has seq 1 already …
	for _, i := range []int{0, 1, 2, 3, 5, 6, 7, 8} {
		watch(t, s, key(i))
	}
	if _, err := s.PollNow(ctxOf(t), key(4)); err != nil {
		t.Fatal(err)
	}
	var outcomes []job.Outcome
	for _, c := range claim(t, s, key(0).Budget(), 9, time.Minute) {
		if c.Job.Key == key(4) {
			c.Job.Latest = nil // … and is told to write it again
		}
		o := job.Settle(c, ptr(running(2)), nil, c.At)
		if c.Job.Key == key(7) {
			o.Job.Latest = nil // whoever writes this one panics
		}
		outcomes = append(outcomes, o)
	}
	recorded, err := s.Record(ctxOf(t), outcomes)
	for i, ok := range recorded {
		if want := outcomes[i].Job.Key != key(4) && outcomes[i].Job.Key != key(7); ok != want {
			t.Errorf("%s: recorded %v", outcomes[i].Job.Key, ok)
		}
	}
	for k, snapshots := range map[job.Key]int{key(4): 1, key(7): 0} {
		if err == nil || !strings.Contains(err.Error(), k.String()) {
			t.Errorf("error %v does not name the bad %s", err, k)
		}
		if list := history(t, s, k); len(list) != snapshots || snapshots > 0 && *list[0].Progress != 1 {
			t.Errorf("the bad outcome of %s left its mark: %+v", k, list)
		}
		if p := get(t, s, k).Polling; p.Failures != 1 || p.LastError == nil || p.LastError.Code != "not_stored" || !p.NextAt.After(p.LastError.At) {
			t.Errorf("the bad outcome's job %s is not set aside: %+v", k, p)
		}
	}
}

func failedLookChangesNoHistory(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	see(t, s, key(1), running(1))
	before := get(t, s, key(1))
	if _, err := s.PollNow(ctxOf(t), key(1)); err != nil {
		t.Fatal(err)
	}
	failure := &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", Message: "slow down", RequestID: "req-1", RetryAfter: time.Second}
	record(t, s, poll(t, s, key(1), nil, failure, 0))
	j := get(t, s, key(1))
	same(t, "latest", j.Latest, before.Latest)
	if e := j.Polling.LastError; j.Phase != job.Running || j.Polling.Failures != 1 || e == nil || e.Kind != job.Throttled || e.Code != "RequestLimitExceeded" || e.RequestID != "req-1" {
		t.Errorf("polling %+v, error %+v", j.Polling, e)
	}
	see(t, s, key(1), running(1))
	j = get(t, s, key(1))
	if j.Polling.Failures != 0 || j.Polling.LastError != nil || j.Latest.Observations != 2 {
		t.Errorf("after healing: %+v, %d observations", j.Polling, j.Latest.Observations)
	}
}

func requestsDuringALookWin(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1), key(2))
	claims := claim(t, s, key(1).Budget(), 2, time.Minute)
	if _, _, err := s.Watch(ctxOf(t), key(1), job.Change{Paused: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	for { // a clock's tick after the claim's due time, so that the two differ
		j, err := s.PollNow(ctxOf(t), key(2))
		if err != nil {
			t.Fatal(err)
		}
		if j.Polling.NextAt.After(j.WatchedAt) {
			break
		}
	}
	for _, c := range claims {
		record(t, s, job.Settle(c, ptr(running(1)), nil, c.At))
	}
	if j := get(t, s, key(1)); !j.Paused || j.Polling.NextAt != nil || j.Latest == nil {
		t.Errorf("paused during a poll: %+v", j.Polling)
	}
	if got := claim(t, s, key(1).Budget(), 2, time.Minute); len(got) != 1 || got[0].Job.Key != key(2) {
		t.Errorf("asked for during a poll, yet claimed %v", got)
	}
}

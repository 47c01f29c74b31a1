package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
	"migwatch/internal/store"
)

func listsPageThroughEverything(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	var want []job.Key
	for n := range 23 {
		k := key(n)
		if n%3 == 0 {
			k = job.Key{Provider: job.WeChat, Scope: "env-1", ID: k.ID[len("dts-"):] + "1"}
		}
		watch(t, s, k)
		want = append(want, k)
	}
	see1 := claim(t, s, "wechat", 4, time.Minute)
	for _, c := range see1 {
		record(t, s, job.Settle(c, &job.Observation{Phase: job.Running, Status: "reading"}, nil, c.At))
	}
	for _, test := range []struct {
		name string
		f    job.Filter
		want func(k job.Key) bool
	}{
		{"all", job.Filter{}, func(job.Key) bool { return true }},
		{"provider", job.Filter{Provider: job.DTS}, func(k job.Key) bool { return k.Provider == job.DTS }},
		{"scope", job.Filter{Scope: "env-1"}, func(k job.Key) bool { return k.Scope == "env-1" }},
		{"phases", job.Filter{Phases: []job.Phase{job.Running, job.Failed}}, func(k job.Key) bool {
			return slices.ContainsFunc(see1, func(c job.Claim) bool { return c.Job.Key == k })
		}},
		{"text", job.Filter{Text: "TS-2"}, func(k job.Key) bool { return k == key(2) || k == key(20) || k == key(22) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := pagedThrough(t, s, test.f)
			for _, k := range want {
				if seen[k] != test.want(k) {
					t.Errorf("%s listed: %v", k, seen[k])
				}
			}
		})
	}
}

// pagedThrough lists all that f chooses, a small page at a time, and checks that nothing comes twice or
// out of order.
func pagedThrough(t *testing.T, s *store.Store, f job.Filter) map[job.Key]bool {
	t.Helper()
	seen := map[job.Key]bool{}
	var after *job.Place
	var last time.Time
	for page := 0; ; page++ {
		list, err := s.Jobs(ctxOf(t), f, after, 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			if seen[l.Key] || !last.IsZero() && l.ChangedAt.After(last) {
				t.Errorf("%s comes twice or out of order", l.Key)
			}
			seen[l.Key], last = true, l.ChangedAt
		}
		if len(list) < 4 {
			break
		}
		after = &list[3].Place
	}
	return seen
}

func historyPages(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	watch(t, s, key(1))
	for i := range 7 {
		see(t, s, key(1), running(int64(i)))
	}
	all := history(t, s, key(1))
	seqs := func(list []job.Snapshot, err error) []int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		got := []int64{}
		for _, n := range list {
			got = append(got, n.Seq)
		}
		return got
	}
	page := func(span job.Span, limit int) []int64 { return seqs(s.History(ctxOf(t), key(1), span, limit)) }
	same(t, "newest first", page(job.Span{}, 3), []int64{7, 6, 5})
	same(t, "the next page", page(job.Span{After: 5}, 3), []int64{4, 3, 2})
	same(t, "oldest first", page(job.Span{Ascending: true, After: 3}, 3), []int64{4, 5, 6})
	same(t, "an empty span", page(job.Span{Until: all[0].FirstObservedAt}, 3), []int64{})
	at := all[6].LastObservedAt.Add(time.Millisecond)
	same(t, "nothing since", page(job.Span{Since: at}, 3), []int64{})
	if got := page(job.Span{Until: at}, 10); len(got) != 7 {
		t.Errorf("until after the end: %v", got)
	}
}

// eventsMissNothing follows the feed while many write at once: transactions commit out of the order
// in which they begin.
func eventsMissNothing(t *testing.T, open Fresh) {
	const writers, each = 6, 20
	reader := open(t, store.Options{})
	var all sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		s := open(t, store.Options{})
		k := job.Key{Provider: job.DTS, Scope: "ap-" + string(rune('a'+w)), ID: "dts-1"}
		watch(t, s, k)
		all.Go(func() {
			for i := range each {
				phase := []job.Phase{job.Running, job.Failed}[i%2]
				see(t, s, k, job.Observation{Phase: phase, Status: string(phase)})
			}
		})
	}
	go func() { all.Wait(); close(done) }()
	var ids []int64
	var after int64
	for finished := false; ; {
		list, err := reader.Events(ctxOf(t), job.Filter{}, after, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			ids, after = append(ids, e.ID), e.ID
		}
		if finished && len(list) == 0 {
			break
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
	if len(ids) != writers*each {
		t.Errorf("followed %d events of %d", len(ids), writers*each)
	}
	for i, id := range ids {
		if id != int64(i+1) {
			t.Fatalf("event %d has ID %d", i+1, id)
		}
	}
	one, err := reader.Events(ctxOf(t), job.Filter{Provider: job.DTS, Scope: "ap-b"}, 0, 100)
	if err != nil || len(one) != each {
		t.Errorf("one scope has %d events, err %v", len(one), err)
	}
}

func slotsNeverCrowd(t *testing.T, open Fresh) {
	const budget = "dts/ap-shanghai"
	a, b := open(t, store.Options{}), open(t, store.Options{})
	watch(t, a, key(1))
	pace := pace.Of(20)
	var slots []time.Time
	take := func(s *store.Store, n int) {
		t.Helper()
		got, err := s.Reserve(ctxOf(t), budget, n, pace, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.N {
			slots = append(slots, got.At(i))
		}
	}
	for range 6 {
		take(a, 7)
		take(b, 3)
		take(b, 1)
	}
	slices.SortFunc(slots, time.Time.Compare)
	if len(slots) < 60 {
		t.Fatalf("%d slots of 66", len(slots))
	}
	for i := range slots {
		if i >= 20 && slots[i].Sub(slots[i-20]) < time.Second {
			t.Errorf("21 slots within %v", slots[i].Sub(slots[i-20]))
		}
	}
	for _, who := range []*store.Store{a, a, b, b} { // the second time is no sign of being alone
		if got, err := who.Reserve(ctxOf(t), budget, 1, pace, time.Hour); err != nil || got.Step != pace.Shared {
			t.Errorf("a slot beside another process's has step %v, err %v", got.Step, err)
		}
	}
	if got, err := a.Reserve(ctxOf(t), budget, 1, pace, time.Second); err != nil || got.N != 0 {
		t.Errorf("a slot %v away was given though only 1 s was asked for (err %v)", time.Until(got.First), err)
	}
	if _, err := a.Reserve(ctxOf(t), "dts/ap-nowhere", 1, pace, time.Second); err != nil {
		t.Errorf("an unknown budget: %v", err)
	}
}

func pushHoldsForAll(t *testing.T, open Fresh) {
	a, b := open(t, store.Options{}), open(t, store.Options{})
	watch(t, a, key(1))
	if due, err := b.Budgets(ctxOf(t)); err != nil || len(due) != 1 || due[key(1).Budget()] != 0 {
		t.Fatalf("budgets %v, err %v", due, err)
	}
	for range 2 {
		if err := a.Push(ctxOf(t), key(1).Budget(), time.Minute, job.Throttled); err != nil {
			t.Fatal(err)
		}
	}
	due, err := b.Budgets(ctxOf(t))
	if wait := due[key(1).Budget()]; err != nil || wait < 50*time.Second || wait > 61*time.Second {
		t.Errorf("budgets %v, err %v", due, err)
	}
	if got, err := b.Reserve(ctxOf(t), key(1).Budget(), 1, pace.Of(20), 30*time.Second); err != nil || got.N != 0 {
		t.Errorf("reserved %d slots on a pushed budget, err %v", got.N, err)
	}
}

func summaryCounts(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	empty, err := s.Summary(ctxOf(t))
	if err != nil || empty.LastTick != nil || empty.OldestAt != nil || len(empty.Jobs[job.DTS]) != len(job.Phases) {
		t.Fatalf("empty: %+v, %v", empty, err)
	}
	watch(t, s, key(1), key(2), key(3))
	if _, _, err := s.Watch(ctxOf(t), key(3), job.Change{Paused: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	for _, c := range claim(t, s, key(1).Budget(), 1, time.Minute) {
		record(t, s, job.Settle(c, nil, &job.PollError{Kind: job.Forbidden, Code: "UnauthorizedOperation"}, c.At))
	}
	tick := job.Tick{Claimed: 5, Recorded: 3, Changed: 2, Failed: 1, Released: 1, Due: 9}
	if err := s.RememberTick(ctxOf(t), tick, 1500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	sum, err := s.Summary(ctxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	if sum.Watched != 3 || sum.Paused != 1 || sum.Failing != 1 || sum.ByKind[job.Forbidden] != 1 || sum.Jobs[job.DTS][job.Pending] != 3 || sum.Overdue != 0 || sum.OldestAt == nil {
		t.Errorf("summary %+v", sum)
	}
	got := *sum.LastTick
	if got.FinishedAt.Sub(got.StartedAt) != 1500*time.Millisecond {
		t.Errorf("the tick took %v", got.FinishedAt.Sub(got.StartedAt))
	}
	got.StartedAt, got.FinishedAt = time.Time{}, time.Time{}
	same(t, "tick", got, tick)
	if due, err := s.Due(ctxOf(t)); err != nil || due != 1 {
		t.Errorf("due %d, err %v", due, err)
	}
}

package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// machine does to a store what pollers and users do, in any order, and knows what must come of it.
type machine struct {
	s     *store.Store
	keys  []job.Key
	known map[job.Key]*expected
	held  []job.Claim   // by pollers that are alive, or think so
	sent  []job.Outcome // recorded, and perhaps to be recorded again
}

// expected is what the store must say of a job.
type expected struct {
	row, epoch int64 // of the newest claim
	polls      int64 // recorded and successful
	done       map[int64]bool
	paused     bool
}

func newMachine(s *store.Store, run int) *machine {
	m := &machine{s: s, known: map[job.Key]*expected{}}
	// Keys of its own, so that many runs share a database. A final WeChat job is due no more, a DTS job is.
	scope := fmt.Sprintf("ap-run%d", run)
	m.keys = []job.Key{{Provider: job.DTS, Scope: scope, ID: "dts-0"}, {Provider: job.DTS, Scope: scope, ID: "dts-1"}, {Provider: job.WeChat, Scope: scope, ID: "1"}}
	return m
}

// end leaves nothing due that another machine on this database could claim.
func (m *machine) end() {
	for k := range m.known {
		_, _ = m.s.Unwatch(m.ctx(), k)
	}
}

// any is one of the keys, the last one as often as the others together.
func (m *machine) any(t *rapid.T) job.Key {
	last := len(m.keys) - 1
	return m.keys[min(rapid.IntRange(0, 2*last-1).Draw(t, "key"), last)]
}

func (m *machine) ctx() context.Context { return context.Background() }

func (m *machine) watch(t *rapid.T) {
	k := m.any(t)
	paused := rapid.SampledFrom([]*bool{nil, new(false), new(false), new(true)}).Draw(t, "paused")
	_, created, err := m.s.Watch(m.ctx(), k, job.Change{Paused: paused})
	if err != nil || created != (m.known[k] == nil) {
		t.Fatalf("watch %s: created %v, err %v", k, created, err)
	}
	if created {
		m.known[k] = &expected{done: map[int64]bool{}}
	}
	if paused != nil {
		m.known[k].paused = *paused
	}
}

// resume pauses a job that is being polled, and thinks better of it.
func (m *machine) resume(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("nothing is held")
	}
	k := m.held[len(m.held)-1].Job.Key
	if m.known[k] == nil {
		t.Skip("not watched any more")
	}
	for _, paused := range []bool{true, false} {
		if _, _, err := m.s.Watch(m.ctx(), k, job.Change{Paused: &paused}); err != nil {
			t.Fatal(err)
		}
	}
	m.known[k].paused = false
}

func (m *machine) unwatch(t *rapid.T) {
	k := m.any(t)
	_, err := m.s.Unwatch(m.ctx(), k)
	if (err == nil) != (m.known[k] != nil) || err != nil && !errors.Is(err, job.ErrNotWatched) {
		t.Fatalf("unwatch %s: %v", k, err)
	}
	delete(m.known, k)
}

func (m *machine) pollNow(t *rapid.T) {
	k := m.any(t)
	_, err := m.s.PollNow(m.ctx(), k)
	switch e := m.known[k]; {
	case e == nil && !errors.Is(err, job.ErrNotWatched), e != nil && e.paused && !errors.Is(err, job.ErrPaused), e != nil && !e.paused && err != nil:
		t.Fatalf("poll %s: %v", k, err)
	}
}

// claim takes what is due, sometimes for so short that the lease ends before anything comes of it.
func (m *machine) claim(t *rapid.T) {
	lease := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Hour}).Draw(t, "lease")
	m.take(t, m.any(t).Budget(), rapid.IntRange(1, 3).Draw(t, "n"), lease)
}

func (m *machine) take(t *rapid.T, budget string, n int, lease time.Duration) {
	claims, err := m.s.Claim(m.ctx(), budget, n, lease)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		e := m.known[c.Job.Key]
		switch {
		case e == nil, e.paused:
			t.Fatalf("claimed %s, which is not to be polled", c.Job.Key)
		case e.row == c.Row && c.Epoch <= e.epoch: // I2
			t.Fatalf("%s: epoch %d after %d", c.Job.Key, c.Epoch, e.epoch)
		}
		e.row, e.epoch = c.Row, c.Epoch
		m.held = append(m.held, c)
	}
}

// expire lets a lease that was short end, so that the job is claimed again beside its old holder.
func (m *machine) expire(*rapid.T) { time.Sleep(2 * time.Millisecond) }

func (m *machine) release(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("nothing is held")
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "claim")
	if _, err := m.s.Release(m.ctx(), m.held[i:i+1]); err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "forgets") { // or writes all the same
		m.held = slices.Delete(m.held, i, i+1)
	} else if e := m.known[m.held[i].Job.Key]; e != nil && e.row == m.held[i].Row && e.epoch == m.held[i].Epoch {
		e.epoch = -e.epoch // no claim holds
	}
}

// record writes what some holders saw: those who still hold, those who are late, and those who wrote
// before and do not know it.
func (m *machine) record(t *rapid.T) {
	if len(m.held)+len(m.sent) == 0 {
		t.Skip("nothing to record")
	}
	var group []job.Outcome
	for range rapid.IntRange(1, 3).Draw(t, "outcomes") {
		if n := len(m.sent); n > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
			group = append(group, m.sent[rapid.IntRange(0, n-1).Draw(t, "which")])
			continue
		}
		if len(m.held) == 0 {
			continue
		}
		i := rapid.IntRange(0, len(m.held)-1).Draw(t, "claim")
		c := m.held[i]
		m.held = slices.Delete(m.held, i, i+1)
		after := time.Duration(rapid.IntRange(-5, 5).Draw(t, "clock")) * time.Millisecond
		if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
			group = append(group, job.Settle(c, nil, &job.PollError{Kind: job.Transient, Code: "timeout"}, c.At.Add(after)))
			continue
		}
		phase := rapid.SampledFrom([]job.Phase{job.Running, job.Running, job.Failed, job.Failed, job.Unknown}).Draw(t, "phase")
		group = append(group, job.Settle(c, &job.Observation{Phase: phase, Status: string(phase)}, nil, c.At.Add(after)))
	}
	m.send(t, group)
}

func (m *machine) send(t *rapid.T, group []job.Outcome) {
	if len(group) == 0 {
		return
	}
	recorded, err := m.s.Record(m.ctx(), group)
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]bool{}
	for i, o := range group {
		k, epoch := o.Job.Key, o.Claim.Epoch
		e := m.known[k]
		switch {
		case e == nil || e.row != o.Claim.Row:
			if recorded[i] {
				t.Fatalf("recorded %s, which is gone", k)
			}
		case e.epoch == epoch && !e.done[epoch]:
			if !recorded[i] {
				t.Fatalf("%s: the holder of epoch %d was told that it lost", k, epoch)
			}
			e.done[epoch] = true
			if o.Polled {
				e.polls++
			}
		case recorded[i] && !e.done[epoch]:
			t.Fatalf("%s: epoch %d was recorded though %d holds", k, epoch, e.epoch)
		}
		if name := fmt.Sprint(k, epoch); recorded[i] && !counted[name] {
			counted[name] = true
			m.sent = append(m.sent, o)
		}
	}
}

// check asks the store about every job: I3, I4, I5, I6 of what was recorded.
func (m *machine) check(t *rapid.T) {
	all, err := m.s.Events(m.ctx(), job.Filter{Scope: m.keys[0].Scope}, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if i > 0 && all[i].ID <= all[i-1].ID {
			t.Fatalf("event %d after %d", all[i].ID, all[i-1].ID)
		}
	}
	for _, k := range m.keys {
		j, err := m.s.Job(m.ctx(), k)
		e := m.known[k]
		if (e == nil) != errors.Is(err, job.ErrNotWatched) || e != nil && err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		if e == nil {
			continue
		}
		list, err := m.s.History(m.ctx(), k, job.Span{Ascending: true}, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		if j.Paused != e.paused || j.Paused && j.Polling.NextAt != nil {
			t.Fatalf("%s: paused %v, due %v", k, j.Paused, j.Polling.NextAt)
		}
		if !j.Paused && !j.Phase.Final() && j.Polling.NextAt == nil {
			t.Fatalf("%s: %s and not paused, yet never due again", k, j.Phase)
		}
		events := slices.DeleteFunc(slices.Clone(all), func(v job.Event) bool { return v.Key != k })
		if err := checkHistory(j, list, events, e.polls); err != nil {
			t.Fatalf("%s: %v", k, err)
		}
	}
}

// checkHistory is I3 to I6 of one job of which polls were recorded.
func checkHistory(j job.Job, list []job.Snapshot, events []job.Event, polls int64) error {
	var observed int64
	from := job.Pending
	for i, n := range list {
		observed += n.Observations
		if n.Seq != int64(i+1) {
			return fmt.Errorf("I4: snapshot %d has seq %d", i+1, n.Seq)
		}
		if n.LastObservedAt.Before(n.FirstObservedAt) {
			return fmt.Errorf("I4: snapshot %d ends before it begins", n.Seq)
		}
		if i > 0 && (n.Same(list[i-1].Observation) || n.FirstObservedAt.Before(list[i-1].LastObservedAt)) {
			return fmt.Errorf("I4: snapshot %d is as the one before, or begins before its end", n.Seq)
		}
		if n.Phase == from {
			continue
		}
		if len(events) == 0 || events[0].Seq != n.Seq || events[0].From != from || events[0].To != n.Phase {
			return fmt.Errorf("I6: no event for %s>%s at seq %d, but %+v", from, n.Phase, n.Seq, events)
		}
		from, events = n.Phase, events[1:]
	}
	switch {
	case observed != polls:
		return fmt.Errorf("I3: %d polls were recorded, the history has %d", polls, observed)
	case len(events) > 0:
		return fmt.Errorf("I6: events without a change: %+v", events)
	case j.Phase != from:
		return fmt.Errorf("I5: the job is %s, its history ends %s", j.Phase, from)
	case len(list) == 0 && j.Latest != nil, len(list) > 0 && (j.Latest == nil || *j.Latest != list[len(list)-1] && !sameSnapshot(*j.Latest, list[len(list)-1])):
		return fmt.Errorf("I5: the job's latest is not its last snapshot: %+v", j.Latest)
	}
	return nil
}

func sameSnapshot(a, b job.Snapshot) bool {
	return a.Seq == b.Seq && a.Same(b.Observation) && a.Observations == b.Observations && a.FirstObservedAt.Equal(b.FirstObservedAt) && a.LastObservedAt.Equal(b.LastObservedAt)
}

// machineProperty is the machine as a property. runs numbers the machines of a database, so that each has
// a budget and keys of its own.
func machineProperty(s *store.Store, runs *int) func(t *rapid.T) {
	return func(t *rapid.T) {
		*runs++
		m := newMachine(s, *runs)
		defer m.end()
		t.Repeat(map[string]func(*rapid.T){
			"watch": m.watch, "resume": m.resume, "unwatch": m.unwatch, "pollNow": m.pollNow, "pollNow2": m.pollNow,
			"claim": m.claim, "claim2": m.claim, "expire": m.expire, "release": m.release, "record": m.record, "record2": m.record,
			"": m.check,
		})
	}
}

// rapidly sets one of rapid's flags for a test, unless the command line did.
func rapidly(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	v := flag.Lookup(name).Value // set past flag.Set, after which it would count as given
	was := v.String()
	if err := v.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Set(was) })
}

func TestMachine(t *testing.T) {
	rapidly(t, "rapid.checks", "15") // each of some 30 steps; more by the flag
	onEach(t, func(t *testing.T, open storetest.Fresh) {
		runs := 0
		rapid.Check(t, machineProperty(open(t, store.Options{}), &runs))
	})
}

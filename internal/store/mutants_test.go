package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// TestMutantsAreCaught breaks the store in the ways that matter most, and wants the machine to see
// it: a machine that cannot is worth nothing.
func TestMutantsAreCaught(t *testing.T) {
	for _, mutant := range []struct {
		name         string
		property     func(s *store.Store, runs *int) func(*rapid.T)
		replacements []string
	}{
		{"no fence", machineProperty, []string{" AND jobs.epoch = v.v_epoch", "", " AND jobs.epoch = ? AND", " AND (jobs.epoch = ? OR TRUE) AND", " AND jobs.epoch = $20 AND", " AND (jobs.epoch = $20 OR TRUE) AND"}},
		{"epoch not consumed", machineProperty, []string{"SET lease_until = 0, claim = '', recorded_epoch", "SET claim = '', recorded_epoch"}},
		// Five steps in one order: by chance they may take hundreds of runs.
		{"resumed and forgotten", resumedDuringAPoll, []string{" OR jobs.next_at IS NULL)", ")"}},
	} {
		t.Run(mutant.name, func(t *testing.T) {
			rapidly(t, "rapid.nofailfile", "true")
			rapidly(t, "rapid.shrinktime", "0s")
			s := migrated(t, engines[0].database(t))(t, store.Options{})
			replace := strings.NewReplacer(mutant.replacements...)
			changed := 0
			s.Intercept(func(query string, _ []any) string {
				after := replace.Replace(query)
				if after != query {
					changed++
				}
				return after
			})
			runs := 0
			caught := probe(mutant.property(s, &runs))
			if changed == 0 {
				t.Fatal("the mutant changed no statement")
			}
			if caught == "" {
				t.Errorf("the machine saw nothing in %d runs", runs)
			}
			t.Logf("caught after %d runs: %s", runs, caught)
		})
	}
}

// TestResumedDuringAPoll holds the sequence to a store that is whole, so that its mutant fails for the mutation.
func TestResumedDuringAPoll(t *testing.T) {
	rapidly(t, "rapid.checks", "1")
	onEach(t, func(t *testing.T, open storetest.Fresh) {
		runs := 0
		rapid.Check(t, resumedDuringAPoll(open(t, store.Options{}), &runs))
	})
}

// resumedDuringAPoll is a machine with its steps given: a final WeChat job is polled by hand, paused and
// resumed meanwhile, and found running.
func resumedDuringAPoll(s *store.Store, runs *int) func(*rapid.T) {
	return func(t *rapid.T) {
		*runs++
		m := newMachine(s, *runs)
		defer m.end()
		k := m.keys[2]
		if _, _, err := s.Watch(m.ctx(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
		m.known[k] = &expected{done: map[int64]bool{}}
		for _, phase := range []job.Phase{job.Succeeded, job.Running} {
			if _, err := s.PollNow(m.ctx(), k); err != nil {
				t.Fatal(err)
			}
			m.take(t, k.Budget(), 1, time.Hour)
			c := m.held[len(m.held)-1]
			if phase == job.Running {
				m.resume(t)
			}
			m.send(t, []job.Outcome{job.Settle(c, &job.Observation{Phase: phase, Status: string(phase)}, nil, c.At)})
			m.check(t)
		}
	}
}

// probe runs a property until it fails, and says how.
func probe(property func(*rapid.T)) (how string) {
	recorder := &recorder{}
	func() {
		defer func() { _ = recover() }()
		rapid.Check(recorder, property)
	}()
	return recorder.said
}

// recorder is a test that fails without failing.
type recorder struct {
	said   string
	failed bool
}

func (r *recorder) Helper()                   {}
func (r *recorder) Name() string              { return "mutant" }
func (r *recorder) Logf(string, ...any)       {}
func (r *recorder) Skipf(string, ...any)      { panic("skipped") }
func (r *recorder) Skip(...any)               { panic("skipped") }
func (r *recorder) SkipNow()                  { panic("skipped") }
func (r *recorder) Log(...any)                {}
func (r *recorder) Error(a ...any)            { r.Errorf("%s", fmt.Sprint(a...)) }
func (r *recorder) Fatal(a ...any)            { r.Fatalf("%s", fmt.Sprint(a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.failed, r.said = true, r.said+fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); panic("failed") }
func (r *recorder) FailNow()                  { r.failed = true; panic("failed") }
func (r *recorder) Fail()                     { r.failed = true }
func (r *recorder) Failed() bool              { return r.failed }

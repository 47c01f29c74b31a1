package store_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"migwatch/internal/store"
)

// TestMutantsAreCaught breaks the store in the two ways that matter most, and wants the machine to see
// it: a machine that cannot is worth nothing.
func TestMutantsAreCaught(t *testing.T) {
	for _, mutant := range []struct {
		name         string
		replacements []string
	}{
		{"no fence", []string{" AND jobs.epoch = v.v_epoch", "", " AND epoch = ? AND lease_until", " AND (epoch = ? OR TRUE) AND lease_until", " AND epoch = $19 AND lease_until", " AND (epoch = $19 OR TRUE) AND lease_until"}},
		{"epoch not consumed", []string{"SET lease_until = 0, claim = '', recorded_epoch", "SET claim = '', recorded_epoch"}},
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
			caught := probe(func(t *rapid.T) { machineProperty(s, &runs)(t) })
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

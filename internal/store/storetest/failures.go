package storetest

import (
	"testing"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// failuresInARowAreCountedByCode wants a code that no document lists to become invalid when it came more
// than three times in a row, whatever failed before: of jobs written together, and of one by itself.
func failuresInARowAreCountedByCode(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	for _, keys := range [][]job.Key{{key(1), key(2)}, {key(3)}} {
		watch(t, s, keys...)
		for i, step := range []struct {
			code    string
			kind    job.Kind
			repeats int64
		}{
			{"A", job.Transient, 1}, {"A", job.Transient, 2}, {"B", job.Transient, 1}, {"A", job.Transient, 1}, {"A", job.Transient, 2},
			{"A", job.Transient, 3}, {"A", job.Invalid, 4}, {"B", job.Transient, 1},
		} {
			var outcomes []job.Outcome
			for _, k := range keys {
				if _, err := s.PollNow(ctxOf(t), k); err != nil {
					t.Fatal(err)
				}
				outcomes = append(outcomes, poll(t, s, k, nil, &job.PollError{Kind: job.Transient, Code: step.code, Unlisted: true}, 0))
			}
			record(t, s, outcomes...)
			for _, k := range keys {
				p := get(t, s, k).Polling
				if e := p.LastError; e == nil || e.Kind != step.kind || e.Repeats != step.repeats || p.Failures != int64(i+1) {
					t.Errorf("%s: failure %d (%s): %d failures, the last %+v; want %s, %d in a row", k, i+1, step.code, p.Failures, e, step.kind, step.repeats)
				}
			}
		}
	}
}

package store_test

import (
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// TestResumeBesideARecord records a poll between the two statements of a resume, of which the first saw a
// final job: the second may not leave it without a time.
func TestResumeBesideARecord(t *testing.T) {
	onEach(t, func(t *testing.T, open storetest.Fresh) {
		s, poller := open(t, store.Options{}), open(t, store.Options{})
		k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "7"}
		if _, _, err := s.Watch(t.Context(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
		sees := func(phase job.Phase) job.Outcome {
			if _, err := poller.PollNow(t.Context(), k); err != nil {
				t.Fatal(err)
			}
			claims, err := poller.Claim(t.Context(), k.Budget(), 1, time.Minute)
			if err != nil || len(claims) != 1 {
				t.Fatal(claims, err)
			}
			return job.Settle(claims[0], &job.Observation{Phase: phase, Status: string(phase)}, nil, claims[0].At)
		}
		record := func(o job.Outcome) {
			if done, err := poller.Record(t.Context(), []job.Outcome{o}); err != nil || !done[0] {
				t.Error(done, err)
			}
		}
		record(sees(job.Succeeded))
		polled, recorded := sees(job.Running), false
		if _, _, err := s.Watch(t.Context(), k, job.Change{Paused: new(true)}); err != nil {
			t.Fatal(err)
		}
		s.Intercept(func(query string, _ []any) string {
			if strings.Contains(query, "SET paused = 0") && !recorded {
				recorded = true
				record(polled)
			}
			return query
		})
		j, _, err := s.Watch(t.Context(), k, job.Change{Paused: new(false)})
		if err != nil || !recorded || j.Paused || j.Phase != job.Running || j.Polling.NextAt == nil {
			t.Errorf("recorded %v, then %s, paused %v, due %v, err %v", recorded, j.Phase, j.Paused, j.Polling.NextAt, err)
		}
	})
}

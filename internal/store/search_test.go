package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// A search that takes too long is ended and told so, and searches leave room for everything else.
func TestSearchesAreLimited(t *testing.T) {
	onEach(t, func(t *testing.T, open storetest.Fresh) {
		s := open(t, store.Options{})
		fill(t, s, 20000, 1)
		search := func(within time.Duration) string {
			t.Helper()
			defer store.ShortenSearches(within)()
			_, err := s.Jobs(t.Context(), job.Filter{Text: "no job has this"}, nil, 10)
			var not *job.NotReadyError
			if err != nil && !errors.As(err, &not) {
				t.Fatalf("%v", err)
			}
			if not == nil {
				return ""
			}
			return not.Reason
		}
		if got := search(time.Millisecond); !strings.Contains(got, "took longer than 1ms") || !strings.Contains(got, "narrow it") {
			t.Errorf("a slow search: %q", got)
		}
		if got := search(time.Minute); got != "" {
			t.Errorf("with time enough: %q", got)
		}
		release := s.HoldSearches()
		if got := search(50 * time.Millisecond); !strings.Contains(got, "2 other searches") {
			t.Errorf("beside two others: %q", got)
		}
		if list, err := s.Jobs(t.Context(), job.Filter{}, nil, 10); err != nil || len(list) != 10 {
			t.Errorf("a list without a text beside two searches: %d jobs, %v", len(list), err)
		}
		// Who waits for others has its whole time afterwards.
		time.AfterFunc(300*time.Millisecond, release)
		if got := search(time.Minute); got != "" {
			t.Errorf("after the others: %q", got)
		}
	})
}

// What a file on this machine does not answer in time would take as long again: it is asked once, and the
// reason is not that it cannot be reached. A server is asked again, on another connection.
func TestSlowFilesAreAskedOnce(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := migrated(t, e.database(t))(t, store.Options{})
			runs := 0
			s.Intercept(func(query string, _ []any) string { runs++; return query })
			endless := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n`
			if e.name != "sqlite" {
				endless = `SELECT ` + map[string]string{"postgres": "pg_sleep(60)", "mysql": "SLEEP(60)"}[e.name]
			}
			err := s.ReadWithin(t.Context(), 100*time.Millisecond, endless)
			var not *job.NotReadyError
			if !errors.As(err, &not) {
				t.Fatalf("%v", err)
			}
			if slow := strings.Contains(not.Reason, "did not answer in time"); slow != (e.name == "sqlite") || (runs == 1) != slow {
				t.Errorf("%d runs, %q", runs, not.Reason)
			}
		})
	}
}

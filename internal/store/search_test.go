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
		release()
		if got := search(time.Minute); got != "" {
			t.Errorf("after the others: %q", got)
		}
	})
}

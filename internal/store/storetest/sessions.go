package storetest

import (
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// sessionsEnd: what one handle ends has ended for all, until it is forgotten.
func sessionsEnd(t *testing.T, open Fresh) {
	one, other := open(t, store.Options{}), open(t, store.Options{})
	now, err := one.Now(ctxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	end := func(session string, until time.Time) {
		t.Helper()
		if err := one.EndSession(ctxOf(t), session, until); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(session string, want bool) {
		t.Helper()
		if got, err := other.SessionEnded(ctxOf(t), session); err != nil || got != want {
			t.Errorf("%s ended: %v %v, want %v", session, got, err, want)
		}
	}
	wants("a", false)
	end("a", now.Add(time.Hour))
	end("a", now.Add(time.Hour))
	wants("a", true)
	wants("b", false)
	end("old", now.Add(-time.Second))
	wants("old", true)
	end("b", now.Add(time.Hour))
	wants("old", false)
	wants("a", true)
	wants("b", true)
	watch(t, one, key(1)) // what else is kept beside sessions is untouched
	if _, err := one.Prune(ctxOf(t), job.Retention{Snapshots: day}, 10); err != nil {
		t.Error(err)
	}
}

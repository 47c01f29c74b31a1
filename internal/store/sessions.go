package store

import (
	"context"
	"fmt"
	"time"
)

// Sessions that were ended before their time are rows of sequences: "session " and the session's name, with
// the instant in UTC milliseconds from which on nobody has to know any more. There are few: one for each time
// somebody signed out in the last hours.

// EndSession remembers until then that session is over, and forgets those whose time has come. It may be
// called again.
func (s *Store) EndSession(ctx context.Context, session string, until time.Time) error {
	// Read first and deleted by name, as a DELETE that searches may wait for the row of events.
	old, err := read(ctx, s, value[string], `SELECT name FROM sequences WHERE name LIKE 'session %' AND value < {now} LIMIT 500`)
	if err == nil && len(old) > 0 {
		_, err = s.do(ctx, `DELETE FROM sequences WHERE name IN ?`, old)
	}
	if err == nil {
		_, err = s.do(ctx, `INSERT INTO sequences (name, value) VALUES (?, ?)`, sessionRow(session), millis(until))
	}
	if err != nil && !duplicate(err) {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// SessionEnded reports whether EndSession was called for session.
func (s *Store) SessionEnded(ctx context.Context, session string) (bool, error) {
	var n int64
	err := s.single(ctx, []any{&n}, `SELECT COUNT(*) FROM sequences WHERE name = ?`, sessionRow(session))
	if err != nil {
		return false, fmt.Errorf("look up a session: %w", err)
	}
	return n > 0, nil
}

func sessionRow(session string) string { return "session " + session }

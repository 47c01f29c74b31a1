package store

import (
	"context"
	"fmt"

	"migwatch/internal/job"
)

// Job is one watched job with its newest snapshot; job.ErrNotWatched where there is none.
func (s *Store) Job(ctx context.Context, k job.Key) (job.Job, error) {
	row, err := s.find(ctx, k)
	return row.job, err
}

const findSelect = `SELECT ` + jobColumns + jobTables + `WHERE jobs.provider = ? AND jobs.scope = ? AND jobs.job_id = ?`

func (s *Store) find(ctx context.Context, k job.Key) (jobRow, error) {
	found, err := read(ctx, s, s.scanJob, findSelect, string(k.Provider), k.Scope, k.ID)
	switch {
	case err != nil:
		return jobRow{}, fmt.Errorf("read %s: %w", k, err)
	case len(found) == 0:
		return jobRow{}, job.ErrNotWatched
	}
	return found[0], nil
}

// History lists snapshots of one job; job.ErrNotWatched where there is none.
func (s *Store) History(ctx context.Context, k job.Key, span job.Span, limit int) ([]job.Snapshot, error) {
	statement, args := historySelect(k, span, limit)
	var row snapshotRow
	into := row.into()
	list, err := read(ctx, s, func(rows scanner) (job.Snapshot, error) {
		err := rows.Scan(into...)
		return row.snapshot(), err
	}, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("read history of %s: %w", k, err)
	}
	if len(list) == 0 { // nothing in this span, or no such job?
		_, err = s.find(ctx, k)
	}
	return list, err
}

func historySelect(k job.Key, span job.Span, limit int) (string, []any) {
	// A scalar subquery, not a join: so every engine reads the page off the primary key in its order.
	where := `s.job = (SELECT id FROM jobs WHERE provider = ? AND scope = ? AND job_id = ?)`
	args := []any{string(k.Provider), k.Scope, k.ID}
	if !span.Since.IsZero() {
		where, args = where+` AND s.last_observed_at >= ?`, append(args, millis(span.Since))
	}
	if !span.Until.IsZero() {
		where, args = where+` AND s.first_observed_at < ?`, append(args, millis(span.Until))
	}
	if span.After > 0 && span.Ascending {
		where, args = where+` AND s.seq > ?`, append(args, span.After)
	} else if span.After > 0 {
		where, args = where+` AND s.seq < ?`, append(args, span.After)
	}
	order := ` ORDER BY s.seq DESC`
	if span.Ascending {
		order = ` ORDER BY s.seq`
	}
	return `SELECT ` + snapshotColumns + ` FROM snapshots s WHERE ` + where + order + ` LIMIT ?`, append(args, limit)
}

// Events lists what happened with IDs beyond after, the oldest first. Of f Phases and Text do not count.
func (s *Store) Events(ctx context.Context, f job.Filter, after int64, limit int) ([]job.Event, error) {
	statement, args := eventsSelect(f, after, limit)
	list, err := read(ctx, s, scanEvent, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return list, nil
}

const eventsLast = `SELECT value FROM sequences WHERE name = 'events'`

// LastEvent is the ID of the newest event that was ever written; 0: none was.
func (s *Store) LastEvent(ctx context.Context) (last int64, err error) {
	if err = s.single(ctx, []any{&last}, eventsLast); err != nil {
		return 0, fmt.Errorf("read the last event: %w", err)
	}
	return last, nil
}

func scanEvent(rows scanner) (e job.Event, err error) {
	var at int64
	err = rows.Scan(&e.ID, &e.Key.Provider, &e.Key.Scope, &e.Key.ID, &e.From, &e.To, &at, &e.Seq, &e.Message, &e.Type, &e.Jobs)
	e.At = instant(at)
	return e, err
}

func eventsSelect(f job.Filter, after int64, limit int) (string, []any) {
	where, args := `id > ?`, []any{after}
	if f.Provider != "" && f.Scope != "" && f.ID != "" {
		where, args = where+` AND job = (SELECT id FROM jobs WHERE provider = ? AND scope = ? AND job_id = ?)`, append(args, string(f.Provider), f.Scope, f.ID)
	}
	if f.Provider != "" {
		where, args = where+` AND provider = ?`, append(args, string(f.Provider))
	}
	if f.Scope != "" {
		where, args = where+` AND scope = ?`, append(args, f.Scope)
	}
	if f.ID != "" {
		where, args = where+` AND job_id = ?`, append(args, f.ID)
	}
	if len(f.Types) > 0 {
		where, args = where+` AND type IN ?`, append(args, f.Types)
	}
	return `SELECT id, provider, scope, job_id, from_phase, to_phase, at, seq, message, type, jobs FROM events WHERE ` + where + ` ORDER BY id LIMIT ?`, append(args, limit)
}

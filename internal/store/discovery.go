package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// discoveryModel is what a new discovery is made of. Columns it lacks have defaults or belong to the poller.
type discoveryModel struct {
	ID           int64 `gorm:"primaryKey"`
	Provider     string
	Scope        string
	Budget       string
	Paused       int64
	Finished     int64
	WatchedAt    int64
	NextAt       *int64
	ErrorMessage string // has no default on MySQL
}

func (discoveryModel) TableName() string { return "discoveries" }

// discoveryColumns is what scanDiscovery reads.
const discoveryColumns = `d.id, d.provider, d.scope, d.paused, d.finished, d.watched_at, d.swept_at, d.whole_at, d.next_at, d.last_attempt_at,
	d.failures, d.error_kind, d.error_code, d.error_message, d.error_request_id, d.error_at, d.error_repeats, d.place, d.epoch,
	(SELECT COUNT(*) FROM jobs WHERE jobs.provider = d.provider AND jobs.scope = d.scope)`

// discoveryRow is one row of discoveryColumns.
type discoveryRow struct {
	id, place, epoch int64
	discovery        job.Discovery
}

func scanDiscovery(rows scanner) (r discoveryRow, err error) {
	d, failure := &r.discovery, job.Failure{}
	var watched int64
	var swept, whole, next, attempt, failed *int64
	err = rows.Scan(&r.id, &d.Provider, &d.Scope, &d.Paused, &d.Finished, &watched, &swept, &whole, &next, &attempt,
		&d.Polling.Failures, &failure.Kind, &failure.Code, &failure.Message, &failure.RequestID, &failed, &failure.Repeats, &r.place, &r.epoch, &d.Jobs)
	d.WatchedAt, d.SweptAt, d.WholeAt = instant(watched), instantOrNil(swept), instantOrNil(whole)
	d.Polling.NextAt, d.Polling.LastAttemptAt, d.Polling.LastError = instantOrNil(next), instantOrNil(attempt), failureOrNil(failure, failed)
	return r, err
}

// Discoveries lists what is watched as a whole.
func (s *Store) Discoveries(ctx context.Context) ([]job.Discovery, error) {
	list, err := read(ctx, s, func(rows scanner) (job.Discovery, error) {
		r, err := scanDiscovery(rows)
		return r.discovery, err
	}, `SELECT `+discoveryColumns+` FROM discoveries d ORDER BY d.provider, d.scope`)
	if err != nil {
		return nil, fmt.Errorf("read discoveries: %w", err)
	}
	return list, nil
}

// Discovery is one of them; job.ErrNotDiscovered where there is none.
func (s *Store) Discovery(ctx context.Context, p job.Provider, scope string) (job.Discovery, error) {
	row, err := s.findDiscovery(ctx, p, scope)
	return row.discovery, err
}

func (s *Store) findDiscovery(ctx context.Context, p job.Provider, scope string) (discoveryRow, error) {
	found, err := read(ctx, s, scanDiscovery, `SELECT `+discoveryColumns+` FROM discoveries d WHERE d.provider = ? AND d.scope = ?`, string(p), scope)
	switch {
	case err != nil:
		return discoveryRow{}, fmt.Errorf("read the discovery %s/%s: %w", p, scope, err)
	case len(found) == 0:
		return discoveryRow{}, job.ErrNotDiscovered
	}
	return found[0], nil
}

// Discover begins to watch a place as a whole, due at once, or changes what is set about it. created tells which.
func (s *Store) Discover(ctx context.Context, p job.Provider, scope string, c job.DiscoveryChange) (d job.Discovery, created bool, err error) {
	row, err := s.findDiscovery(ctx, p, scope)
	switch {
	case errors.Is(err, job.ErrNotDiscovered):
		err = s.beginDiscovery(ctx, p, scope, c)
		if created = err == nil; duplicate(err) { // somebody else was faster
			return s.Discover(ctx, p, scope, c)
		}
	case err == nil:
		err = s.changeDiscovery(ctx, row, c)
	}
	if err != nil {
		return d, false, fmt.Errorf("discover %s/%s: %w", p, scope, err)
	}
	d, err = s.Discovery(ctx, p, scope)
	return d, created, err
}

func (s *Store) beginDiscovery(ctx context.Context, p job.Provider, scope string, c job.DiscoveryChange) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	ms := millis(now)
	m := discoveryModel{Provider: string(p), Scope: scope, Budget: job.Key{Provider: p, Scope: scope}.Budget(), WatchedAt: ms, NextAt: &ms,
		Finished: flag(c.Finished != nil && *c.Finished)}
	if c.Paused != nil && *c.Paused {
		m.Paused, m.NextAt = 1, nil
	}
	return s.exec(ctx, func(db *gorm.DB) error {
		if err := s.openBudget(db, m.Budget); err != nil {
			return err
		}
		return db.Create(&m).Error
	})
}

func (s *Store) changeDiscovery(ctx context.Context, row discoveryRow, c job.DiscoveryChange) error {
	if c.Finished != nil && *c.Finished != row.discovery.Finished {
		// What was finished before is listed anew at once.
		_, err := s.do(ctx, `UPDATE discoveries SET finished = ?, whole_at = NULL, place = 0, next_at = CASE WHEN paused = 1 THEN NULL ELSE {now} END WHERE id = ?`, flag(*c.Finished), row.id)
		if err != nil {
			return err
		}
	}
	var err error
	switch {
	case c.Paused == nil:
	case *c.Paused:
		_, err = s.do(ctx, `UPDATE discoveries SET paused = 1, next_at = NULL WHERE id = ? AND paused = 0`, row.id)
	default:
		_, err = s.do(ctx, `UPDATE discoveries SET paused = 0, next_at = {now} WHERE id = ? AND paused = 1`, row.id)
	}
	return err
}

// Undiscover ends a discovery; the jobs that it found stay watched.
func (s *Store) Undiscover(ctx context.Context, p job.Provider, scope string) error {
	n, err := s.do(ctx, `DELETE FROM discoveries WHERE provider = ? AND scope = ?`, string(p), scope)
	if err == nil && n == 0 {
		err = job.ErrNotDiscovered
	}
	return err
}

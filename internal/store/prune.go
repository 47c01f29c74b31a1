package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// pruneBatch is how many jobs one statement looks over, and pruneAtOnce how many rows of each kind one
// job loses in one transaction.
const (
	pruneBatch  = maxIDs
	pruneAtOnce = 500
)

// Prune deletes rows of final jobs that are older than p says, and says how many: never a job's newest
// snapshot, and of snapshots and events the oldest first, so that what is left has no gaps.
//
// It walks the jobs by their primary key from where the last call stopped. With a positive max it looks
// over no more than about max jobs and deletes no more than about max rows: a little at the end of each
// tick. Otherwise it goes over all jobs once.
//
// It may run beside recorders and other pruners: a recorder touches a job's newest snapshot and those
// to come, Prune only what is older, in transactions of its own.
func (s *Store) Prune(ctx context.Context, p job.Retention, max int) (deleted int64, err error) {
	if p.Snapshots <= 0 && p.Events <= 0 {
		return 0, nil
	}
	now, err := s.Now(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	w := pruning{s: s, snapshots: cutoff(now, p.Snapshots), events: cutoff(now, p.Events), left: int64(max), bounded: max > 0}
	if w.told, err = s.toldToAll(ctx); err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	if w.bounded {
		if w.cursor, err = s.pruneCursor(ctx); err != nil {
			return 0, fmt.Errorf("prune: %w", err)
		}
	}
	if err = w.walk(ctx); err == nil && w.events > 0 {
		err = w.deleteInPieces(ctx, 0, pruneEventsSelect, []any{1, w.events, w.told}, pruneTroublesDelete) // those of no job
	}
	if w.bounded && err == nil {
		_, err = s.do(ctx, `UPDATE sequences SET value = ? WHERE name = 'prune'`, w.cursor)
	}
	if err != nil {
		return w.deleted, fmt.Errorf("prune: %w", err)
	}
	return w.deleted, nil
}

// cutoff is the instant before which rows are too old; 0 where none is.
func cutoff(now time.Time, age time.Duration) int64 {
	if age <= 0 {
		return 0
	}
	return millis(now.Add(-age))
}

func (s *Store) pruneCursor(ctx context.Context) (cursor int64, err error) {
	err = s.single(ctx, []any{&cursor}, `SELECT value FROM sequences WHERE name = 'prune'`)
	return cursor, err
}

// pruning is one call of Prune.
type pruning struct {
	s                 *Store
	snapshots, events int64 // cutoffs
	cursor            int64 // the last job looked over
	left              int64 // jobs to look over and rows to delete, where bounded
	bounded           bool
	told              int64 // the last event that all living sinks have had
	deleted           int64
}

func (w *pruning) walk(ctx context.Context) error {
	for looked := int64(0); !w.bounded || w.left > looked && w.left > w.deleted; {
		batch := int64(pruneBatch)
		if w.bounded {
			batch = min(batch, w.left-looked)
		}
		jobs, err := w.next(ctx, batch)
		if err != nil {
			return err
		}
		looked += int64(len(jobs))
		for _, j := range jobs {
			if err := w.job(ctx, j); err != nil {
				return err
			}
			if w.bounded && w.deleted >= w.left {
				return nil // the cursor is before j where j has more to lose
			}
			w.cursor = j.id
		}
		if int64(len(jobs)) < batch {
			w.cursor = 0
			return nil
		}
	}
	return nil
}

// pruned is a job as far as pruning asks.
type pruned struct {
	id, seq                int64
	phase                  job.Phase
	oldestSeen, oldestTold sql.NullInt64 // when the oldest snapshot was last seen and the oldest event happened
}

// pruneSelect reads the head of each job's history only, by index, so that jobs with nothing to
// lose cost next to nothing.
const pruneSelect = `SELECT jobs.id, jobs.seq, jobs.phase,
	(SELECT s.last_observed_at FROM snapshots s WHERE s.job = jobs.id ORDER BY s.seq LIMIT 1),
	(SELECT e.at FROM events e WHERE e.job = jobs.id ORDER BY e.id LIMIT 1)
	FROM jobs WHERE jobs.id > ? ORDER BY jobs.id LIMIT ?`

func (w *pruning) next(ctx context.Context, batch int64) ([]pruned, error) {
	return read(ctx, w.s, func(rows scanner) (j pruned, err error) {
		err = rows.Scan(&j.id, &j.seq, &j.phase, &j.oldestSeen, &j.oldestTold)
		return j, err
	}, pruneSelect, w.cursor, batch)
}

// job deletes what is too old of one job.
func (w *pruning) job(ctx context.Context, j pruned) error {
	if !j.phase.Final() {
		return nil
	}
	if j.oldestSeen.Valid && j.oldestSeen.Int64 < w.snapshots {
		if err := w.deleteInPieces(ctx, j.id, pruneSnapshotsSelect, []any{j.seq, w.snapshots}, pruneSnapshotsDelete, j.id, job.Finals()); err != nil {
			return err
		}
	}
	if j.oldestTold.Valid && j.oldestTold.Int64 < w.events {
		return w.deleteInPieces(ctx, j.id, pruneEventsSelect, []any{j.seq + 1, w.events, w.told}, pruneEventsDelete, j.id, job.Finals())
	}
	return nil
}

// Which rows go is found first, in their order and by index; the deletion then names a range of the
// primary key and asks once more whether the job is final.
const (
	pruneSnapshotsSelect = `SELECT s.seq FROM snapshots s WHERE s.job = ? AND s.seq < ? AND s.last_observed_at < ? ORDER BY s.seq LIMIT ?`
	pruneSnapshotsDelete = `DELETE FROM snapshots WHERE job = ? AND seq >= ? AND seq <= ? AND EXISTS (SELECT 1 FROM jobs WHERE id = ? AND phase IN ?)`
	pruneEventsSelect    = `SELECT e.id FROM events e WHERE e.job = ? AND e.seq < ? AND e.at < ? AND e.id <= ? ORDER BY e.id LIMIT ?`
	pruneTroublesDelete  = `DELETE FROM events WHERE job = ? AND id >= ? AND id <= ?`
	pruneEventsDelete    = `DELETE FROM events WHERE job = ? AND id >= ? AND id <= ? AND EXISTS (SELECT 1 FROM jobs WHERE id = ? AND phase IN ?)`
)

// deleteInPieces deletes the rows that find lists of a job by those values, a bounded number to a transaction, where remove's
// further condition holds.
func (w *pruning) deleteInPieces(ctx context.Context, row int64, find string, by []any, remove string, condition ...any) error {
	for !w.bounded || w.deleted < w.left {
		atOnce := int64(pruneAtOnce)
		if w.bounded {
			atOnce = min(atOnce, w.left-w.deleted)
		}
		rows, err := read(ctx, w.s, value[int64], find, append(append([]any{row}, by...), atOnce)...)
		if err != nil || len(rows) == 0 {
			return err
		}
		var n int64
		err = w.s.inTx(ctx, func(tx *gorm.DB) (err error) {
			n, err = w.s.run(tx, remove, append([]any{row, rows[0], rows[len(rows)-1]}, condition...)...)
			return err
		})
		w.deleted += n
		if err != nil || n == 0 || int64(len(rows)) < atOnce {
			return err
		}
	}
	return nil
}

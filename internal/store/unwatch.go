package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// Unwatch forgets a job and its history, and says how many of its events some sink has not had. The job's row goes
// first: a poll on its way finds it gone and writes nothing.
func (s *Store) Unwatch(ctx context.Context, k job.Key) (untold int64, err error) {
	row, err := s.find(ctx, k)
	if err != nil {
		return 0, err
	}
	if untold, err = s.untoldOf(ctx, row.id); err == nil {
		err = s.shorten(ctx, row)
	}
	if err != nil {
		return 0, fmt.Errorf("unwatch %s: %w", k, err)
	}
	gone := false
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		done := tx.Exec(`DELETE FROM jobs WHERE id = ?`, row.id)
		gone = gone || done.RowsAffected > 0 // an earlier try may have been committed and its answer lost
		if done.Error != nil {
			return done.Error
		}
		if err := tx.Exec(`DELETE FROM snapshots WHERE job = ?`, row.id).Error; err != nil {
			return err
		}
		if job.CheckDiscovery(k.Provider, k.Scope) == nil { // a list may name it again
			err := tx.Exec(`DELETE FROM unwatched WHERE provider = ? AND scope = ? AND job_id = ?`, string(k.Provider), k.Scope, k.ID).Error
			if err == nil {
				err = tx.Exec(`INSERT INTO unwatched (provider, scope, job_id) VALUES (?, ?, ?)`, string(k.Provider), k.Scope, k.ID).Error
			}
			if err != nil {
				return err
			}
		}
		return tx.Exec(`DELETE FROM events WHERE job = ?`, row.id).Error
	})
	if err != nil {
		return 0, fmt.Errorf("unwatch %s: %w", k, err)
	}
	if !gone {
		return 0, job.ErrNotWatched
	}
	return untold, nil
}

func (s *Store) untoldOf(ctx context.Context, row int64) (n int64, err error) {
	last, err := s.toldToAll(ctx)
	if err != nil {
		return 0, err
	}
	err = s.single(ctx, []any{&n}, `SELECT COUNT(*) FROM events WHERE job = ? AND id > ?`, row, last)
	return n, err
}

// atOnce is how many rows one transaction deletes at most: it must end well before its deadline, and
// distributed engines bound a transaction's size.
const atOnce = 2000

// shorten deletes most of a long history piece by piece, the oldest first, before the job's own row
// goes with the rest. If it is cut off, the job is still there to be unwatched again.
func (s *Store) shorten(ctx context.Context, row jobRow) error {
	if row.job.Latest == nil {
		return nil
	}
	for to := int64(atOnce); to < row.job.Latest.Seq; to += atOnce {
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			if err := tx.Exec(`DELETE FROM snapshots WHERE job = ? AND seq <= ?`, row.id, to).Error; err != nil {
				return err
			}
			return tx.Exec(`DELETE FROM events WHERE job = ? AND seq <= ?`, row.id, to).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

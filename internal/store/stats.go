package store

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// Stats is Summary with the totals, the budgets and the oldest poll.
func (s *Store) Stats(ctx context.Context) (job.Stats, error) {
	sum, err := s.Summary(ctx)
	if err != nil {
		return job.Stats{}, err
	}
	st := job.Stats{Summary: sum}
	err = s.query(ctx, func(db *gorm.DB) error {
		t := &st.Totals
		err := db.Raw(`SELECT total_ticks, total_claimed, total_recorded, total_changed, total_failed, total_released, total_lost FROM ticks WHERE id = 1`).Row().
			Scan(&t.Ticks, &t.Claimed, &t.Recorded, &t.Changed, &t.Failed, &t.Released, &t.Lost)
		if err != nil {
			return err
		}
		if st.Budgets, err = budgetStats(db); err != nil {
			return err
		}
		if st.Lags, err = lags(db); err != nil {
			return err
		}
		// Budget by budget, so that final and paused jobs, whose next_at is NULL, are no part of any range.
		// What is being polled now is left out, for the same range's sake.
		var oldest sql.NullInt64
		err = db.Raw(`SELECT MIN((SELECT MIN(jobs.last_attempt_at) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until = 0 AND jobs.next_at > 0)) FROM budgets b`).Row().Scan(&oldest)
		st.OldestPollAt = instantOrNil(oldest)
		return err
	})
	if err == nil {
		st.SinkStates, err = s.Sinks(ctx)
	}
	if err != nil {
		return job.Stats{}, fmt.Errorf("read the totals: %w", err)
	}
	return st, nil
}

func budgetStats(db *gorm.DB) ([]job.BudgetStats, error) {
	rows, err := db.Raw(`SELECT name, pushes, pushed_until, pushed_by FROM budgets ORDER BY name`).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []job.BudgetStats
	for rows.Next() {
		var b job.BudgetStats
		var until int64
		if err := rows.Scan(&b.Name, &b.Pushes, &until, &b.PushedBy); err != nil {
			return nil, err
		}
		if until > 0 {
			at := instant(until)
			b.PushedUntil = &at
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

// lags are the largest ones of each place.
func lags(db *gorm.DB) ([]job.LagStats, error) {
	rows, err := db.Raw(`SELECT provider, scope, MAX(lag_seconds) FROM jobs WHERE provider IN ('dts-migration', 'dts-sync') AND lag_seconds >= 0 GROUP BY provider, scope`).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []job.LagStats
	for rows.Next() {
		var l job.LagStats
		if err := rows.Scan(&l.Provider, &l.Scope, &l.Seconds); err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

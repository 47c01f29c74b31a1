package store

import (
	"context"
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
		err := s.singleIn(db, []any{&t.Ticks, &t.Claimed, &t.Recorded, &t.Changed, &t.Failed, &t.Released, &t.Lost},
			`SELECT total_ticks, total_claimed, total_recorded, total_changed, total_failed, total_released, total_lost FROM ticks WHERE id = 1`)
		if err != nil {
			return err
		}
		st.Budgets, err = collect(db, s, func(rows scanner) (b job.BudgetStats, err error) {
			var until int64
			if err = rows.Scan(&b.Name, &b.Pushes, &until, &b.PushedBy); until > 0 {
				b.PushedUntil = instantOrNil(&until)
			}
			return b, err
		}, `SELECT name, pushes, pushed_until, pushed_by FROM budgets ORDER BY name`)
		if err != nil {
			return err
		}
		// The largest lag of each place.
		st.Lags, err = collect(db, s, func(rows scanner) (l job.LagStats, err error) {
			err = rows.Scan(&l.Provider, &l.Scope, &l.Seconds)
			return l, err
		}, `SELECT provider, scope, MAX(lag_seconds) FROM jobs WHERE provider IN ('dts-migration', 'dts-sync') AND lag_seconds >= 0 GROUP BY provider, scope`)
		if err != nil {
			return err
		}
		// Budget by budget, so that final and paused jobs, whose next_at is NULL, are no part of any range.
		// What is being polled now is left out, for the same range's sake.
		var oldest *int64
		err = s.singleIn(db, []any{&oldest}, `SELECT MIN((SELECT MIN(jobs.last_attempt_at) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until = 0 AND jobs.next_at > 0)) FROM budgets b`)
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

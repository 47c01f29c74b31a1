package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// Due is how many jobs are due and not being polled.
func (s *Store) Due(ctx context.Context) (int64, error) {
	var due int64
	err := s.single(ctx, []any{&due}, `SELECT COALESCE(SUM((SELECT COUNT(*) FROM jobs WHERE jobs.budget = b.name AND `+dueIdle+`) +
		(SELECT COUNT(*) FROM jobs WHERE jobs.budget = b.name AND `+dueAbandoned+`)), 0) FROM budgets b`)
	return due, err
}

// Summary counts what is watched.
func (s *Store) Summary(ctx context.Context) (job.Summary, error) {
	sum := job.Summary{}
	err := s.query(ctx, func(db *gorm.DB) error {
		sum = emptySummary()
		for _, count := range []func(*gorm.DB, *job.Summary) error{s.countJobs, s.countPaused, s.countFailing, s.countOverdue, s.lastTick, s.openTroubles, s.countSinks} {
			if err := count(db, &sum); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return job.Summary{}, fmt.Errorf("summarize: %w", err)
	}
	return sum, nil
}

func emptySummary() job.Summary {
	sum := job.Summary{Jobs: map[job.Provider]map[job.Phase]int64{}, ByKind: map[job.Kind]int64{}}
	for _, p := range job.Providers {
		sum.Jobs[p] = map[job.Phase]int64{}
		for _, phase := range job.Phases {
			sum.Jobs[p][phase] = 0
		}
	}
	return sum
}

// countJobs asks for each provider and phase by itself: a GROUP BY over all jobs makes PostgreSQL read the
// whole table, this reads an index and nothing else.
func (s *Store) countJobs(db *gorm.DB, sum *job.Summary) error {
	var pairs []any
	for _, provider := range job.Providers {
		for _, phase := range job.Phases {
			pairs = append(pairs, string(provider), string(phase))
		}
	}
	return s.each(db, func(rows scanner) error {
		var provider job.Provider
		var phase job.Phase
		var n int64
		err := rows.Scan(&provider, &phase, &n)
		if err == nil {
			sum.Watched += n
			sum.Jobs[provider][phase] = n
		}
		return err
	}, `SELECT v_provider, v_phase, (SELECT COUNT(*) FROM jobs WHERE jobs.provider = v.v_provider AND jobs.phase = v.v_phase)
		FROM (`+s.d.derived(len(pairs)/2, "tt", "v_provider", "v_phase")+`) v`, pairs...)
}

func (s *Store) countPaused(db *gorm.DB, sum *job.Summary) error {
	return s.singleIn(db, []any{&sum.Paused}, `SELECT COUNT(*) FROM jobs WHERE paused = 1`)
}

func (s *Store) countFailing(db *gorm.DB, sum *job.Summary) error {
	return s.each(db, func(rows scanner) error {
		var kind job.Kind
		var n int64
		err := rows.Scan(&kind, &n)
		sum.ByKind[kind] = n
		sum.Failing += n
		return err
	}, `SELECT error_kind, COUNT(*) FROM jobs WHERE error_kind > '' GROUP BY error_kind`)
}

// countOverdue goes budget by budget, so that each step is a range of an index.
func (s *Store) countOverdue(db *gorm.DB, sum *job.Summary) error {
	var idle, held *int64
	late := job.Overdue.Milliseconds()
	err := s.singleIn(db, []any{&sum.Overdue, &idle, &held}, `SELECT COALESCE(SUM((SELECT COUNT(*) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until = 0 AND jobs.next_at <= {now} - ?) +
			(SELECT COUNT(*) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until > 0 AND jobs.next_at <= {now} - ?)), 0),
		MIN((SELECT MIN(jobs.next_at) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until = 0 AND jobs.next_at <= {now})),
		MIN((SELECT MIN(jobs.next_at) FROM jobs WHERE jobs.budget = b.name AND jobs.lease_until > 0 AND jobs.next_at <= {now})) FROM budgets b`,
		late, late)
	sum.OldestAt = earlier(instantOrNil(idle), instantOrNil(held))
	return err
}

func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

func (s *Store) lastTick(db *gorm.DB, sum *job.Summary) error {
	var t job.Tick
	var started, finished int64
	err := s.singleIn(db, []any{&started, &finished, &t.Claimed, &t.Recorded, &t.Changed, &t.Failed, &t.Released, &t.Lost, &t.Notified, &t.Due},
		`SELECT started_at, finished_at, claimed, recorded, changed, failed, released, lost, notified, due FROM ticks WHERE id = 1`)
	if err == nil && finished > 0 {
		t.StartedAt, t.FinishedAt = instant(started), instant(finished)
		sum.LastTick = &t
	}
	return err
}

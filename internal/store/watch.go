package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// The models of what is cold. Columns they lack have defaults or belong to the poller.
type jobModel struct {
	ID           int64 `gorm:"primaryKey"`
	Provider     string
	Scope        string
	JobID        string
	Budget       string
	Label        string
	Paused       int64
	Phase        string
	WatchedAt    int64
	ChangedAt    int64
	NextAt       *int64
	ErrorMessage string // these two have no default on MySQL
	FileURL      string `gorm:"column:file_url"`
}

func (jobModel) TableName() string { return "jobs" }

type budgetModel struct {
	Name string `gorm:"primaryKey"`
}

func (budgetModel) TableName() string { return "budgets" }

// Watch begins to watch k, due at once, or changes what is set about it. created tells which.
func (s *Store) Watch(ctx context.Context, k job.Key, c job.Change) (j job.Job, created bool, err error) {
	for range maxTries { // each round meets somebody else who changes the same job
		row, err := s.find(ctx, k)
		created := false
		switch {
		case err == nil:
			j, err = s.change(ctx, row, c)
		case errors.Is(err, job.ErrNotWatched):
			if err = s.begin(ctx, k, c); err == nil {
				created = true
				j, err = s.Job(ctx, k)
			}
		}
		switch {
		case err == nil:
			return j, created, nil
		case !errors.Is(err, job.ErrNotWatched) && !errors.Is(err, errChanged) && !duplicate(err):
			return j, false, fmt.Errorf("watch %s: %w", k, err)
		}
	}
	return j, false, fmt.Errorf("watch %s: others change it all the time", k)
}

// errChanged says that a job is no longer as it was read.
var errChanged = errors.New("the job changed meanwhile")

func (s *Store) begin(ctx context.Context, k job.Key, c job.Change) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	ms := millis(now)
	m := jobModel{Provider: string(k.Provider), Scope: k.Scope, JobID: k.ID, Budget: k.Budget(), Phase: string(job.Pending), WatchedAt: ms, ChangedAt: ms, NextAt: &ms}
	if c.Label != nil {
		m.Label = *c.Label
	}
	if c.Paused != nil && *c.Paused {
		m.Paused, m.NextAt = 1, nil
	}
	return s.exec(ctx, func(db *gorm.DB) error {
		if err := s.openBudget(db, m.Budget); err != nil {
			return err
		}
		err := db.Exec(`DELETE FROM unwatched WHERE provider = ? AND scope = ? AND job_id = ?`, m.Provider, m.Scope, m.JobID).Error
		if err != nil {
			return err
		}
		return db.Create(&m).Error
	})
}

// openBudget makes a budget's row: what has none would never be claimed. It is nearly always there, and to
// insert it in vain would fill the server's log with errors.
func (s *Store) openBudget(db *gorm.DB, name string) error {
	var known int64
	err := db.Model(&budgetModel{}).Where("name = ?", name).Count(&known).Error
	if err == nil && known == 0 {
		err = db.Create(&budgetModel{Name: name}).Error
	}
	if duplicate(err) {
		return nil
	}
	return err
}

func (s *Store) change(ctx context.Context, row jobRow, c job.Change) (job.Job, error) {
	k := row.job.Key
	now, err := s.Now(ctx)
	if err != nil {
		return job.Job{}, err
	}
	if c.Label != nil && *c.Label != row.job.Label {
		if _, err := s.do(ctx, `UPDATE jobs SET label = ? WHERE id = ?`, *c.Label, row.id); err != nil {
			return job.Job{}, err
		}
	}
	switch {
	case c.Paused == nil || *c.Paused == row.job.Paused:
	case *c.Paused:
		_, err = s.do(ctx, `UPDATE jobs SET paused = 1, next_at = NULL WHERE id = ? AND paused = 0`, row.id)
	default:
		// Whether the job rests is as row says, unless a poll was recorded since: then all of it is asked anew.
		var n int64
		n, err = s.do(ctx, `UPDATE jobs SET paused = 0, next_at = ? WHERE id = ? AND paused = 1 AND seq = ?`, millisOrNil(row.job.Resume(now)), row.id, row.seq())
		if err == nil && n == 0 {
			err = errChanged
		}
	}
	if err != nil {
		return job.Job{}, err
	}
	return s.Job(ctx, k)
}

// PollNow makes a job due now, final or not. A poll that is on its way does not count: the job is
// polled once more.
func (s *Store) PollNow(ctx context.Context, k job.Key) (job.Job, error) {
	row, err := s.find(ctx, k)
	if err != nil {
		return job.Job{}, err
	}
	if row.job.Paused {
		return job.Job{}, job.ErrPaused
	}
	_, err = s.do(ctx, `UPDATE jobs SET next_at = {now} WHERE id = ? AND paused = 0 AND (next_at IS NULL OR next_at > {now} OR lease_until > {now})`, row.id)
	if err != nil {
		return job.Job{}, fmt.Errorf("poll %s: %w", k, err)
	}
	j, err := s.Job(ctx, k)
	if err == nil && j.Paused {
		err = job.ErrPaused
	}
	return j, err
}

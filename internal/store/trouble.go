package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// noticeSelect is all that is asked where nothing is wrong: what is known, what fails, and when jobs that stand
// still were last looked for.
const noticeSelect = `SELECT 'known', budget, kind, since, opened_at, jobs, 0, code, message, {now} FROM troubles
	UNION ALL SELECT 'fails', budget, error_kind, 0, NULL, COUNT(*), MAX(failures), '', '', {now} FROM jobs WHERE error_kind > '' AND next_at IS NOT NULL GROUP BY budget, error_kind
	UNION ALL SELECT 'fails', budget, error_kind, 0, NULL, COUNT(*), MAX(failures), '', '', {now} FROM discoveries WHERE error_kind > '' AND next_at IS NOT NULL GROUP BY budget, error_kind
	UNION ALL SELECT 'stuck', '', '', value, NULL, 0, 0, '', '', {now} FROM sequences WHERE name = 'stuck'`

// Notice finds out what goes wrong without any job's change: running jobs that have shown nothing new for stuckAfter
// (0: never asked), and polls that have failed for one reason for troubleAfter. What opens, ends or is found is written
// in one transaction with its event, so that pollers that notice the same at once tell it once.
func (s *Store) Notice(ctx context.Context, stuckAfter, troubleAfter time.Duration) error {
	n, err := s.notice(ctx)
	if err == nil {
		err = s.tellTroubles(ctx, job.Troubles(n.known, n.fails, troubleAfter, n.now), n.now)
	}
	if err == nil && stuckAfter > 0 {
		err = s.tellStuck(ctx, stuckAfter, n)
	}
	if err != nil {
		return fmt.Errorf("notice troubles: %w", err)
	}
	return nil
}

// noticed is what noticeSelect gives.
type noticed struct {
	known   []job.Trouble
	fails   []job.Failing
	stuckAt time.Time
	now     time.Time
}

func (s *Store) notice(ctx context.Context) (n noticed, err error) {
	type row struct {
		what     string
		failures int64
		now      int64
		job.Trouble
	}
	list, err := read(ctx, s, func(rows scanner) (r row, err error) {
		var since int64
		var opened *int64
		err = rows.Scan(&r.what, &r.Budget, &r.Kind, &since, &opened, &r.Jobs, &r.failures, &r.Code, &r.Message, &r.now)
		r.Since, r.OpenedAt = instant(since), instantOrNil(opened)
		return r, err
	}, noticeSelect)
	for _, r := range list {
		n.now = instant(r.now)
		switch r.what {
		case "known":
			n.known = append(n.known, r.Trouble)
		case "stuck":
			n.stuckAt = r.Since
		default:
			n.fails = append(n.fails, job.Failing{Budget: r.Budget, Kind: r.Kind, Jobs: r.Jobs, Failures: r.failures})
		}
	}
	return n, err
}

func (s *Store) tellTroubles(ctx context.Context, c job.TroubleChanges, now time.Time) error {
	for _, t := range c.Begun {
		_, err := s.do(ctx, `INSERT INTO troubles (budget, kind, since, jobs, message) VALUES (?, ?, ?, ?, '')`, t.Budget, string(t.Kind), millis(t.Since), t.Jobs)
		if err != nil && !duplicate(err) { // another poller noticed it too
			return err
		}
	}
	for _, t := range c.Passed {
		_, err := s.do(ctx, `DELETE FROM troubles WHERE budget = ? AND kind = ? AND since = ? AND opened_at IS NULL`, t.Budget, string(t.Kind), millis(t.Since))
		if err != nil {
			return err
		}
	}
	for _, t := range c.Opened {
		if err := s.newestFailure(ctx, &t); err != nil {
			return err
		}
		err := s.tellTrouble(ctx, t.Event(false, now), func(tx *gorm.DB) (int64, error) {
			return s.run(tx, `UPDATE troubles SET opened_at = ?, jobs = ?, code = ?, message = ? WHERE budget = ? AND kind = ? AND opened_at IS NULL`,
				millis(now), t.Jobs, t.Code, t.Message, t.Budget, string(t.Kind))
		})
		if err != nil {
			return err
		}
	}
	for _, t := range c.Closed {
		err := s.tellTrouble(ctx, t.Event(true, now), func(tx *gorm.DB) (int64, error) {
			return s.run(tx, `DELETE FROM troubles WHERE budget = ? AND kind = ? AND opened_at = ?`, t.Budget, string(t.Kind), millis(*t.OpenedAt))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// newestFailure gives t the code and message of its newest failure.
func (s *Store) newestFailure(ctx context.Context, t *job.Trouble) error {
	return s.query(ctx, func(db *gorm.DB) error {
		return s.each(db, func(rows scanner) error { return rows.Scan(&t.Code, &t.Message, new(any)) }, `SELECT error_code, error_message, error_at FROM jobs WHERE budget = ? AND error_kind = ?
		UNION ALL SELECT error_code, error_message, error_at FROM discoveries WHERE budget = ? AND error_kind = ? ORDER BY 3 DESC LIMIT 1`,
			t.Budget, string(t.Kind), t.Budget, string(t.Kind))
	})
}

// tellTrouble writes e where change found the trouble as it was: nobody else did.
func (s *Store) tellTrouble(ctx context.Context, e job.Event, change func(tx *gorm.DB) (int64, error)) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		n, err := change(tx)
		if err != nil || n == 0 {
			return err
		}
		return s.addEvents(tx, []rowEvent{{0, e}})
	})
}

// stuckSelect asks by the index of provider, phase and change: of the jobs that run for long enough, few have to be
// read. A copy that tells how far it is behind does something; it has no end to reach. Of a job that was
// not polled of late nobody knows how it goes.
const stuckSelect = `SELECT ` + jobColumns + jobTables + `WHERE jobs.provider = ? AND jobs.phase = 'running' AND jobs.changed_at <= ? AND jobs.paused = 0
	AND jobs.failures = 0 AND jobs.lag_seconds IS NULL AND jobs.stuck_seq < jobs.seq AND s.first_observed_at <= ? AND s.last_observed_at >= ? ORDER BY jobs.changed_at, jobs.id LIMIT ?`

// asksPerWait is how often jobs that stand still are looked for, in the time after which they are told.
const asksPerWait = 60

// tellStuck tells of running jobs that have shown nothing new for that long, once per snapshot.
func (s *Store) tellStuck(ctx context.Context, after time.Duration, n noticed) error {
	if n.now.Sub(n.stuckAt) < after/asksPerWait {
		return nil
	}
	mine, err := s.do(ctx, `UPDATE sequences SET value = ? WHERE name = 'stuck' AND value = ?`, millis(n.now), millis(n.stuckAt))
	if err != nil || mine == 0 {
		return err
	}
	for _, p := range job.Providers {
		for more := true; more; {
			still, err := read(ctx, s, s.scanJob, stuckSelect, string(p), millis(n.now.Add(-after)), millis(n.now.Add(-after)), millis(n.now.Add(-job.Overdue)), maxGroup)
			if err != nil {
				return err
			}
			told, err := s.tellEach(ctx, still, n.now)
			if err != nil {
				return err
			}
			more = len(still) == maxGroup && told > 0
		}
	}
	return nil
}

// tellEach says of those jobs that they are stuck, where they still are as they were read.
func (s *Store) tellEach(ctx context.Context, still []jobRow, now time.Time) (told int, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		var events []rowEvent
		for _, r := range still {
			n, err := s.run(tx, `UPDATE jobs SET stuck_seq = seq WHERE id = ? AND seq = ? AND stuck_seq < seq AND phase = 'running' AND paused = 0`, r.id, r.seq())
			if err != nil {
				return err
			}
			if n > 0 {
				events = append(events, rowEvent{r.id, job.StuckEvent(r.job, now)})
			}
		}
		told = len(events)
		return s.addEvents(tx, events)
	})
	return told, err
}

// openTroubles lists the open ones, the oldest first.
func (s *Store) openTroubles(db *gorm.DB, sum *job.Summary) (err error) {
	sum.Troubles, err = collect(db, s, func(rows scanner) (t job.Trouble, err error) {
		var since int64
		var opened *int64
		err = rows.Scan(&t.Budget, &t.Kind, &since, &opened, &t.Jobs, &t.Code, &t.Message)
		t.Since, t.OpenedAt = instant(since), instantOrNil(opened)
		return t, err
	}, `SELECT budget, kind, since, opened_at, jobs, code, message FROM troubles WHERE opened_at IS NOT NULL ORDER BY opened_at, budget, kind`)
	return err
}

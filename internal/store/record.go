package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// maxGroup is how many outcomes go into one transaction: enough that the commit's price is shared, few
// enough that a conflict repeats little.
const maxGroup = 100

// Record writes outcomes, many to a transaction, and says of each whether it was recorded. One that
// was not is lost: its lease ended and another poller has the job, the job is gone, or, with an error
// returned, the outcome itself could not be written. A lost outcome is never tried again; the job is.
//
// A write holds only while the job still has the claim's epoch, and consumes it, so the same call may
// be repeated without effect.
func (s *Store) Record(ctx context.Context, outcomes []job.Outcome) ([]bool, error) {
	recorded := make([]bool, len(outcomes))
	var errs []error
	for from := 0; from < len(outcomes); from += maxGroup {
		to := min(from+maxGroup, len(outcomes))
		errs = append(errs, s.recordGroup(ctx, outcomes[from:to], recorded[from:to]))
	}
	return recorded, errors.Join(errs...)
}

// recordGroup writes one group. A bad outcome may not spoil the others: a group that fails is halved.
func (s *Store) recordGroup(ctx context.Context, group []job.Outcome, recorded []bool) error {
	rest := make([]int, len(group))
	for i := range rest {
		rest[i] = i
	}
	err := s.recordRest(ctx, group, rest, recorded)
	var unready *job.NotReadyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unready) || ctx.Err() != nil: // no fault of any outcome's
		return fmt.Errorf("record: %w", err)
	case len(group) == 1:
		s.setAside(ctx, group[0])
		return fmt.Errorf("record %s: %w", group[0].Job.Key, err)
	}
	clear(recorded)
	half := len(group) / 2
	return errors.Join(s.recordGroup(ctx, group[:half], recorded[:half]), s.recordGroup(ctx, group[half:], recorded[half:]))
}

// setAside records a failed poll in place of an outcome that cannot be written: or the job would be
// polled again as soon as its lease ends, for ever, and never be shown as failing.
func (s *Store) setAside(ctx context.Context, o job.Outcome) {
	failure := &job.PollError{Kind: job.Protocol, Code: "not_stored", Message: "the database would not store what this poll saw"}
	at := o.Claim.At
	if o.Job.Polling.LastAttemptAt != nil {
		at = *o.Job.Polling.LastAttemptAt
	}
	if o.Polled { // otherwise it is itself such an outcome
		_ = s.recordRest(ctx, []job.Outcome{job.Settle(o.Claim, nil, failure, at)}, []int{0}, make([]bool, 1))
	}
}

// recordRest writes the outcomes that rest lists. Where some have lost their epoch it leaves those out
// and tries again, at most as often as there are outcomes. A panic over one of them is an error.
func (s *Store) recordRest(ctx context.Context, group []job.Outcome, rest []int, recorded []bool) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil { // its value may hold a secret; its type and the stack may not
			err = fmt.Errorf("panic: %T\n%s", panicked, debug.Stack())
		}
	}()
	for idle := 0; len(rest) > 0; {
		var short bool
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			short = false
			n, err := s.settleJobs(tx, group, rest)
			if err != nil {
				return err
			}
			if short = n < int64(len(rest)); short {
				return errShort
			}
			return s.writeHistory(tx, group, rest)
		})
		if err == nil {
			for _, i := range rest {
				recorded[i] = true
			}
			return nil
		}
		if !short {
			return err
		}
		left, err := s.stillHeld(ctx, group, rest, recorded)
		if err != nil {
			return err
		}
		if len(left) == len(rest) { // a node of a cluster that lags behind may say so, for a while
			if idle++; idle == maxTries {
				return fmt.Errorf("%d of %d jobs took no write though their epochs stand", len(rest), len(group))
			}
		}
		rest = left
	}
	return nil
}

// errShort rolls a transaction back whose first statement met fewer jobs than it named.
var errShort = errors.New("some jobs are no longer held")

// settleJobs writes the jobs' own rows, where the fence still stands, and consumes it. A next_at that
// is not as the claim saw it was set meanwhile by a request to pause or to poll now: it wins. None at all
// on a job that is not paused is left from a pause that is over: the poll knows better when to go on.
func (s *Store) settleJobs(tx *gorm.DB, group []job.Outcome, rest []int) (int64, error) {
	var args []any
	for _, i := range rest {
		o := &group[i]
		p, seq := o.Job.Polling, int64(0)
		if o.Job.Latest != nil {
			seq = o.Job.Latest.Seq
		}
		f, failedAt := failureColumns(p.LastError)
		url, expires, err := s.seal(o)
		if err != nil {
			return 0, err
		}
		about, err := aboutOf(o.Job)
		if err != nil {
			return 0, err
		}
		args = append(args, o.Claim.Epoch, millisOrNil(o.Claim.Job.Polling.NextAt), millisOrNil(p.NextAt), millisOrNil(p.LastAttemptAt),
			p.Failures, string(f.Kind), f.Code, f.Message, f.RequestID, failedAt, f.Repeats, string(o.Job.Phase), millis(o.Job.ChangedAt), seq,
			flag(o.File != nil), url, flag(o.File != nil), expires, about, lagOf(o.Job), o.Claim.Row, o.Claim.Epoch)
	}
	return s.run(tx, settleUpdate.update(s.d, len(rest)), args...)
}

// settleUpdate is what a poll changes of its job. The fence is lease_until <> 0, not > 0, and + 0: planners shall find
// these jobs by their key, and not go through all that are leased because they believe them to be next to none.
var settleUpdate = &rowsUpdate{"jobs", `lease_until = 0, claim = '', recorded_epoch = {i recorded},
	next_at = CASE WHEN jobs.paused = 0 AND (jobs.next_at = {i was} OR jobs.next_at IS NULL) THEN {i next} ELSE jobs.next_at END, last_attempt_at = {i attempt},
	failures = {i failures}, error_kind = {t kind}, error_code = {t code}, error_message = {t text}, error_request_id = {t request}, error_at = {i failed}, error_repeats = {i repeats},
	phase = {t phase}, changed_at = {i changed}, seq = {i seq},
	file_url = CASE WHEN {i file} = 1 THEN {t url} ELSE jobs.file_url END,
	file_expires_at = CASE WHEN {i file2} = 1 THEN {i expires} ELSE jobs.file_expires_at END, about = {t about}, lag_seconds = {i lag}`,
	`jobs.id = {i id} AND jobs.epoch = {i epoch} AND jobs.lease_until + 0 <> 0`}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// stillHeld sorts out a group whose write met fewer jobs than it named: those recorded before (an
// earlier COMMIT whose answer was lost), those lost, and those to try again.
func (s *Store) stillHeld(ctx context.Context, group []job.Outcome, rest []int, recorded []bool) ([]int, error) {
	type fence struct{ epoch, recorded, lease int64 }
	ids := make([]int64, len(rest))
	for n, i := range rest {
		ids[n] = group[i].Claim.Row
	}
	stand := map[int64]fence{}
	err := s.exec(ctx, func(db *gorm.DB) error {
		return s.each(db, func(rows scanner) error {
			var id int64
			var f fence
			err := rows.Scan(&id, &f.epoch, &f.recorded, &f.lease)
			stand[id] = f
			return err
		}, `SELECT id, epoch, recorded_epoch, lease_until FROM jobs WHERE id IN ?`, ids)
	})
	var left []int
	for _, i := range rest {
		c := group[i].Claim
		f, there := stand[c.Row]
		switch {
		case there && f.recorded == c.Epoch:
			recorded[i] = true
		case there && f.epoch == c.Epoch && f.lease > 0:
			left = append(left, i)
		}
	}
	return left, err
}

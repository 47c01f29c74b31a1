package store

import (
	"database/sql"
	"fmt"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// writeHistory adds the new snapshots, extends those that were seen again, and tells the changes of
// phase. It runs in the transaction that consumed the fence.
func (s *Store) writeHistory(tx *gorm.DB, group []job.Outcome, rest []int) error {
	var added, extended []*job.Outcome
	var events []rowEvent
	for _, i := range rest {
		o := &group[i]
		switch {
		case o.Changed:
			added = append(added, o)
		case o.Polled:
			extended = append(extended, o)
		}
		if o.Event != nil {
			events = append(events, rowEvent{o.Claim.Row, *o.Event})
		}
	}
	if err := s.addSnapshots(tx, added); err != nil {
		return err
	}
	if err := s.extendSnapshots(tx, extended); err != nil {
		return err
	}
	return s.addEvents(tx, events)
}

func (s *Store) addSnapshots(tx *gorm.DB, outcomes []*job.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	args := make([]any, 0, 15*len(outcomes))
	for _, o := range outcomes {
		n := o.Job.Latest
		args = append(args, o.Claim.Row, n.Seq, string(n.Phase), n.Status, n.Progress, n.CheckFlag, n.ErrorCode,
			n.Message, n.RecordsSucceeded, n.RecordsFailed, n.RequestID,
			millis(n.FirstObservedAt), millis(n.LastObservedAt), n.Observations, sql.NullString{String: n.Step, Valid: n.Step != ""})
	}
	_, err := s.run(tx, `INSERT INTO snapshots (job, seq, phase, status, progress, check_flag, error_code, message, records_succeeded, records_failed, request_id,
		first_observed_at, last_observed_at, observations, step) VALUES `+tuples(len(outcomes), 15), args...)
	return err
}

func (s *Store) extendSnapshots(tx *gorm.DB, outcomes []*job.Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	args := make([]any, 0, 5*len(outcomes))
	for _, o := range outcomes {
		n := o.Job.Latest
		args = append(args, millis(n.LastObservedAt), n.Observations, o.Claim.Row, n.Seq, n.Observations-1)
	}
	done, err := s.run(tx, extendUpdate.update(s.d, len(outcomes)), args...)
	if err == nil && done != int64(len(outcomes)) {
		return fmt.Errorf("%d of %d snapshots are not as their claims saw them", int64(len(outcomes))-done, len(outcomes))
	}
	return err
}

var extendUpdate = &rowsUpdate{"snapshots", `last_observed_at = {i last}, observations = {i seen}`,
	`snapshots.job = {i job} AND snapshots.seq = {i number} AND snapshots.observations = {i before}`}

// rowEvent is an event with the row of its job; 0: none.
type rowEvent struct {
	row int64
	job.Event
}

// addEvents numbers events from one row that stays locked until COMMIT. So their IDs ascend in the
// order of commits, without gaps: whoever has seen an ID can never be shown a smaller one later. It is
// the last thing a transaction does: transactions queue here only for the length of a COMMIT.
func (s *Store) addEvents(tx *gorm.DB, events []rowEvent) error {
	if len(events) == 0 {
		return nil
	}
	if _, err := s.run(tx, `UPDATE sequences SET value = value + ? WHERE name = 'events'`, len(events)); err != nil {
		return err
	}
	var last int64
	if err := s.singleIn(tx, []any{&last}, eventsLast); err != nil {
		return err
	}
	args := make([]any, 0, 12*len(events))
	for i, e := range events {
		args = append(args, last-int64(len(events)-1-i), e.row, string(e.Key.Provider), e.Key.Scope, e.Key.ID,
			string(e.From), string(e.To), millis(e.At), e.Seq, e.Message, string(e.Type), e.Jobs)
	}
	_, err := s.run(tx, `INSERT INTO events (id, job, provider, scope, job_id, from_phase, to_phase, at, seq, message, type, jobs) VALUES `+tuples(len(events), 12), args...)
	return err
}

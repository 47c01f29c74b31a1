package store

import (
	"database/sql"
	"time"

	"migwatch/internal/job"
)

// Instants are integer UTC milliseconds in the database: text and native times compare differently on
// every engine. This file is where they are converted.

func millis(t time.Time) int64 { return t.UnixMilli() }

func millisOrNil(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	ms := millis(*t)
	return &ms
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func instantOrNil(ms *int64) *time.Time {
	if ms == nil {
		return nil
	}
	t := instant(*ms)
	return &t
}

// jobColumns is what scanJob reads; a job may have no snapshot yet.
const jobColumns = `jobs.id, jobs.provider, jobs.scope, jobs.job_id, jobs.label, jobs.paused, jobs.phase, jobs.watched_at, jobs.changed_at,
	jobs.next_at, jobs.last_attempt_at, jobs.failures, jobs.error_kind, jobs.error_code, jobs.error_message, jobs.error_request_id, jobs.error_at, jobs.error_repeats,
	jobs.file_url, jobs.file_expires_at, jobs.epoch, jobs.lease_until, jobs.about, jobs.stuck_seq,
	s.seq, s.phase, s.status, s.progress, s.check_flag, s.error_code, s.message, s.records_succeeded, s.records_failed,
	s.request_id, s.first_observed_at, s.last_observed_at, s.observations, s.step`

// jobTables is where jobColumns come from.
const jobTables = ` FROM jobs LEFT JOIN snapshots s ON s.job = jobs.id AND s.seq = jobs.seq `

// snapshotColumns is what snapshotRow reads.
const snapshotColumns = `s.seq, s.phase, s.status, s.progress, s.check_flag, s.error_code, s.message, s.records_succeeded, s.records_failed, s.request_id,
	s.first_observed_at, s.last_observed_at, s.observations, s.step`

// jobRow is one row of jobColumns.
type jobRow struct {
	id, epoch, leaseUntil int64
	job                   job.Job
}

// seq is the newest snapshot's, 0 where there is none.
func (r jobRow) seq() int64 {
	if r.job.Latest == nil {
		return 0
	}
	return r.job.Latest.Seq
}

func (s *Store) scanJob(rows scanner) (jobRow, error) {
	var (
		r                           jobRow
		j                           = &r.job
		watched, changed, stuck     int64
		next, attempt, errAt, fileX *int64
		failure                     job.Failure
		url                         string
		about                       sql.NullString
		latest                      snapshotRow
	)
	err := rows.Scan(append([]any{&r.id, (*string)(&j.Key.Provider), &j.Key.Scope, &j.Key.ID, &j.Label, &j.Paused, (*string)(&j.Phase), &watched, &changed,
		&next, &attempt, &j.Polling.Failures, (*string)(&failure.Kind), &failure.Code, &failure.Message, &failure.RequestID, &errAt, &failure.Repeats,
		&url, &fileX, &r.epoch, &r.leaseUntil, &about, &stuck}, latest.into()...)...)
	if err != nil {
		return r, err
	}
	j.WatchedAt, j.ChangedAt = instant(watched), instant(changed)
	j.Polling.NextAt, j.Polling.LastAttemptAt = instantOrNil(next), instantOrNil(attempt)
	j.Polling.LastError = failureOrNil(failure, errAt)
	if fileX != nil {
		j.File = s.unseal(url, instant(*fileX), j.Key)
	}
	if latest.seq.Valid {
		snapshot := latest.snapshot()
		j.Latest, j.Stuck = &snapshot, stuck == snapshot.Seq && j.Phase == job.Running
	}
	return r, tellAbout(j, about.String)
}

// failureOrNil is f with its instant; nil where the row has none.
func failureOrNil(f job.Failure, at *int64) *job.Failure {
	if f.Kind == "" {
		return nil
	}
	if at != nil {
		f.At = instant(*at)
	}
	return &f
}

// failureColumns is what a row has of f: nothing, and no instant, where there is none.
func failureColumns(f *job.Failure) (job.Failure, *int64) {
	if f == nil {
		return job.Failure{}, nil
	}
	return *f, millisOrNil(&f.At)
}

// snapshotRow is one row of snapshotColumns, all NULL where a job has no snapshot yet. It may be scanned into again and again.
type snapshotRow struct {
	seq, first, last, seen                  sql.NullInt64
	phase, status, message, requestID, step sql.NullString
	job.Observation                         // its numbers
}

func (r *snapshotRow) into() []any {
	return []any{&r.seq, &r.phase, &r.status, &r.Progress, &r.CheckFlag, &r.ErrorCode, &r.message, &r.RecordsSucceeded, &r.RecordsFailed, &r.requestID,
		&r.first, &r.last, &r.seen, &r.step}
}

func (r *snapshotRow) snapshot() job.Snapshot {
	o := r.Observation
	o.Phase, o.Status, o.Message, o.RequestID, o.Step = job.Phase(r.phase.String), r.status.String, r.message.String, r.requestID.String, r.step.String
	return job.Snapshot{Seq: r.seq.Int64, Observation: o, FirstObservedAt: instant(r.first.Int64), LastObservedAt: instant(r.last.Int64), Observations: r.seen.Int64}
}

package store

import (
	"database/sql"
	"time"

	"migwatch/internal/job"
)

// Instants are integer UTC milliseconds in the database: text and native times compare differently on
// every engine. This file is where they are converted.

func millis(t time.Time) int64 { return t.UnixMilli() }

func millisOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func instantOrNil(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := instant(ms.Int64)
	return &t
}

func int64OrNil(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	v := n.Int64
	return &v
}

func valueOrNil(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// jobColumns is what scanJob reads: a job and its newest snapshot.
const jobColumns = `jobs.id, jobs.provider, jobs.scope, jobs.job_id, jobs.label, jobs.paused, jobs.phase, jobs.watched_at, jobs.changed_at,
	jobs.next_at, jobs.last_attempt_at, jobs.failures, jobs.error_kind, jobs.error_code, jobs.error_message, jobs.error_request_id, jobs.error_at, jobs.error_repeats,
	jobs.file_url, jobs.file_expires_at, jobs.epoch, jobs.lease_until, jobs.about, jobs.stuck_seq,
	s.seq, s.phase, s.status, s.progress, s.check_flag, s.error_code, s.message, s.records_succeeded, s.records_failed, s.request_id,
	s.first_observed_at, s.last_observed_at, s.observations, s.step`

// jobTables is where jobColumns come from.
const jobTables = ` FROM jobs LEFT JOIN snapshots s ON s.job = jobs.id AND s.seq = jobs.seq `

// snapshotColumns is what scanSnapshot reads.
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

// scanner is *sql.Rows or *sql.Row.
type scanner interface{ Scan(into ...any) error }

func (s *Store) scanJob(rows scanner) (jobRow, error) {
	var (
		r                           jobRow
		j                           = &r.job
		watched, changed            int64
		next, attempt, errAt, fileX sql.NullInt64
		failure                     job.Failure
		url                         string
		about                       sql.NullString
		stuck                       int64
		snap                        nullSnapshot
	)
	err := rows.Scan(append([]any{&r.id, &j.Key.Provider, &j.Key.Scope, &j.Key.ID, &j.Label, &j.Paused, &j.Phase, &watched, &changed,
		&next, &attempt, &j.Polling.Failures, &failure.Kind, &failure.Code, &failure.Message, &failure.RequestID, &errAt, &failure.Repeats,
		&url, &fileX, &r.epoch, &r.leaseUntil, &about, &stuck}, snap.into()...)...)
	if err != nil {
		return r, err
	}
	j.WatchedAt, j.ChangedAt = instant(watched), instant(changed)
	j.Polling.NextAt, j.Polling.LastAttemptAt = instantOrNil(next), instantOrNil(attempt)
	if failure.Kind != "" {
		failure.At = instant(errAt.Int64)
		j.Polling.LastError = &failure
	}
	if fileX.Valid {
		j.File = s.unseal(url, instant(fileX.Int64), j.Key)
	}
	if about.Valid {
		if err := tellAbout(j, about.String); err != nil {
			return r, err
		}
	}
	if snap.seq.Valid {
		latest := snap.snapshot()
		j.Latest, j.Stuck = &latest, stuck == latest.Seq && j.Phase == job.Running
	}
	return r, nil
}

// nullSnapshot is a snapshot that may not be there.
type nullSnapshot struct {
	seq, progress, flag, code, good, bad, first, last, seen sql.NullInt64
	phase, status, message, requestID, step                 sql.NullString
}

func (n *nullSnapshot) into() []any {
	return []any{&n.seq, &n.phase, &n.status, &n.progress, &n.flag, &n.code, &n.message, &n.good, &n.bad, &n.requestID,
		&n.first, &n.last, &n.seen, &n.step}
}

// snapshot copies: n may be scanned into again.
func (n *nullSnapshot) snapshot() job.Snapshot {
	return job.Snapshot{
		Seq: n.seq.Int64,
		Observation: job.Observation{
			Phase: job.Phase(n.phase.String), Status: n.status.String, Message: n.message.String, RequestID: n.requestID.String, Step: n.step.String,
			Progress: int64OrNil(n.progress), CheckFlag: int64OrNil(n.flag), ErrorCode: int64OrNil(n.code),
			RecordsSucceeded: int64OrNil(n.good), RecordsFailed: int64OrNil(n.bad),
		},
		FirstObservedAt: instant(n.first.Int64), LastObservedAt: instant(n.last.Int64), Observations: n.seen.Int64,
	}
}

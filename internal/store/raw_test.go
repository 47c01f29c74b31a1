package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// raw is what one would write by hand with database/sql and nothing else: the floor that the store is
// measured against. It uses the store's pools, drivers and isolation.
type raw struct {
	write, read *sql.DB
	engine      string
}

func newRaw(s *store.Store) raw { return raw{s.Pool(), s.ReadPool(), s.Engine()} }

// sql numbers the placeholders where the engine wants that.
func (r raw) sql(statement string) string {
	if r.engine != "postgres" {
		return statement
	}
	var b strings.Builder
	n := 0
	for _, c := range statement {
		if c == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (r raw) record(ctx context.Context, o *job.Outcome) error {
	var options *sql.TxOptions
	if r.engine != "sqlite" {
		options = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	tx, err := r.write.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	n := o.Job.Latest
	done, err := tx.ExecContext(ctx, r.sql(`UPDATE jobs SET lease_until = 0, claim = '', recorded_epoch = ?, next_at = CASE WHEN next_at = ? THEN ? ELSE next_at END,
		last_attempt_at = ?, failures = 0, error_kind = '', error_code = '', error_message = '', error_request_id = '', error_at = NULL,
		phase = ?, changed_at = ?, seq = ? WHERE id = ? AND epoch = ? AND lease_until > 0`),
		o.Claim.Epoch, o.Claim.Job.Polling.NextAt.UnixMilli(), orNil(o.Job.Polling.NextAt), o.Job.Polling.LastAttemptAt.UnixMilli(),
		string(o.Job.Phase), o.Job.ChangedAt.UnixMilli(), n.Seq, o.Claim.Row, o.Claim.Epoch)
	if err != nil {
		return err
	}
	if rows, err := done.RowsAffected(); err != nil || rows != 1 {
		return errors.New("lost")
	}
	_, err = tx.ExecContext(ctx, r.sql(`INSERT INTO snapshots (job, seq, phase, status, progress, check_flag, error_code, message, records_succeeded, records_failed, request_id,
		first_observed_at, last_observed_at, observations) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
		o.Claim.Row, n.Seq, string(n.Phase), n.Status, n.Progress, n.CheckFlag, n.ErrorCode, n.Message, n.RecordsSucceeded, n.RecordsFailed, n.RequestID,
		n.FirstObservedAt.UnixMilli(), n.LastObservedAt.UnixMilli(), n.Observations)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func orNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMilli()
}

const rawSnapshot = `s.seq, s.phase, s.status, s.progress, s.check_flag, s.error_code, s.message, s.records_succeeded, s.records_failed, s.request_id, s.first_observed_at, s.last_observed_at, s.observations`

func (r raw) latest(ctx context.Context, k job.Key) (job.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var j job.Job
	var id, watched, changed, epoch, lease int64
	var next, attempt, failedAt, expires sql.NullInt64
	var kind, code, message, request, url string
	var s rawScan
	err := r.read.QueryRowContext(ctx, r.sql(`SELECT jobs.id, jobs.provider, jobs.scope, jobs.job_id, jobs.label, jobs.paused, jobs.phase, jobs.watched_at, jobs.changed_at,
		jobs.next_at, jobs.last_attempt_at, jobs.failures, jobs.error_kind, jobs.error_code, jobs.error_message, jobs.error_request_id, jobs.error_at, jobs.file_url, jobs.file_expires_at,
		jobs.epoch, jobs.lease_until, `+rawSnapshot+` FROM jobs LEFT JOIN snapshots s ON s.job = jobs.id AND s.seq = jobs.seq WHERE jobs.provider = ? AND jobs.scope = ? AND jobs.job_id = ?`),
		string(k.Provider), k.Scope, k.ID).Scan(append([]any{&id, &j.Key.Provider, &j.Key.Scope, &j.Key.ID, &j.Label, &j.Paused, &j.Phase, &watched, &changed, &next, &attempt,
		&j.Polling.Failures, &kind, &code, &message, &request, &failedAt, &url, &expires, &epoch, &lease}, s.into()...)...)
	j.WatchedAt, j.ChangedAt, j.Latest = time.UnixMilli(watched), time.UnixMilli(changed), s.snapshot()
	return j, err
}

func (r raw) history(ctx context.Context, k job.Key, limit int) ([]job.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	rows, err := r.read.QueryContext(ctx, r.sql(`SELECT `+rawSnapshot+` FROM snapshots s WHERE s.job = (SELECT id FROM jobs WHERE provider = ? AND scope = ? AND job_id = ?) ORDER BY s.seq DESC LIMIT ?`),
		string(k.Provider), k.Scope, k.ID, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make([]job.Snapshot, 0, limit)
	for rows.Next() {
		var s rawScan
		if err := rows.Scan(s.into()...); err != nil {
			return nil, err
		}
		list = append(list, *s.snapshot())
	}
	return list, rows.Err()
}

// rawScan is a snapshot's columns as database/sql gives them.
type rawScan struct {
	seq, progress, flag, code, good, bad, first, last, seen sql.NullInt64
	phase, status, message, request                         sql.NullString
}

func (s *rawScan) into() []any {
	return []any{&s.seq, &s.phase, &s.status, &s.progress, &s.flag, &s.code, &s.message, &s.good, &s.bad, &s.request, &s.first, &s.last, &s.seen}
}

func (s *rawScan) snapshot() *job.Snapshot {
	n := &job.Snapshot{Seq: s.seq.Int64, FirstObservedAt: time.UnixMilli(s.first.Int64), LastObservedAt: time.UnixMilli(s.last.Int64), Observations: s.seen.Int64}
	n.Phase, n.Status, n.Message, n.RequestID = job.Phase(s.phase.String), s.status.String, s.message.String, s.request.String
	for _, p := range []struct {
		to   **int64
		from *sql.NullInt64
	}{{&n.Progress, &s.progress}, {&n.CheckFlag, &s.flag}, {&n.ErrorCode, &s.code}, {&n.RecordsSucceeded, &s.good}, {&n.RecordsFailed, &s.bad}} {
		if p.from.Valid {
			*p.to = &p.from.Int64
		}
	}
	return n
}

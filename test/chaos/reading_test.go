package chaos

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
)

// read fills a history with what the database holds.
func (d *database) read(t testing.TB, h *history) {
	t.Helper()
	each(t, d, `SELECT id, provider, scope, job_id, phase, seq, epoch, recorded_epoch, lease_until, changed_at FROM jobs ORDER BY id`, func(rows *sql.Rows) error {
		var j jobRow
		var provider, scope, id string
		err := rows.Scan(&j.id, &provider, &scope, &id, &j.phase, &j.seq, &j.epoch, &j.recordedEpoch, &j.leased, &j.changedAt)
		j.key = provider + "/" + scope + "/" + id
		h.jobs = append(h.jobs, j)
		return err
	})
	each(t, d, `SELECT provider, scope, COALESCE(swept_at, 0) FROM discoveries`, func(rows *sql.Rows) error {
		var s sweepRow
		var scope string
		err := rows.Scan(&s.place, &scope, &s.sweptAt)
		s.place += "/" + scope
		h.sweeps = append(h.sweeps, s)
		return err
	})
	each(t, d, `SELECT job, seq, phase, status, progress, check_flag, error_code, message, records_succeeded, records_failed, request_id,
		first_observed_at, last_observed_at, observations FROM snapshots ORDER BY job, seq`, func(rows *sql.Rows) error {
		var s snapshotRow
		var status, message string
		var numbers [5]sql.NullInt64
		err := rows.Scan(&s.job, &s.seq, &s.phase, &status, &numbers[0], &numbers[1], &numbers[2], &message, &numbers[3], &numbers[4], &s.requestID, &s.first, &s.last, &s.count)
		s.content = fmt.Sprint(s.phase, status, message, numbers)
		h.snapshots = append(h.snapshots, s)
		return err
	})
	each(t, d, `SELECT id, job, from_phase, to_phase, at, seq FROM events ORDER BY id`, func(rows *sql.Rows) error {
		var e eventRow
		err := rows.Scan(&e.id, &e.job, &e.from, &e.to, &e.at, &e.seq)
		h.events = append(h.events, e)
		return err
	})
	each(t, d, `SELECT at, job, epoch, held, what, seq, until FROM audit ORDER BY at, job, epoch, CASE what WHEN 'claim' THEN 0 ELSE 1 END, n`, func(rows *sql.Rows) error {
		var x deed
		err := rows.Scan(&x.at, &x.job, &x.epoch, &x.held, &x.what, &x.seq, &x.until)
		h.deeds = append(h.deeds, x)
		return err
	})
	each(t, d, `SELECT value FROM sequences WHERE name = 'events'`, func(rows *sql.Rows) error { return rows.Scan(&h.lastEvent) })
	d.dump(t, h.texts)
}

// dump writes out everything a poll could have left in the database, to be searched.
func (d *database) dump(t testing.TB, texts map[string]string) {
	t.Helper()
	for _, file := range []string{d.file, d.file + "-wal"} {
		if b, err := os.ReadFile(file); d.file != "" && err == nil {
			texts[file] = string(b)
		}
	}
	for _, table := range []string{"jobs", "snapshots", "events", "budgets", "ticks", "discoveries"} {
		var out strings.Builder
		each(t, d, "SELECT * FROM "+table, func(rows *sql.Rows) error {
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			err = rows.Scan(into...)
			for _, v := range values {
				out.Write(v)
				out.WriteByte('\n')
			}
			return err
		})
		texts["the table "+table] = out.String()
	}
}

func each(t testing.TB, d *database, query string, row func(*sql.Rows) error) {
	t.Helper()
	rows, err := d.raw[0].QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

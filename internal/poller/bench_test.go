//go:build unix

package poller_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/poller"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// BenchmarkTick shows that a tick costs what it polls, not what is watched: compare the lines with
// as many due jobs. A hundred polls a second and budget leave the pace out of it: 50 due jobs take half
// a second on the clock, so the figures to compare are B/op, allocs/op and cpu-ms/op.
func BenchmarkTick(b *testing.B) {
	for _, watched := range []int{100, 10_000, 100_000} {
		for _, due := range []int{0, 50} {
			b.Run(fmt.Sprintf("watched=%d/due=%d", watched, due), func(b *testing.B) {
				s, rows := filled(b, watched)
				o := poller.Options{
					Store: s, Rates: map[job.Provider]float64{job.DTS: 1000}, Upstreams: map[job.Provider]poller.Upstream{job.DTS: upstream(running)},
					Timeout: time.Second, Lease: time.Minute, Reserve: time.Second, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				}
				b.ReportAllocs()
				var cpu time.Duration
				for b.Loop() {
					b.StopTimer()
					if _, err := rows.Exec(`UPDATE jobs SET next_at = 1, lease_until = 0 WHERE id <= ?`, due); err != nil {
						b.Fatal(err)
					}
					before := cpuTime()
					b.StartTimer()
					ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
					report, err := poller.Tick(ctx, o)
					cancel()
					cpu += cpuTime() - before
					if err != nil || report.Recorded != int64(due) || report.Due != 0 {
						b.Fatalf("%+v, %v", report, err)
					}
				}
				b.ReportMetric(float64(cpu.Microseconds())/1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// filled is a database with n jobs that are not due for an hour.
func filled(b *testing.B, n int) (*store.Store, *sql.DB) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "b.db")
	s, err := store.Open(secret.New("sqlite:"+path), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if _, err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	rows, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { rows.Close() })
	later := time.Now().Add(time.Hour).UnixMilli()
	for _, fill := range []string{
		`INSERT INTO budgets (name) VALUES ('dts/ap-shanghai')`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(n) + `)
			INSERT INTO jobs (provider, scope, job_id, budget, phase, watched_at, changed_at, next_at)
			SELECT 'dts', 'ap-shanghai', 'dts-' || i, 'dts/ap-shanghai', 'pending', i, i, ` + fmt.Sprint(later) + ` FROM n`,
	} {
		if _, err := rows.Exec(fill); err != nil {
			b.Fatal(err)
		}
	}
	return s, rows
}

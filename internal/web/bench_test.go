package web_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"migwatch/internal/job"
)

const benchJobs = 10_000

// crowded is a rig with benchJobs jobs of both providers in every phase, some of them failing.
func crowded(t testing.TB) *rig {
	t.Helper()
	r := newRig(t, setup{})
	r.watched(dts("ap-shanghai", "dts-first"), "") // brings its budget
	r.watched(wechat("env-first", "1"), "")
	db, err := sql.Open("sqlite", "file:"+r.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := tx.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i := range benchJobs {
		k := dts("ap-shanghai", fmt.Sprintf("dts-%06d", i))
		if i%3 == 0 {
			k = wechat(fmt.Sprintf("env-%d", i%50), fmt.Sprint(100_000_000+i))
		}
		phase, kind := job.Phases[i%len(job.Phases)], ""
		if i%97 == 0 {
			kind = string(job.Throttled)
		}
		at := r.start.Add(-time.Duration(i) * time.Second).UnixMilli()
		exec(`INSERT INTO jobs (id, provider, scope, job_id, budget, label, phase, watched_at, changed_at, seq, next_at, last_attempt_at, error_kind, error_message, error_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`,
			1000+i, k.Provider, k.Scope, k.ID, k.Budget(), fmt.Sprintf("customer %d", i), phase, at, at, at, at, kind, "the API is busy", at)
		exec(`INSERT INTO snapshots (job, seq, phase, status, progress, message, request_id, first_observed_at, last_observed_at, observations)
			VALUES (?, 1, ?, 'running', ?, 'some text of the job', '3c140219-cfe9-470e-b241-907877d6fb03', ?, ?, 1)`, 1000+i, phase, i%101, at, at)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return r
}

// BenchmarkOverview is the overview among 10,000 jobs: what it asks of the store, and the whole page.
func BenchmarkOverview(b *testing.B) {
	r := crowded(b)
	ctx := b.Context()
	for _, bench := range []struct {
		name string
		f    job.Filter
	}{
		{"all", job.Filter{}},
		{"phase", job.Filter{Phases: []job.Phase{job.Failed}}},
		{"provider and phases", job.Filter{Provider: job.WeChat, Phases: []job.Phase{job.Failed, job.Partial}}},
		{"search", job.Filter{Text: "customer 99"}},
		{"search for nothing", job.Filter{Text: "nowhere"}},
	} {
		b.Run("store/"+bench.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.store.Summary(ctx); err != nil {
					b.Fatal(err)
				}
				if _, err := r.store.Jobs(ctx, bench.f, nil, 31); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page", func(b *testing.B) {
		br := r.signedIn(readKey)
		for b.Loop() {
			if a := br.get("/"); a.status != 200 {
				b.Fatal(a.status)
			}
		}
	})
	b.Run("metrics", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.store.Stats(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestOverviewAmongMany holds the figure loosely, so that a lost index is found.
func TestOverviewAmongMany(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand jobs")
	}
	r := crowded(t)
	best := time.Hour
	for range 5 {
		start := time.Now()
		if _, err := r.store.Summary(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, err := r.store.Jobs(t.Context(), job.Filter{}, nil, 31); err != nil || len(list) != 31 {
			t.Fatal(len(list), err)
		}
		best = min(best, time.Since(start))
	}
	t.Logf("%v", best)
	if best > 50*time.Millisecond*raceFactor {
		t.Errorf("the overview takes %v at the store", best)
	}
}

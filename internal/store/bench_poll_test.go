package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// BenchmarkClaims lets 8 workers claim all of 20,000 due jobs, 250 at a time.
func BenchmarkClaims(b *testing.B) {
	const jobs, workers = 20_000, 8
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		fill(b, s, jobs, 1)
		handles := make([]*store.Store, workers)
		for i := range handles {
			handles[i] = open(b, store.Options{})
		}
		var took time.Duration
		for range b.N {
			must(b, s.Admin(`UPDATE jobs SET budget = 'wechat', next_at = id, lease_until = 0`))
			if s.Engine() == "postgres" {
				must(b, s.Admin(`VACUUM jobs`))
			}
			times := make([]atomic.Int32, jobs+1)
			var all sync.WaitGroup
			var claimed atomic.Int64
			start := time.Now()
			for _, h := range handles {
				all.Go(func() {
					for claimed.Load() < jobs {
						claims, err := h.Claim(context.Background(), "wechat", 250, time.Hour)
						if err != nil {
							b.Error(err)
							return
						}
						for _, c := range claims {
							times[c.Row].Add(1)
						}
						claimed.Add(int64(len(claims)))
					}
				})
			}
			all.Wait()
			took += time.Since(start)
			for id := 1; id <= jobs; id++ {
				if n := times[id].Load(); n != 1 {
					b.Errorf("job %d was claimed %d times", id, n)
				}
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(jobs*b.N)/took.Seconds(), "claims/s")
	})
}

// BenchmarkList reads the first page of 50 with each filter, at 10,000 jobs.
func BenchmarkList(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		fill(b, s, 10_000, 3)
		for _, test := range []struct {
			name string
			f    job.Filter
		}{
			{"all", job.Filter{}}, {"provider", job.Filter{Provider: job.WeChat}}, {"scope", job.Filter{Scope: "ap-r7"}},
			{"phase", job.Filter{Phases: []job.Phase{job.Missing}}}, {"phases", job.Filter{Phases: []job.Phase{job.Missing, job.Failed}}},
			{"provider-phase", job.Filter{Provider: job.DTS, Phases: []job.Phase{job.Running}}}, {"text", job.Filter{Text: "label 99"}},
		} {
			t := times{}
			for range 3 * b.N {
				t.measure("list", func() { _, err := s.Jobs(context.Background(), test.f, nil, 50); must(b, err) })
			}
			b.ReportMetric(micros(t.median("list")), test.name+"-µs")
		}
		t := times{}
		for range b.N {
			t.measure("summary", func() { _, err := s.Summary(context.Background()); must(b, err) })
		}
		b.ReportMetric(micros(t.median("summary")), "summary-µs")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkBudgets asks which of several hundred budgets have due jobs, and reserves slots: all on one
// budget, and each on another.
func BenchmarkBudgets(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{MaxConns: 8})
		fill(b, s, 10_000, 1)
		t := times{}
		for range 10 * b.N {
			t.measure("budgets", func() {
				due, err := s.Budgets(context.Background())
				must(b, err)
				if len(due) < 3 {
					b.Fatal(len(due))
				}
			})
		}
		b.ReportMetric(micros(t.median("budgets")), "budgets-µs")
		for name, of := range map[string]func(i int) string{"one": func(int) string { return "wechat" }, "each": func(i int) string { return fmt.Sprintf("dts/ap-r%d", 4*i+1) }} {
			start := time.Now()
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					for range 5 * b.N {
						_, err := s.Reserve(context.Background(), of(i), 1, pace.Of(1e6), time.Hour)
						must(b, err)
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(40*b.N)/time.Since(start).Seconds(), name+"-reserve/s")
		}
		b.ReportMetric(0, "ns/op")
	})
}

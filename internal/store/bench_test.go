package store_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// The figures of docs/performance.md. Each compares two things in turns, round by round, and reports
// medians and their ratio: the machine's moods cancel out.

// bench runs a benchmark on every engine.
func bench(b *testing.B, run func(b *testing.B, open storetest.Fresh)) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) { run(b, migrated(b, e.database(b))) })
	}
}

// times collects how long something took, by name.
type times map[string][]time.Duration

func (t times) measure(name string, what func()) {
	start := time.Now()
	what()
	t[name] = append(t[name], time.Since(start))
}

func (t times) median(name string) time.Duration { return t.quantile(name, 0.5) }

func (t times) quantile(name string, q float64) time.Duration {
	slices.Sort(t[name])
	return t[name][min(len(t[name])-1, int(q*float64(len(t[name]))))]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// compare reports the medians of two names and how they relate.
func (t times) compare(b *testing.B, one, other, ratio string, quotient float64) {
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
	b.ReportMetric(micros(t.median(one)), one+"-µs")
	b.ReportMetric(micros(t.median(other)), other+"-µs")
	b.ReportMetric(quotient, ratio)
}

func must(b testing.TB, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// claimFilled claims n jobs of WeChat's budget, whatever their due time: others in each round, for to
// write the same few rows all the time is a case of its own.
func claimFilled(b testing.TB, s *store.Store, n, jobs, round int) []job.Claim {
	b.Helper()
	from := round * 4 * n % (jobs - 4*n + 1) / 4 * 4
	must(b, s.Admin(`UPDATE jobs SET next_at = 1, lease_until = 0 WHERE budget = 'wechat' AND id > ? AND id <= ?`, from, from+4*n))
	claims, err := s.Claim(context.Background(), "wechat", n, time.Hour)
	must(b, err)
	if len(claims) != n {
		b.Fatalf("claimed %d of %d", len(claims), n)
	}
	return claims
}

// newSnapshots are outcomes that each add a snapshot and no event: the common poll of a moving job.
func newSnapshots(claims []job.Claim, round int) []job.Outcome {
	out := make([]job.Outcome, len(claims))
	for i, c := range claims {
		seen := job.Observation{Phase: c.Job.Phase, Status: "running", Progress: new(int64(round)), Message: strconv.Itoa(round), RequestID: "a-request-id-of-36-characters-or-so"}
		out[i] = job.Settle(c, &seen, nil, c.At)
	}
	return out
}

// BenchmarkRecordOne is one poll recorded by itself: through the store, and by hand through
// database/sql with the same driver, pool and isolation.
func BenchmarkRecordOne(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		const jobs = 10_000
		fill(b, s, jobs, 3)
		raw := newRaw(s)
		t := times{}
		for round := range b.N {
			outcomes := newSnapshots(claimFilled(b, s, 20, jobs, round), round)
			for i := range outcomes {
				if i%2 == 0 {
					t.measure("store", func() { _, err := s.Record(context.Background(), outcomes[i:i+1]); must(b, err) })
				} else {
					t.measure("raw", func() { must(b, raw.record(context.Background(), &outcomes[i])) })
				}
			}
		}
		t.compare(b, "store", "raw", "raw/store", float64(t.median("raw"))/float64(t.median("store")))
	})
}

// BenchmarkGroups records 100 polls in one transaction and in one each.
func BenchmarkGroups(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		const jobs = 10_000
		fill(b, s, jobs, 3)
		t := times{}
		for round := range b.N {
			outcomes := newSnapshots(claimFilled(b, s, 200, jobs, round), round)
			t.measure("group-of-100", func() { _, err := s.Record(context.Background(), outcomes[:100]); must(b, err) })
			t.measure("100-alone", func() {
				for i := range 100 {
					_, err := s.Record(context.Background(), outcomes[100+i:101+i])
					must(b, err)
				}
			})
		}
		t.compare(b, "group-of-100", "100-alone", "times", float64(t.median("100-alone"))/float64(t.median("group-of-100")))
		b.ReportMetric(100/t.median("group-of-100").Seconds(), "polls/s")
	})
}

// BenchmarkLatest reads one job through the store and by hand.
func BenchmarkLatest(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		fill(b, s, 1000, 10)
		raw := newRaw(s)
		t := times{}
		for i := range 10 * b.N {
			k := filledKey(i * 7 % 1000)
			t.measure("store", func() { _, err := s.Job(context.Background(), k); must(b, err) })
			t.measure("raw", func() { _, err := raw.latest(context.Background(), k); must(b, err) })
		}
		t.compare(b, "store", "raw", "store/raw", float64(t.median("store"))/float64(t.median("raw")))
	})
}

// BenchmarkHistory reads a page of 100 snapshots through the store and by hand.
func BenchmarkHistory(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s := open(b, store.Options{})
		fill(b, s, 100, 300)
		raw := newRaw(s)
		t := times{}
		for i := range 10 * b.N {
			k := filledKey(i * 7 % 100)
			t.measure("store", func() {
				list, err := s.History(context.Background(), k, job.Span{}, 100)
				must(b, err)
				if len(list) != 100 {
					b.Fatal(len(list))
				}
			})
			t.measure("raw", func() { _, err := raw.history(context.Background(), k, 100); must(b, err) })
		}
		t.compare(b, "store", "raw", "store/raw", float64(t.median("store"))/float64(t.median("raw")))
	})
}

// BenchmarkScale does the same, to jobs that are in motion, at ten thousand and at many more snapshots: a million, or
// STORE_BENCH_SNAPSHOTS.
func BenchmarkScale(b *testing.B) {
	many := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("STORE_BENCH_SNAPSHOTS")); err == nil {
		many = n
	}
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			sizes := map[string]*store.Store{}
			for name, total := range map[string]int{"few": 10_000, "many": many} {
				sizes[name] = migrated(b, e.database(b))(b, store.Options{})
				fill(b, sizes[name], max(1000, total/100), min(100, total/1000))
			}
			t := times{}
			b.ResetTimer()
			for round := range b.N {
				for name, s := range sizes {
					scaleRound(b, t, name, s, round)
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, what := range []string{"record", "latest", "history", "list"} {
				b.ReportMetric(micros(t.median(what+"few")), what+"-µs")
				b.ReportMetric(float64(t.median(what+"many"))/float64(t.median(what+"few")), what+"-many/few")
			}
		})
	}
}

func scaleRound(b *testing.B, t times, name string, s *store.Store, round int) {
	ctx := context.Background()
	outcomes := newSnapshots(claimFilled(b, s, 10, 200, round), round)
	for i := range outcomes {
		k := filledKey((round*31 + i*17) % 100)
		t.measure("record"+name, func() { _, err := s.Record(ctx, outcomes[i:i+1]); must(b, err) })
		t.measure("latest"+name, func() { _, err := s.Job(ctx, k); must(b, err) })
		t.measure("history"+name, func() { _, err := s.History(ctx, k, job.Span{}, 10); must(b, err) }) // both have that many
		t.measure("list"+name, func() { _, err := s.Jobs(ctx, job.Filter{Phases: []job.Phase{job.Failed}}, nil, 10); must(b, err) })
	}
}

// BenchmarkReadersBesideAWriter reads while one writer records without pause.
func BenchmarkReadersBesideAWriter(b *testing.B) {
	bench(b, func(b *testing.B, open storetest.Fresh) {
		s, w := open(b, store.Options{}), open(b, store.Options{})
		fill(b, s, 10_000, 100)
		stop := make(chan struct{})
		var writer sync.WaitGroup
		var written atomic.Int64
		writer.Go(func() {
			for round := 0; ; round++ {
				outcomes := newSnapshots(claimFilled(b, w, 400, 10_000, round), round)
				for part := range slices.Chunk(outcomes, 10) {
					select {
					case <-stop:
						return
					default:
					}
					_, err := w.Record(context.Background(), part)
					must(b, err)
					written.Add(int64(len(part)))
				}
			}
		})
		t := times{}
		start := time.Now()
		for i := range 20 * b.N {
			k := filledKey(i * 7 % 10_000)
			t.measure("history", func() { _, err := s.History(context.Background(), k, job.Span{}, 100); must(b, err) })
			t.measure("latest", func() { _, err := s.Job(context.Background(), k); must(b, err) })
		}
		b.ReportMetric(float64(written.Load())/time.Since(start).Seconds(), "written/s")
		close(stop)
		writer.Wait()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(micros(t.quantile("history", 0.99))/1000, "history-p99-ms")
		b.ReportMetric(micros(t.quantile("latest", 0.99))/1000, "latest-p99-ms")
	})
}

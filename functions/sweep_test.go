package functions_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"migwatch/internal/dbtest"
	"migwatch/internal/emulator"
	"migwatch/internal/job"
	"migwatch/internal/scf/scftest"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// TestSweepsSurviveKills kills the poll function at many points of its sweeps. In the end every job of the list is
// watched and recorded once, and the discovery goes on.
func TestSweepsSurviveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("some kills")
	}
	t.Parallel()
	const jobs = 3000
	r := newRigWith(t, fmt.Sprintf("dts-migration ap-shanghai dts-%%05d x %d\n  0s running 10%%\n", jobs), func(o *emulator.Options) { o.Now = time.Now })
	r.env["MIGWATCH_POLL_TIMEOUT"], r.env["MIGWATCH_POLL_LEASE"] = "1s", "1500ms"
	s, err := store.Open(secret.New(r.env["MIGWATCH_DATABASE_URL"]), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Discover(t.Context(), job.DTSMigration, "ap-shanghai", job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	for n := range 12 {
		for due := 0; due == 0; time.Sleep(10 * time.Millisecond) { // the lease of the one before has to end
			budgets, err := s.Budgets(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			due = len(budgets)
		}
		poll := scftest.Start(t, scftest.Build(t, "./functions/poll"), nil)
		done := make(chan error, 1)
		go func() {
			_, err := poll.Invoke([]byte(timerEvent), r.env, time.Now().Add(30*time.Second), "req-killed")
			done <- err
		}()
		before := len(r.up.Arrivals())
		for end := time.Now().Add(20 * time.Second); len(r.up.Arrivals()) < before+1+n%5 && time.Now().Before(end); {
			time.Sleep(time.Millisecond * time.Duration(1+n)) // at another point of a page each time
		}
		poll.Kill()
		if err := <-done; err == nil {
			t.Error("it ended before it was killed")
		}
	}
	deadline := time.Now().Add(2 * time.Minute)
	for d := (job.Discovery{}); d.SweptAt == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("the discovery stands still: %+v", d)
		}
		r.tick(20 * time.Second)
		if d, err = s.Discovery(t.Context(), job.DTSMigration, "ap-shanghai"); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1600 * time.Millisecond) // what the killed ones held is free again
	r.tick(50 * time.Second)
	sum, err := s.Summary(t.Context())
	if err != nil || sum.Jobs[job.DTSMigration][job.Running] != jobs || sum.Watched != jobs || sum.Failing > 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if r.up.Peak(emulator.DTSMigration, "ap-shanghai") > 20 || r.up.Refused(emulator.DTSMigration) > 0 {
		t.Errorf("%d calls in a second, %d refused", r.up.Peak(emulator.DTSMigration, "ap-shanghai"), r.up.Refused(emulator.DTSMigration))
	}
	events, err := s.Events(t.Context(), job.Filter{}, 0, jobs+100)
	if err != nil || len(events) != jobs {
		t.Errorf("%d events for %d jobs that began to run, %v", len(events), jobs, err)
	}
}

var sweepJobs = flag.Int("sweep", 10_000, "how many migrations BenchmarkSweep has in its one region")

var sweepEngines = []struct {
	name string
	url  func(b *testing.B) string
}{
	{"sqlite", func(b *testing.B) string { return "sqlite:" + b.TempDir() + "/m.db" }},
	{"postgres", func(b *testing.B) string { s := dbtest.Postgres(b); return s.URL(s.Database(b)) }},
	{"mysql", func(b *testing.B) string { s := dbtest.MySQL(b); return s.URL(s.Database(b)) }},
}

// region is a built poll function over one region that is watched as a whole.
type region struct {
	*store.Store
	up   *emulator.Emulator
	poll *scftest.Function
	env  map[string]string
}

func newRegion(b *testing.B, url, steps string) *region {
	b.Helper()
	script, err := emulator.Parse(fmt.Sprintf("dts-migration ap-shanghai dts-%%06d x %d start\n%s", *sweepJobs, steps))
	if err != nil {
		b.Fatal(err)
	}
	r := &region{env: map[string]string{"TENCENTCLOUD_SECRETID": credential.ID, "TENCENTCLOUD_SECRETKEY": credential.Key, "TENCENTCLOUD_SESSIONTOKEN": credential.Token,
		"MIGWATCH_DATABASE_URL": url}}
	if r.Store, err = store.Open(secret.New(url), store.Options{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	if _, err := r.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, _, err := r.Discover(b.Context(), job.DTSMigration, "ap-shanghai", job.DiscoveryChange{}); err != nil {
		b.Fatal(err)
	}
	r.poll = scftest.Start(b, scftest.Build(b, "./functions/poll"), nil)
	r.up = emulator.New(emulator.Options{Now: time.Now, Script: script, Arrivals: 10, DTS: emulator.DTSOptions{Credentials: []emulator.Credential{credential}, AnyTime: true}})
	server := httptest.NewServer(r.up)
	b.Cleanup(func() { r.up.Close(); server.Close() })
	r.env["MIGWATCH_DTS_URL"] = server.URL
	return r
}

func (r *region) tick(b *testing.B) {
	b.Helper()
	if _, err := r.poll.Invoke([]byte(timerEvent), r.env, time.Now().Add(4*time.Minute), "req"); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSweep is one tick of the built function: the first, which finds all jobs, and those after it. It tells
// the calls, the milliseconds and the memory of the process at its most.
func BenchmarkSweep(b *testing.B) {
	for _, engine := range sweepEngines {
		b.Run(engine.name, func(b *testing.B) {
			r := newRegion(b, engine.url(b), "  0s running 10%\n")
			for round := 0; b.Loop(); round++ {
				r.up.Forget()
				began := time.Now()
				r.tick(b)
				calls := int64(0)
				for _, c := range r.up.Counts() {
					calls += c.Arrivals
				}
				b.Logf("round %d: %v, %d calls, %d in a second at most, %d refused, %s", round, time.Since(began).Round(time.Millisecond), calls,
					r.up.Peak(emulator.DTSMigration, "ap-shanghai"), r.up.Refused(emulator.DTSMigration), memory(b, r.poll.Pid()))
				d, err := r.Discovery(b.Context(), job.DTSMigration, "ap-shanghai")
				if err != nil || d.Jobs != int64(*sweepJobs) || d.SweptAt == nil {
					b.Fatal(errors.Join(err, fmt.Errorf("%+v", d)))
				}
				b.StopTimer()
				time.Sleep(time.Until(*d.Polling.NextAt))
				b.StartTimer()
			}
		})
	}
}

// BenchmarkDelay is how long after a change upstream it is recorded, where all jobs change at once, at instants that
// have nothing to do with the ticks, of which one comes every 15 s.
func BenchmarkDelay(b *testing.B) {
	const every, change, changes = 15 * time.Second, 43 * time.Second, 3
	steps := ""
	for n := range changes + 1 {
		steps += fmt.Sprintf("  %s %s\n", time.Duration(n)*change, []string{"running 10%", "readyComplete 100% lag=1"}[n%2])
	}
	for _, engine := range sweepEngines {
		b.Run(engine.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			r := newRegion(b, engine.url(b), steps)
			start := time.Now() // a moment after the emulator's
			for n := range int((changes*change+2*every)/every) + 1 {
				time.Sleep(time.Until(start.Add(time.Duration(n) * every)))
				r.tick(b)
			}
			var sum, longest time.Duration
			count := 0
			for after := int64(0); ; {
				events, err := r.Events(b.Context(), job.Filter{}, after, 5000)
				if err != nil {
					b.Fatal(err)
				}
				for _, e := range events {
					after = e.ID
					if e.From == job.Pending {
						continue
					}
					delay := e.At.Sub(start) % change // since the change before it
					sum, longest, count = sum+delay, max(longest, delay), count+1
				}
				if len(events) == 0 {
					break
				}
			}
			if count < changes**sweepJobs {
				b.Errorf("%d changes were seen, of %d", count, changes**sweepJobs)
			}
			b.ReportMetric((sum / time.Duration(max(count, 1))).Seconds(), "s-mean")
			b.ReportMetric(longest.Seconds(), "s-longest")
		})
	}
}

// memory is a process's resident memory at its most.
func memory(b *testing.B, pid int) string {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "memory is not known here"
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmHWM") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

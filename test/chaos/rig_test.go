package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/emulator"
	"migwatch/internal/job"
	"migwatch/internal/poller"
	"migwatch/internal/scf/scftest"
)

const (
	pollPackage = "./functions/poll"
	token       = "canary-component-access-token"
	dtsLimit    = 20 // polls in any second and region
	wechatLimit = 5
)

var credential = emulator.Credential{ID: "AKIDcanarysecretid0123456789", Key: "canarysecretkey0123456789", Token: "canary-session-token-0123456789"}

// regions are budgets of their own.
var regions = []string{"ap-shanghai", "ap-beijing", "ap-guangzhou", "ap-chengdu", "ap-nanjing", "ap-hongkong", "ap-singapore", "ap-tokyo"}

// plan is what is watched.
type plan struct {
	regions int
	each    int    // jobs of a region
	wechat  int    // jobs
	story   string // what a job does, in lines of the emulator's script
	listed  bool   // the jobs are migrations, and nothing but their regions is watched
}

// rig is an upstream, a database, and functions that come and go.
type rig struct {
	t      *testing.T
	db     *database
	up     *upstream
	env    map[string]string // of every invocation
	binary string
	plan   plan
	keys   []job.Key

	mu        sync.Mutex
	functions []*scftest.Function // all that were ever started
	totals    totals
	answers   int
	refused   int // invocations that could not work at all
	wrong     []string
	texts     []string // what invocations answered
}

func newRig(t *testing.T, db *database, p plan) *rig {
	t.Helper()
	r := &rig{t: t, db: db, binary: scftest.Build(t, pollPackage), plan: p}
	var script strings.Builder
	for _, region := range regions[:p.regions] {
		script.WriteString(r.script(region, "dts", p.each))
	}
	if p.wechat > 0 {
		fmt.Fprintf(&script, "wechat env-1 %%d x %d\n  0s migrating 1/0\n", p.wechat)
		for i := range p.wechat {
			r.keys = append(r.keys, job.Key{Provider: job.WeChat, Scope: "env-1", ID: strconv.Itoa(i + 1)})
		}
	}
	r.up = startUpstream(t, script.String())
	r.env = map[string]string{
		"TENCENTCLOUD_SECRETID": credential.ID, "TENCENTCLOUD_SECRETKEY": credential.Key, "TENCENTCLOUD_SESSIONTOKEN": credential.Token,
		"MIGWATCH_WECHAT_URL": r.up.url, "MIGWATCH_WECHAT_ACCESS_TOKEN": token, "MIGWATCH_DTS_URL": r.up.url,
		"MIGWATCH_POLL_RESERVE": "1s",
	}
	return r
}

// script is n more jobs of a region, as the emulator reads them.
func (r *rig) script(region, prefix string, n int) string {
	provider, start := job.DTS, ""
	if r.plan.listed { // a list plays all its jobs from one instant on
		provider, start = job.DTSMigration, " start"
	}
	for i := range n {
		r.keys = append(r.keys, job.Key{Provider: provider, Scope: region, ID: fmt.Sprintf("%s-%04d", prefix, i+1)})
	}
	return fmt.Sprintf("%s %s %s-%%04d x %d%s\n%s\n", provider, region, prefix, n, start, r.plan.story)
}

// watch watches all jobs, a few at a time, or the regions they are in.
func (r *rig) watch() {
	r.t.Helper()
	s := r.db.store(r.t, 0)
	if r.plan.listed {
		for _, region := range regions[:r.plan.regions] {
			if _, _, err := s.Discover(r.t.Context(), job.DTSMigration, region, job.DiscoveryChange{}); err != nil {
				r.t.Fatal(err)
			}
		}
		return
	}
	var some sync.WaitGroup
	for part := range 4 {
		some.Go(func() {
			for i := part; i < len(r.keys); i += 4 {
				if _, _, err := s.Watch(r.t.Context(), r.keys[i], job.Change{}); err != nil {
					r.t.Errorf("watch: %v", err)
					return
				}
			}
		})
	}
	some.Wait()
}

// start starts one function. The n-th talks to the n-th server.
func (r *rig) start() *scftest.Function {
	f := scftest.Start(r.t, r.binary, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.functions = append(r.functions, f)
	return f
}

const event = `{"Type":"Timer","TriggerName":"every-minute","Time":"2026-11-22T00:00:00Z","Message":""}`

// invoke calls a function as the platform's timer does. ok is false when the process is gone; what an
// invocation could not do at all is counted.
func (r *rig) invoke(f *scftest.Function, server int, limit time.Duration, id string) (report poller.Report, ok bool) {
	env := maps.Clone(r.env)
	env["MIGWATCH_DATABASE_URL"] = r.db.urls[server%len(r.db.urls)]
	answer, err := f.Invoke([]byte(event), env, time.Now().Add(limit), id)
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed *scftest.FunctionError
	switch {
	case errors.As(err, &failed):
		r.refused++
		r.texts = append(r.texts, failed.Error())
		return report, true
	case err != nil:
		return report, false
	}
	r.texts = append(r.texts, string(answer))
	if err := json.Unmarshal(answer, &report); err != nil || report.Recorded+report.Failed+report.Released+report.Lost != report.Claimed {
		r.wrong = append(r.wrong, string(answer))
	}
	r.answers++
	r.totals.add(report)
	return report, true
}

func (t *totals) add(p poller.Report) {
	t.claimed += p.Claimed
	t.recorded += p.Recorded
	t.changed += p.Changed
	t.failed += p.Failed
	t.released += p.Released
	t.lost += p.Lost
}

// together invokes n functions at once, again and again, until all jobs have been polled or the time
// is over, as overlapping timers do.
func (r *rig) together(n int, limit time.Duration) {
	r.t.Helper()
	functions := make([]*scftest.Function, n)
	for i := range functions {
		functions[i] = r.start()
		r.invoke(functions[i], i, 10*time.Second, "req-idle") // nothing is due: a cold start is not what is measured
	}
	r.watch()
	end := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(r.t.Context(), end)
	defer cancel()
	var all sync.WaitGroup
	for i, f := range functions {
		all.Go(func() {
			for turn := 0; time.Until(end) > 2*time.Second; turn++ {
				report, ok := r.invoke(f, i, time.Until(end), fmt.Sprintf("req-%d-%d", i, turn))
				if !ok {
					r.t.Errorf("function %d is gone: %s", i, f.Stderr())
					return
				}
				if report.Claimed == 0 && report.Due == 0 && int(r.up.polls()) >= len(r.keys) {
					return
				}
				select { // somebody else has what is left
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
}

// history gathers all that is known about the run. Nothing may run any more.
func (r *rig) history() history {
	r.t.Helper()
	h := history{limits: map[string]int{}, texts: map[string]string{}, secrets: append(r.up.secrets(), credential.ID), listed: r.plan.listed}
	for _, k := range r.keys {
		h.keys = append(h.keys, k.String())
		if h.limits[k.Budget()] = dtsLimit; k.Provider == job.WeChat {
			h.limits[k.Budget()] = wechatLimit
		}
	}
	h.stalls = r.up.stalls()
	for _, a := range r.up.arrivals() {
		k := job.Key{Provider: job.Provider(a.API), Scope: a.Scope, ID: a.ID}
		h.arrivals = append(h.arrivals, arrival{at: a.At, budget: k.Budget(), key: k.String(), verdict: a.Verdict, limited: a.Limited, requestID: a.RequestID})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range r.functions {
		h.texts[fmt.Sprintf("the output of function %d", i)] = f.Stdout() + f.Stderr()
	}
	h.texts["the answers"] = strings.Join(r.texts, "\n")
	h.reports, h.wrong = r.totals, r.wrong
	r.db.read(r.t, &h)
	return h
}

// judge fails the test for everything that is wrong with h.
func (r *rig) judge(h history) {
	r.t.Helper()
	found := check(h)
	for i, line := range found {
		if i == 20 {
			r.t.Errorf("… and %d more", len(found)-i)
			break
		}
		r.t.Error(line)
	}
}

package poller_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"migwatch/internal/job"
	"migwatch/internal/pace"
	"migwatch/internal/poller"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is an upstream for these tests: it waits at the gate and then does as told.
type upstream func(ctx context.Context, k job.Key) (job.Observation, error)

func (l upstream) Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error) {
	if err := gate(ctx); err != nil {
		return job.Observation{}, err
	}
	return l(ctx, j.Key)
}

// arrivals notes when polls came.
type arrivals struct {
	mu sync.Mutex
	at map[job.Key][]time.Time
}

func (a *arrivals) note(k job.Key) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = map[job.Key][]time.Time{}
	}
	a.at[k] = append(a.at[k], time.Now())
}

func (a *arrivals) polls(provider job.Provider) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, times := range a.at {
		if k.Provider == provider {
			n += len(times)
		}
	}
	return n
}

func running(context.Context, job.Key) (job.Observation, error) {
	return job.Observation{Phase: job.Running, Status: "running"}, nil
}

type rig struct {
	*store.Store
	opt  poller.Options
	log  *bytes.Buffer
	seen arrivals
}

// newRig watches n jobs of each provider in a database of its own.
func newRig(t *testing.T, n int) *rig {
	t.Helper()
	s, err := store.Open(secret.New("sqlite:"+filepath.Join(t.TempDir(), "p.db")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &rig{Store: s, log: &bytes.Buffer{}}
	for i := range n {
		for _, k := range []job.Key{{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-" + strconv.Itoa(i)}, {Provider: job.WeChat, Scope: "env", ID: strconv.Itoa(i + 1)}} {
			if _, _, err := s.Watch(t.Context(), k, job.Change{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.opt = poller.Options{
		Store: s, Rates: map[job.Provider]float64{job.DTS: 500, job.WeChat: 500},
		Timeout: time.Second, Lease: time.Minute, Reserve: time.Second, Log: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	r.upstreams(running, running)
	return r
}

// upstreams sets what polls meet.
func (r *rig) upstreams(dts, wechat upstream) {
	noted := func(l upstream) upstream {
		return func(ctx context.Context, k job.Key) (job.Observation, error) { r.seen.note(k); return l(ctx, k) }
	}
	r.opt.Upstreams = map[job.Provider]poller.Upstream{job.DTS: noted(dts), job.WeChat: noted(wechat)}
}

// tick runs one tick with a deadline and checks what holds for every tick.
func (r *rig) tick(t *testing.T, limit time.Duration) poller.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	report, err := poller.Tick(ctx, r.opt)
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Error("the tick outlived its deadline")
	}
	if sum := report.Recorded + report.Failed + report.Released + report.Lost; sum != report.Claimed {
		t.Errorf("%d polls of %d claimed: %+v", sum, report.Claimed, report)
	}
	sum, err := r.Summary(t.Context())
	if err != nil || sum.LastTick == nil || sum.LastTick.Claimed != report.Claimed || sum.LastTick.Due != report.Due {
		t.Errorf("the tick is remembered as %+v (%v), it was %+v", sum.LastTick, err, report)
	}
	return report
}

func TestTickLooksAtAllOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, 60)
	report := r.tick(t, 20*time.Second)
	if report.Claimed != 120 || report.Recorded != 120 || report.Changed != 120 || report.Due != 0 {
		t.Errorf("%+v", report)
	}
	for k, times := range r.seen.at {
		if len(times) != 1 {
			t.Errorf("%s was polled %d times", k, len(times))
		}
	}
	if again := r.tick(t, 20*time.Second); again.Claimed != 0 {
		t.Errorf("nothing is due, yet %+v", again)
	}
}

func TestTickKeepsThePace(t *testing.T) {
	t.Parallel()
	r := newRig(t, 45)
	r.opt.Rates = map[job.Provider]float64{job.DTS: 20, job.WeChat: 500}
	r.tick(t, 20*time.Second)
	var times []time.Time
	for k, at := range r.seen.at {
		if k.Provider == job.DTS {
			times = append(times, at...)
		}
	}
	for _, from := range times {
		n := 0
		for _, at := range times {
			if d := at.Sub(from); d >= 0 && d < time.Second {
				n++
			}
		}
		if n > 20 {
			t.Fatalf("%d polls in one second", n)
		}
	}
}

func TestHangingUpstreamKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20)
	r.upstreams(running, func(ctx context.Context, _ job.Key) (job.Observation, error) {
		<-ctx.Done()
		return job.Observation{}, &job.PollError{Kind: job.Transient, Code: "canceled", Err: ctx.Err()}
	})
	report := r.tick(t, 5*time.Second)
	if n := r.seen.polls(job.DTS); n != 20 || report.Recorded != 20 {
		t.Errorf("%d of 20 DTS jobs were polled: %+v", n, report)
	}
	if report.Failed == 0 {
		t.Errorf("no hanging poll was told of: %+v", report)
	}
	j, err := r.Job(t.Context(), job.Key{Provider: job.WeChat, Scope: "env", ID: "1"})
	if err != nil || j.Polling.LastError == nil || j.Polling.LastError.Code != "timeout" || j.Phase != job.Pending {
		t.Errorf("%+v, %v", j.Polling.LastError, err)
	}
}

func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	poison := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}
	r.upstreams(func(_ context.Context, k job.Key) (job.Observation, error) {
		if k == poison {
			panic("canary-in-a-panic")
		}
		return running(nil, k) //nolint:staticcheck // it uses no context
	}, running)
	report := r.tick(t, 10*time.Second)
	if report.Recorded != 5 || report.Failed != 1 {
		t.Errorf("%+v", report)
	}
	j, err := r.Job(t.Context(), poison)
	if err != nil || j.Polling.LastError == nil || j.Polling.LastError.Kind != job.Invalid || j.Polling.NextAt.Sub(*j.Polling.LastAttemptAt) < time.Hour {
		t.Errorf("%+v, %v", j.Polling, err)
	}
	if bytes.Contains(r.log.Bytes(), []byte("canary-in-a-panic")) {
		t.Error("the log shows what the panic held")
	}
}

func TestShortDeadlineGivesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, 50)
	r.opt.Rates = map[job.Provider]float64{job.DTS: 10, job.WeChat: 10}
	r.opt.Reserve = 3 * time.Second
	report := r.tick(t, 2*time.Second)
	if report.Recorded == 0 || report.Due == 0 || report.Lost != 0 {
		t.Errorf("%+v", report)
	}
	if report.Due+report.Recorded != 100 {
		t.Errorf("%d due and %d recorded of 100: %+v", report.Due, report.Recorded, report)
	}
}

func TestRefusalSlowsTheBudget(t *testing.T) {
	t.Parallel()
	r := newRig(t, 30)
	refuse := func(context.Context, job.Key) (job.Observation, error) {
		return job.Observation{}, &job.PollError{Kind: job.Throttled, Code: "45011", RetryAfter: time.Minute}
	}
	r.upstreams(running, refuse)
	r.opt.Rates = map[job.Provider]float64{job.DTS: 500, job.WeChat: 5}
	report := r.tick(t, 10*time.Second)
	if n := r.seen.polls(job.WeChat); n > 4 || n == 0 {
		t.Errorf("%d polls after the refusal, %+v", n, report)
	}
	if report.Recorded != 30 {
		t.Errorf("DTS was slowed down too: %+v", report)
	}
	before := r.seen.polls(job.WeChat)
	if again := r.tick(t, 5*time.Second); r.seen.polls(job.WeChat) != before || again.Due < 26 {
		t.Errorf("the next tick does not know: %+v", again)
	}
}

func TestNarrowRefusalSlowsNobodyElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10)
	r.upstreams(running, func(_ context.Context, k job.Key) (job.Observation, error) {
		if k.ID == "1" {
			return job.Observation{}, &job.PollError{Kind: job.Throttled, Code: "-501003", RetryAfter: time.Minute, Narrow: true}
		}
		return job.Observation{Phase: job.Running, Status: "reading"}, nil
	})
	if report := r.tick(t, 10*time.Second); report.Recorded != 19 || report.Failed != 1 {
		t.Errorf("%+v", report)
	}
}

// twice makes two calls in one poll, as a client does that meets an expired token.
type twice struct{ first func() }

func (l twice) Poll(ctx context.Context, _ job.Job, gate func(context.Context) error) (job.Observation, error) {
	for range 2 {
		if err := gate(ctx); err != nil {
			return job.Observation{}, err
		}
		l.first()
	}
	return job.Observation{Phase: job.Running, Status: "reading"}, nil
}

func TestSecondCallPaysForItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5)
	var calls, paid atomic.Int64
	r.opt.Upstreams[job.DTS] = twice{func() { calls.Add(1) }}
	r.broken().reserve = func(_ context.Context, n int, ask func(int) (pace.Slots, error)) (pace.Slots, error) {
		slots, err := ask(n)
		paid.Add(int64(slots.N))
		return slots, err
	}
	if report := r.tick(t, 10*time.Second); report.Recorded != 5 || calls.Load() != 10 || paid.Load() < 10 {
		t.Errorf("%d calls for %d slots: %+v", calls.Load(), paid.Load(), report)
	}
}

// slow comes to the gate long after its slot.
type slow struct{}

func (slow) Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error) {
	time.Sleep(600 * time.Millisecond)
	if err := gate(ctx); err != nil {
		return job.Observation{}, err
	}
	return running(ctx, j.Key)
}

func TestMissedSlotIsReservedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, 6)
	r.opt.Upstreams[job.WeChat] = slow{}
	r.opt.Timeout = 5 * time.Second
	if report := r.tick(t, 15*time.Second); report.Recorded != 12 {
		t.Errorf("%+v", report)
	}
}

func TestCancelledTickKeepsWhatItSaw(t *testing.T) {
	t.Parallel()
	r := newRig(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	r.opt.Rates = map[job.Provider]float64{job.DTS: 5, job.WeChat: 5}
	r.opt.Store = &faulty{Store: r.opt.Store, record: func([]job.Outcome) { cancel() }} // while others are under way
	report, err := poller.Tick(ctx, r.opt)
	if err != nil || report.Recorded == 0 || report.Recorded == 40 || report.Lost != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if sum := report.Recorded + report.Failed + report.Released; sum != report.Claimed {
		t.Errorf("%+v", report)
	}
}

func TestNoDatabaseIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := poller.Tick(t.Context(), r.opt)
	if err == nil || report.Claimed != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("it waited")
	}
}

package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"migwatch/internal/job"
	"migwatch/internal/metrics"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// filled is a store after a little of everything.
func filled(t testing.TB) *store.Store {
	t.Helper()
	ctx := context.Background()
	s, err := store.Open(secret.New("sqlite:"+filepath.Join(t.TempDir(), "m.db")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	see := func(k job.Key, seen *job.Observation, failure error) {
		t.Helper()
		if _, _, err := s.Watch(ctx, k, job.Change{}); err != nil {
			t.Fatal(err)
		}
		claims, err := s.Claim(ctx, k.Budget(), 1, time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		if _, err := s.Record(ctx, []job.Outcome{job.Settle(claims[0], seen, failure, claims[0].At)}); err != nil {
			t.Fatal(err)
		}
	}
	see(job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}, &job.Observation{Phase: job.Running, Status: "running"}, nil)
	see(job.Key{Provider: job.WeChat, Scope: "env-1", ID: "1"}, &job.Observation{Phase: job.Succeeded, Status: "success"}, nil)
	see(job.Key{Provider: job.WeChat, Scope: "env-1", ID: "2"}, nil, &job.PollError{Kind: job.Quota, Code: "45009"})
	for id, seconds := range map[string]int64{"dts-3": 7, "dts-4": 2} {
		see(job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: id}, &job.Observation{Phase: job.ActionRequired, Status: "readyComplete", About: &job.About{Lag: &job.Lag{Seconds: &seconds}}}, nil)
	}
	if err := errors.Join(s.Notice(ctx, 0, 0), s.KeepSinks(ctx, []job.Sink{{ID: "aaaaaaaaa", Kind: "wecom", Name: "ops"}, {ID: "bbbbbbbbb", Kind: "wecom", Name: "ops"}})); err != nil {
		t.Fatal(err)
	}
	see(job.Key{Provider: job.WeChat, Scope: "env-1", ID: "3"}, &job.Observation{Phase: job.Succeeded, Status: "success"}, nil)
	paused := true
	if _, _, err := s.Watch(ctx, job.Key{Provider: job.DTS, Scope: "ap-beijing", ID: "dts-2"}, job.Change{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.RememberTick(ctx, job.Tick{Claimed: 6, Recorded: 3, Changed: 2, Failed: 1, Released: 1, Lost: 1, Due: 4}, 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Push(ctx, "wechat", time.Hour, job.Quota); err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t testing.TB, open func(context.Context) (metrics.Store, error)) (int, string, http.Header) {
	t.Helper()
	srv := httptest.NewServer(metrics.New(metrics.Options{
		Open: open, Version: "v1.2.3", Now: time.Now, Refused: func() metrics.Refused { return metrics.Refused{Keys: 7, Pushes: 2} },
	}))
	defer srv.Close()
	res, err := http.Get(srv.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

func scrape(t testing.TB) string {
	t.Helper()
	s := filled(t)
	status, body, header := serve(t, func(context.Context) (metrics.Store, error) { return s, nil })
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %s\n%s", status, header.Get("Content-Type"), body)
	}
	return body
}

func parse(t testing.TB, body string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value is the one metric of a family that has these labels, or fails.
func value(t testing.TB, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range families[name].GetMetric() {
		var have []string
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName()+"="+l.GetValue())
		}
		if slices.Equal(have, labels) {
			if families[name].GetType() == dto.MetricType_COUNTER {
				return m.GetCounter().GetValue()
			}
			return m.GetGauge().GetValue()
		}
	}
	t.Errorf("no %s %v", name, labels)
	return -1
}

func TestScrape(t *testing.T) {
	families := parse(t, scrape(t))
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"migwatch_build_info", []string{"version=v1.2.3"}, 1},
		{"migwatch_jobs", []string{"phase=running", "provider=dts"}, 1},
		{"migwatch_jobs", []string{"phase=pending", "provider=dts"}, 1},
		{"migwatch_jobs", []string{"phase=succeeded", "provider=wechat"}, 2},
		{"migwatch_jobs", []string{"phase=missing", "provider=dts"}, 0},
		{"migwatch_jobs", []string{"phase=action_required", "provider=dts-migration"}, 2},
		{"migwatch_lag_seconds", []string{"provider=dts-migration", "scope=ap-shanghai"}, 7},
		{"migwatch_troubles", []string{"kind=quota", "provider=wechat", "scope="}, 1},
		{"migwatch_sink_behind_events", []string{"kind=wecom", "name=ops"}, 1},
		{"migwatch_sink_behind_events", []string{"kind=wecom", "name=ops-bbbbbbbb"}, 1},
		{"migwatch_sink_failures", []string{"kind=wecom", "name=ops"}, 0},
		{"migwatch_sink_stopped", []string{"kind=wecom", "name=ops"}, 0},
		{"migwatch_sink_told_events_total", []string{"kind=wecom", "name=ops"}, 0},
		{"migwatch_sink_dropped_events_total", []string{"kind=wecom", "name=ops"}, 0},
		{"migwatch_paused_jobs", nil, 1},
		{"migwatch_overdue_jobs", nil, 0},
		{"migwatch_failing_jobs", []string{"kind=quota"}, 1},
		{"migwatch_failing_jobs", []string{"kind=throttled"}, 0},
		{"migwatch_longest_due_seconds", nil, 0},
		{"migwatch_last_tick_duration_seconds", nil, 1.5},
		{"migwatch_last_tick_jobs", []string{"result=lost"}, 1},
		{"migwatch_last_tick_due_jobs", nil, 4},
		{"migwatch_ticks_total", nil, 2},
		{"migwatch_claimed_jobs_total", []string{"result=recorded"}, 6},
		{"migwatch_changed_looks_total", nil, 4},
		{"migwatch_budget_pushes_total", []string{"budget=wechat"}, 1},
		{"migwatch_budget_pushes_total", []string{"budget=dts/ap-shanghai"}, 0},
		{"migwatch_budget_pushed_seconds", []string{"budget=dts/ap-shanghai"}, 0},
	} {
		if got := value(t, families, want.name, want.labels...); got != want.value {
			t.Errorf("%s %v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	if left := value(t, families, "migwatch_budget_pushed_seconds", "budget=wechat"); left < 3500 || left > 3600 {
		t.Errorf("wechat is held back for %v s", left)
	}
	for _, name := range []string{"migwatch_oldest_look_timestamp_seconds", "migwatch_last_tick_timestamp_seconds"} {
		if ago := float64(time.Now().Unix()) - value(t, families, name); ago < -5 || ago > 60 {
			t.Errorf("%s is %v s ago", name, ago)
		}
	}
	for name := range families {
		if !strings.HasPrefix(name, "migwatch_") {
			t.Errorf("%s is not ours", name)
		}
	}
}

func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestStoreFails(t *testing.T) {
	canary := errors.New("dial tcp: password canary-5813")
	for name, open := range map[string]func(context.Context) (metrics.Store, error){
		"open": func(context.Context) (metrics.Store, error) { return nil, canary },
		"read": func(context.Context) (metrics.Store, error) { return broken{canary}, nil },
	} {
		status, body, header := serve(t, open)
		if status != http.StatusServiceUnavailable || strings.Contains(body, "canary") || header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
}

type broken struct{ err error }

func (b broken) Stats(context.Context) (job.Stats, error) { return job.Stats{}, b.err }

// TestDeployFilesKnowTheNames: dashboards and alert rules ask for metrics and labels that there are.
func TestDeployFilesKnowTheNames(t *testing.T) {
	families := parse(t, scrape(t))
	word := regexp.MustCompile(`migwatch_[a-z_]+`)
	label := regexp.MustCompile(`\b(provider|phase|kind|result|budget|version)\s*(=~|!~|!=|=)\s*\\?"([^"\\]*)`)
	files, err := filepath.Glob("../../deploy/*/*")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		if !strings.Contains(file, "grafana") && !strings.Contains(file, "prometheus") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range word.FindAllString(string(text), -1) {
			checked++
			if families[name] == nil {
				t.Errorf("%s asks for %s, which is no metric", file, name)
			}
		}
		for _, m := range label.FindAllStringSubmatch(string(text), -1) {
			if !knownValue(m[1], m[3]) {
				t.Errorf("%s asks for %s, which is never so", file, m[0])
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d names were found in %v", checked, files)
	}
}

func knownValue(label, value string) bool {
	var known []string
	switch label {
	case "provider":
		known = []string{"wechat", "dts", "dts-migration", "dts-sync"}
	case "phase":
		for _, p := range job.Phases {
			known = append(known, string(p))
		}
	case "kind":
		for _, k := range job.Kinds {
			known = append(known, string(k))
		}
	case "result":
		known = []string{"recorded", "failed", "released", "lost"}
	default:
		return true
	}
	for _, v := range strings.Split(value, "|") {
		if !slices.Contains(known, v) && !strings.HasPrefix(v, "$") {
			return false
		}
	}
	return true
}

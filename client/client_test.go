package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/client"
	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/scf"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

const (
	adminKey = "mwk_admin-key-for-tests"
	readKey  = "mwk_read-key-for-tests-"
	fileURL  = "https://files.example.com/export.json?q-sign-time=1;2&q-signature=0123456789abcdef"
)

// rig is the real API over a real store.
type rig struct {
	t      *testing.T
	store  *store.Store
	server *httptest.Server
	admin  *client.Client
	read   *client.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	url := "sqlite:" + filepath.Join(t.TempDir(), "test.db")
	encryption := secret.GenerateEncryptionKey()
	ring, err := secret.NewKeyring([]secret.Text{encryption})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(secret.New(url), store.Options{Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &api.Server{Log: app.NewLog(io.Discard), Place: config.Local}
	handler := s.Handler(map[string]string{
		"MIGWATCH_DATABASE_URL": url, "MIGWATCH_ADMIN_KEYS": adminKey, "MIGWATCH_READ_KEYS": readKey,
		"MIGWATCH_ENCRYPTION_KEYS": encryption.Reveal(),
	})
	r := &rig{t: t, store: db, server: httptest.NewServer(http.StripPrefix("/base", scf.Host{}.Wrap(handler)))}
	t.Cleanup(func() {
		r.server.Close()
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	r.admin, r.read = r.client(adminKey), r.client(readKey)
	return r
}

func (r *rig) client(key string) *client.Client {
	r.t.Helper()
	c, err := client.New(r.server.URL+"/base/", key, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// sees records a poll of a job that is due, as a tick would.
func (r *rig) sees(k client.Key, looks ...job.Observation) {
	r.t.Helper()
	ctx, key := r.t.Context(), job.Key{Provider: job.Provider(k.Provider), Scope: k.Scope, ID: k.JobID}
	for _, seen := range looks {
		if _, err := r.store.PollNow(ctx, key); err != nil {
			r.t.Fatal(err)
		}
		var mine []job.Claim
		claims, err := r.store.Claim(ctx, key.Budget(), 100, time.Minute)
		for _, c := range claims {
			if c.Job.Key == key {
				mine = append(mine, c)
			}
		}
		if err != nil || len(mine) != 1 {
			r.t.Fatalf("claimed %d, %v", len(mine), err)
		}
		now, err := r.store.Now(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		recorded, err := r.store.Record(ctx, []job.Outcome{job.Settle(mine[0], &seen, nil, now)})
		if err != nil || !recorded[0] {
			r.t.Fatalf("recorded %v, %v", recorded, err)
		}
		if _, err := r.store.Release(ctx, claims); err != nil {
			r.t.Fatal(err)
		}
	}
}

func n(i int64) *int64 { return &i }

var (
	dtsJob    = client.Key{Provider: client.DTS, Scope: "ap-shanghai", JobID: "dts-1kl0iy0v"}
	wechatJob = client.Key{Provider: client.WeChat, Scope: "test2-4a89da", JobID: "100071736"}
)

func collect[T any](t *testing.T, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	seq(func(v T, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
		return true
	})
	return all
}

func TestJobsLife(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	label := "orders, \"客户\""
	j, created, err := r.admin.Watch(ctx, dtsJob, client.Change{Label: &label})
	if err != nil || !created || j.Key() != dtsJob || j.Label != label || j.Phase != client.Pending || j.Latest != nil || j.Polling.NextAt == nil {
		t.Fatalf("%+v, %v, %v", j, created, err)
	}
	if j.WatchedAt.Location() != time.UTC || time.Since(j.WatchedAt).Abs() > time.Minute {
		t.Errorf("watched at %v", j.WatchedAt)
	}
	paused := true
	if j, created, err = r.admin.Watch(ctx, dtsJob, client.Change{Paused: &paused}); err != nil || created || !j.Paused || j.Label != label {
		t.Fatalf("%+v, %v, %v", j, created, err)
	}
	if _, err := r.admin.PollNow(ctx, dtsJob); client.Code(err) != client.CodeJobPaused {
		t.Errorf("a paused job: %v", err)
	}
	paused = false
	if _, _, err = r.admin.Watch(ctx, dtsJob, client.Change{Paused: &paused}); err != nil {
		t.Fatal(err)
	}
	if j, err = r.admin.PollNow(ctx, dtsJob); err != nil || j.Paused {
		t.Errorf("%+v, %v", j, err)
	}
	if err := r.admin.Unwatch(ctx, dtsJob); err != nil {
		t.Fatal(err)
	}
	_, err = r.admin.Job(ctx, dtsJob)
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusNotFound || p.Code != client.CodeJobNotFound || p.RequestID == "" || p.Title != "Not Found" {
		t.Errorf("%#v", err)
	}
}

func TestWhatWasSeen(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	for _, k := range []client.Key{dtsJob, wechatJob} {
		if _, _, err := r.admin.Watch(ctx, k, client.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	running := job.Observation{Phase: job.Running, Status: "running", Progress: n(40), RequestID: "r1"}
	r.sees(dtsJob, running, running, job.Observation{Phase: job.Failed, Status: "finished", Progress: n(100), CheckFlag: n(0), ErrorCode: n(-1), Message: "a,b\n\"c\"", RequestID: "r2"})
	r.sees(wechatJob, job.Observation{Phase: job.Succeeded, Status: "success", RecordsSucceeded: n(3), RecordsFailed: n(0),
		File: &job.File{URL: secret.New(fileURL), ExpiresAt: time.Now().Add(time.Hour)}})

	j, err := r.read.Job(ctx, dtsJob)
	if err != nil {
		t.Fatal(err)
	}
	if j.Phase != client.Failed || !j.Final || j.Latest == nil || j.Latest.Seq != 2 || *j.Latest.CheckFlag != 0 || *j.Latest.ErrorCode != -1 || j.Latest.RecordsFailed != nil {
		t.Errorf("%+v %+v", j, j.Latest)
	}
	history := collect(t, r.read.History(ctx, dtsJob, client.Span{Ascending: true, PageSize: 1}))
	if len(history) != 2 || history[0].Observations != 2 || history[1].Message != "a,b\n\"c\"" || history[0].Seq != 1 {
		t.Errorf("%+v", history)
	}
	if before := collect(t, r.read.History(ctx, dtsJob, client.Span{Until: history[0].FirstObservedAt})); len(before) != 0 {
		t.Errorf("before the first poll: %+v", before)
	}
	events := collect(t, r.read.Events(ctx, client.EventFilter{PageSize: 1}))
	if len(events) != 3 || events[0].From != client.Pending || events[1].To != client.Failed || events[2].Key() != wechatJob {
		t.Errorf("%+v", events)
	}
	if more := collect(t, r.read.Events(ctx, client.EventFilter{After: events[2].ID})); len(more) != 0 {
		t.Errorf("after the last: %+v", more)
	}
	s, err := r.read.Summary(ctx)
	if err != nil || s.Watched != 2 || s.Jobs[client.DTS][client.Failed] != 1 || s.LastTick != nil {
		t.Errorf("%+v, %v", s, err)
	}
	for key, want := range map[*client.Client]bool{r.admin: true, r.read: false} {
		j, err := key.Job(ctx, wechatJob)
		if err != nil || j.File == nil || !j.File.Available || (j.File.URL != nil) != want {
			t.Errorf("file of admin %v: %+v, %v", want, j.File, err)
		}
	}
}

func TestPagesAndFilters(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	var want []string
	for i := range 7 {
		k := client.Key{Provider: client.DTS, Scope: "ap-beijing", JobID: fmt.Sprintf("dts-%d", i)}
		if _, _, err := r.admin.Watch(ctx, k, client.Change{}); err != nil {
			t.Fatal(err)
		}
		want = append(want, k.String())
	}
	if _, _, err := r.admin.Watch(ctx, wechatJob, client.Change{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range collect(t, r.read.Jobs(ctx, client.JobFilter{Scope: "ap-beijing", PageSize: 3, Phases: []client.Phase{client.Pending, client.Running}})) {
		got = append(got, j.Key().String())
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := collect(t, r.read.Jobs(ctx, client.JobFilter{Provider: client.WeChat, Query: "7173"})); len(got) != 1 || got[0].Key() != wechatJob {
		t.Errorf("%+v", got)
	}
	seen := 0
	for range r.read.Jobs(ctx, client.JobFilter{PageSize: 2}) {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("broke off after %d", seen)
	}
	var p *client.Problem
	if _, err := r.read.JobsPage(ctx, client.JobFilter{PageSize: 501}, ""); !errors.As(err, &p) || p.Code != client.CodeInvalid || len(p.Errors) != 1 || p.Errors[0].Location != "query.limit" {
		t.Errorf("%#v", err)
	}
}

func TestETag(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	if _, _, err := r.admin.Watch(ctx, dtsJob, client.Change{}); err != nil {
		t.Fatal(err)
	}
	j, tag, changed, err := r.read.JobIfChanged(ctx, dtsJob, "")
	if err != nil || !changed || tag == "" || j.Key() != dtsJob {
		t.Fatalf("%+v %q %v %v", j, tag, changed, err)
	}
	if j, again, changed, err := r.read.JobIfChanged(ctx, dtsJob, tag); err != nil || changed || again != tag || j.JobID != "" {
		t.Errorf("%+v %q %v %v", j, again, changed, err)
	}
	r.sees(dtsJob, job.Observation{Phase: job.Running, Status: "running"})
	if j, again, changed, err := r.read.JobIfChanged(ctx, dtsJob, tag); err != nil || !changed || again == tag || j.Phase != client.Running {
		t.Errorf("%+v %q %v %v", j, again, changed, err)
	}
}

func TestExports(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	if _, _, err := r.admin.Watch(ctx, dtsJob, client.Change{}); err != nil {
		t.Fatal(err)
	}
	var empty bytes.Buffer
	if err := r.read.HistoryCSV(ctx, dtsJob, client.Span{}, &empty); err != nil || strings.Count(empty.String(), "\n") != 1 {
		t.Errorf("nothing seen: %q, %v", empty.String(), err)
	}
	for i := range int64(5) {
		r.sees(dtsJob, job.Observation{Phase: job.Running, Status: "running", Progress: &i, Message: "line\nbreak"})
	}
	var csv, all, nd bytes.Buffer
	for _, err := range []error{
		r.read.HistoryCSV(ctx, dtsJob, client.Span{PageSize: 2}, &csv),
		r.read.HistoryCSV(ctx, dtsJob, client.Span{}, &all),
		r.read.HistoryNDJSON(ctx, dtsJob, client.Span{PageSize: 2}, &nd),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(all.String(), csv.String()); diff != "" {
		t.Error(diff)
	}
	if strings.Count(csv.String(), "seq,phase") != 1 || strings.Count(nd.String(), "\n") != 5 {
		t.Errorf("%s\n%s", csv.String(), nd.String())
	}
}

func TestService(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	c := r.client("")
	if h, err := c.Health(ctx); err != nil || h.Status != "ok" || h.Version == "" {
		t.Errorf("%+v, %v", h, err)
	}
	if err := c.Ready(ctx); err != nil {
		t.Error(err)
	}
	if doc, err := c.OpenAPI(ctx); err != nil || !bytes.Contains(doc, []byte(`"3.1.0"`)) {
		t.Errorf("%.60s, %v", doc, err)
	}
	for key, want := range map[string]string{"": client.CodeUnauthorized, "mwk_somebody-elses-key": client.CodeUnauthorized, readKey: client.CodeForbidden} {
		if err := r.client(key).Unwatch(ctx, dtsJob); client.Code(err) != want {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

// The types write what the server wrote: what the command prints is what the API says.
func TestJSONComesBack(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	if _, _, err := r.admin.Watch(ctx, wechatJob, client.Change{}); err != nil {
		t.Fatal(err)
	}
	r.sees(wechatJob, job.Observation{Phase: job.Partial, Status: "success", RecordsSucceeded: n(3), RecordsFailed: n(1),
		File: &job.File{URL: secret.New(fileURL), ExpiresAt: time.Now().Add(time.Hour).Truncate(time.Minute)}})
	if err := r.store.RememberTick(ctx, job.Tick{Claimed: 1, Recorded: 1}, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.admin.Watch(ctx, dtsJob, client.Change{}); err != nil {
		t.Fatal(err)
	}
	claims, err := r.store.Claim(ctx, "dts/ap-shanghai", 1, time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	if _, err := r.store.Record(ctx, []job.Outcome{job.Settle(claims[0], nil, &job.PollError{Kind: job.Forbidden, Code: "no"}, claims[0].At)}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.store.Notice(ctx, 0, 0), r.store.KeepSinks(ctx, []job.Sink{{ID: "a", Version: "a", Kind: "wecom", Name: "ops", Filter: job.SinkFilter{On: []string{"failed"}, Scope: "env-1"}}})); err != nil {
		t.Fatal(err)
	}
	for path, v := range map[string]any{
		"/v1/sinks": new(client.Page[client.Sink]), "/v1/events?type=trouble": new(client.Page[client.Event]),
		"/v1/jobs/" + wechatJob.String(): new(client.Job), "/v1/jobs": new(client.Page[client.Job]), "/v1/summary": new(client.Summary),
		"/v1/jobs/" + wechatJob.String() + "/history": new(client.Page[client.Snapshot]), "/v1/events": new(client.Page[client.Event]),
	} {
		body := r.get(ctx, path)
		if err := json.Unmarshal(body, v); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var a, b map[string]any
		if err := errors.Join(json.Unmarshal(body, &a), json.Unmarshal(again, &b)); err != nil {
			t.Fatal(err)
		}
		delete(a, "next_cursor")
		delete(b, "next_cursor")
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// A time whose milliseconds end in 0 keeps all three, which time.Time alone would cut.
func TestTimesKeepMilliseconds(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 0, 0, 130_000_000, time.FixedZone("UTC+8", 8*60*60))
	for _, v := range []any{client.Job{WatchedAt: at, ChangedAt: at, CreatedAt: &at, StartedAt: &at, EndedAt: &at, ETA: &at}, client.Lag{At: at}, client.Discovery{WatchedAt: at, LastSweepAt: &at},
		client.Snapshot{FirstObservedAt: at, LastObservedAt: at}, client.File{ExpiresAt: &at}, client.Polling{NextAt: &at, LastAttemptAt: &at}, client.Failure{At: at}, client.Event{At: at},
		client.Summary{OldestDueAt: &at}, client.Tick{StartedAt: at, FinishedAt: at}, client.Trouble{Since: at, OpenedAt: at},
		client.Sink{FailingSince: &at, NextAt: &at, LastSentAt: &at, LastSeenAt: at},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "2026-11-26T02:00:00.130Z"); n == 0 || n != strings.Count(string(b), "2026-11-26") {
			t.Errorf("%T: %s", v, b)
		}
	}
}

func (r *rig) get(ctx context.Context, path string) []byte {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.server.URL+"/base"+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
	return b
}

package notify_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to turn the clock of rows

	"migwatch/internal/job"
	"migwatch/internal/notify"
	"migwatch/internal/notify/notifytest"
	"migwatch/internal/secret"
	"migwatch/internal/sink"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// rig is a teller over a real store and strict receivers.
type rig struct {
	*notify.Teller
	t     testing.TB
	store *store.Store
	raw   *sql.DB
	sinks *notifytest.Receiver
	log   *bytes.Buffer
}

func newRig(t testing.TB, kinds ...string) *rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.db")
	s, err := store.Open(secret.New("sqlite:"+path), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	r := &rig{t: t, store: s, raw: raw, sinks: notifytest.New(t), log: &bytes.Buffer{}}
	var urls []string
	for _, kind := range kinds {
		urls = append(urls, r.sinks.URL(kind, "&on=all"))
	}
	list, wrong := sink.Parse(secret.New(strings.Join(urls, " ")))
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	r.Teller = &notify.Teller{Store: s, Client: client(""), Sinks: list, Lease: time.Minute, Log: slog.New(slog.NewTextHandler(r.log, nil))}
	r.Keep(t.Context())
	return r
}

func (r *rig) exec(statement string, args ...any) {
	r.t.Helper()
	if _, err := r.raw.ExecContext(r.t.Context(), statement, args...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) state() job.SinkState {
	r.t.Helper()
	list, err := r.store.Sinks(r.t.Context())
	if err != nil || len(list) == 0 {
		r.t.Fatal(list, err)
	}
	return list[0]
}

// TestManyEventsAtOnce: however many happen at once, no service is asked faster than it allows, chats get digests, and
// in the end everybody has had everything.
func TestManyEventsAtOnce(t *testing.T) {
	const events = 1000 // a pager takes them one by one, at its rate: it has a test of its own
	r := newRig(t, "webhook", "wecom", "dingtalk", "feishu", "lark", "slack", "mail")
	storetest.Happen(t, r.store, events)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := r.Tell(ctx)
	list, err := r.store.Sinks(t.Context())
	if err != nil || len(list) != 7 || told != 7*events {
		t.Fatalf("%d told, %+v, %v", told, list, err)
	}
	for _, k := range list {
		if k.Behind != 0 || k.Failures != 0 || k.Told != events {
			t.Errorf("%+v", k)
		}
		want := (events + 499) / 500
		if k.Kind == "webhook" {
			want = events
		}
		if got := r.sinks.Got(k.Kind); len(got) != want || r.sinks.Asked(k.Kind) != want {
			t.Errorf("%s got %d messages in %d calls, want %d", k.Kind, len(got), r.sinks.Asked(k.Kind), want)
		}
	}
	for n, g := range r.sinks.Got("webhook") {
		if g.ID != fmt.Sprintf("migwatch_%d", n+1) {
			t.Fatalf("event %d came as %s", n+1, g.ID)
		}
	}
}

// TestSinkThatRefusesForAnHour is tried again ever less often, and then has everything, in order.
func TestSinkThatRefusesForAnHour(t *testing.T) {
	r := newRig(t, "webhook")
	storetest.Happen(t, r.store, 20)
	r.sinks.Answer = func(string) (int, string, http.Header) { return http.StatusServiceUnavailable, "under repair", nil }
	for n, want := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if told := r.Tell(t.Context()); told != 0 {
			t.Errorf("%d told", told)
		}
		k := r.state()
		if k.Failures != int64(n)+1 || k.NextAt == nil || k.FailingSince == nil || k.Error != "503 under repair" || k.Behind != 20 {
			t.Fatalf("%+v", k)
		}
		if wait := time.Until(*k.NextAt); wait < want-2*time.Second || wait > want {
			t.Errorf("failure %d is tried again after %v, want %v", n+1, wait, want)
		}
		if asked := r.sinks.Asked("webhook"); r.Tell(t.Context()) != 0 || r.sinks.Asked("webhook") != asked {
			t.Error("it was asked before its time")
		}
		r.exec(`UPDATE sinks SET next_at = 0`)
	}
	r.sinks.Answer = nil
	if told := r.Tell(t.Context()); told != 20 {
		t.Errorf("%d told", told)
	}
	got := r.sinks.Got("webhook")
	for n, g := range got {
		if g.ID != fmt.Sprintf("migwatch_%d", n+1) {
			t.Errorf("message %d is %s", n, g.ID)
		}
	}
	if k := r.state(); len(got) != 20 || k.Failures != 0 || k.FailingSince != nil || k.Error != "" || k.Dropped != 0 {
		t.Errorf("%d came, %+v", len(got), k)
	}
}

// TestWhatIsGivenUp: a sink that is gone is asked once, one message that is refused is dropped at the third time, and after
// three days of failing what is that old is dropped; each is counted or told.
func TestWhatIsGivenUp(t *testing.T) {
	r := newRig(t, "webhook")
	storetest.Happen(t, r.store, 2)
	r.sinks.Answer = func(string) (int, string, http.Header) { return http.StatusGone, "", nil }
	for range 3 {
		r.Tell(t.Context())
		r.exec(`UPDATE sinks SET next_at = 0`)
	}
	if k := r.state(); !k.Stopped || r.sinks.Asked("webhook") != 1 || k.Behind != 2 || !strings.Contains(r.log.String(), "a sink is stopped") {
		t.Errorf("asked %d times, %+v", r.sinks.Asked("webhook"), k)
	}

	r = newRig(t, "slack")
	storetest.Happen(t, r.store, 2)
	r.sinks.Answer = func(string) (int, string, http.Header) { return http.StatusBadRequest, "invalid_payload", nil }
	for range 3 {
		r.Tell(t.Context())
		r.exec(`UPDATE sinks SET next_at = 0`)
	}
	if k := r.state(); k.Stopped || k.Dropped != 1 || k.Behind != 1 || k.Failures != 0 || !strings.Contains(r.log.String(), "events were given up") {
		t.Errorf("%+v", k)
	}

	r = newRig(t, "wecom")
	storetest.Happen(t, r.store, 3)
	day := (24 * time.Hour).Milliseconds()
	r.exec(`UPDATE events SET at = at - ? WHERE id < 3`, 4*day)
	r.sinks.Answer = func(string) (int, string, http.Header) { return http.StatusBadGateway, "", nil }
	r.Tell(t.Context())
	if k := r.state(); k.Dropped != 0 || k.Behind != 3 {
		t.Errorf("dropped after one failure: %+v", k)
	}
	r.exec(`UPDATE sinks SET next_at = 0, failing_since = failing_since - ?`, 3*day)
	r.Tell(t.Context())
	if k := r.state(); k.Dropped != 2 || k.Behind != 1 || k.Failures != 2 {
		t.Errorf("%+v", k)
	}
}

// TestSinkThatHangs keeps nobody else waiting, and no longer than the time there is; that is no failure of its.
func TestSinkThatHangs(t *testing.T) {
	r := newRig(t, "webhook", "slack")
	storetest.Happen(t, r.store, 3)
	over := make(chan struct{})
	defer close(over)
	r.sinks.Answer = func(kind string) (int, string, http.Header) {
		if kind == "webhook" {
			<-over
		}
		return 0, "", nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if told := r.Tell(ctx); told != 3 || len(r.sinks.Got("slack")) != 3 {
		t.Errorf("%d told, Slack got %d", told, len(r.sinks.Got("slack")))
	}
	list, err := r.store.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range list {
		if k.Kind == "webhook" && (k.Failures != 0 || k.Behind != 3) {
			t.Errorf("%+v", k)
		}
	}
}

// BenchmarkTell is ten thousand events for a webhook, one by one, against as many bare POSTs of the same size.
func BenchmarkTell(b *testing.B) {
	const events = 10_000
	for b.Loop() {
		r := newRig(b, "webhook", "mail")
		storetest.Happen(b, r.store, events)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		if told := r.Tell(b.Context()); told != 2*events {
			b.Fatalf("%d told", told)
		}
		took := time.Since(began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		body := r.sinks.Got("webhook")[0].Text
		began = time.Now()
		for range events {
			resp, err := server.Client().Post(server.URL, "application/json", strings.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		bare := time.Since(began)
		server.Close()
		b.Logf("%d events in %v, %v each; a bare POST %v; %d KB of heap more, of which the receiver keeps %d KB of texts; %d mails", events, took.Round(time.Millisecond),
			took/events, bare/events, kept>>10, events*len(body)>>10, len(r.sinks.Got("mail")))
	}
}

// TestSinkIsNotBegunTooLate has too little time for a sending, an hour after the last one: it waits for the next tick.
func TestSinkIsNotBegunTooLate(t *testing.T) {
	for _, kind := range []string{"webhook", "wecom"} {
		r := newRig(t, kind)
		storetest.Happen(t, r.store, 1)
		if told := r.Tell(t.Context()); told != 1 {
			t.Fatalf("%s: %d told", kind, told)
		}
		r.exec(`UPDATE sinks SET sent_at = sent_at - 3600000`)
		storetest.Happen(t, r.store, 2)
		late, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if told := r.Tell(late); told != 0 || r.sinks.Asked(kind) != 1 {
			t.Errorf("%s: %d told, asked %d times", kind, told, r.sinks.Asked(kind))
		}
		cancel()
		if told := r.Tell(t.Context()); told != 1 {
			t.Errorf("%s: %d told afterwards", kind, told)
		}
	}
}

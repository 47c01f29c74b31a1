package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/notify/notifytest"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// What another process writes between two ticks of serve is told without waiting for the next one.
func TestServeTells(t *testing.T) {
	t.Parallel()
	sinks := notifytest.New(t)
	s := startWith(t, []string{"MIGWATCH_NOTIFY=" + sinks.URL("webhook", "")}, "serve", "--listen", "127.0.0.1:0", "--migrate", "--every", "1h")
	until(t, "a tick", func() bool { return strings.Contains(s.text(), `"msg":"tick"`) })
	db, err := store.Open(secret.New("sqlite:"+filepath.Join(s.dir, "migwatch.db")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	k := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}
	if _, _, err := db.Watch(t.Context(), k, job.Change{}); err != nil {
		t.Fatal(err)
	}
	claims, err := db.Claim(t.Context(), k.Budget(), 1, time.Minute)
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	if _, err := db.Record(t.Context(), []job.Outcome{job.Settle(claims[0], &job.Observation{Phase: job.Failed, Status: "finished", Message: "full"}, nil, claims[0].At)}); err != nil {
		t.Fatal(err)
	}
	until(t, "the message", func() bool { return len(sinks.Got("webhook")) == 1 })
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if err := s.Wait(); err != nil {
		t.Errorf("%v\n%s", err, s.errs.String())
	}
	if strings.Contains(s.text()+s.errs.String(), "canary") {
		t.Errorf("%s %s", s.text(), s.errs.String())
	}
}

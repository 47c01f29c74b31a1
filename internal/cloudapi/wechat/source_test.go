package wechat_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestWithoutATokenNothingIsSent(t *testing.T) {
	a := newAPI(t, `{"status":"waiting"}`)
	for _, src := range []wechat.Source{nil, wechat.Unset{}, wechat.NewFixed(secret.Text{})} {
		e := pollError(t, second(newClient(t, a.base(), src).Poll(t.Context(), job.Job{Key: aJob}, nil)))
		if e.Kind != job.Credentials {
			t.Errorf("kind %s", e.Kind)
		}
		for _, name := range []string{"MIGWATCH_WECHAT_ACCESS_TOKEN", "MIGWATCH_WECHAT_TOKEN_URL", "MIGWATCH_WECHAT_APPID", "MIGWATCH_WECHAT_APPSECRET"} {
			if !strings.Contains(e.Message, name) {
				t.Errorf("the message does not name %s: %s", name, e.Message)
			}
		}
	}
	e := pollError(t, second(newClient(t, a.base(), wechat.NewFixed(secret.New(canary+"\n"))).Poll(t.Context(), job.Job{Key: aJob}, nil)))
	if e.Kind != job.Credentials || a.count() != 0 {
		t.Errorf("a token with a line break: %v, %d calls", e, a.count())
	}
}

func TestAFixedTokenThatIsRefusedStopsAllLooks(t *testing.T) {
	a := newAPI(t, `{"status":"waiting"}`)
	a.accept()
	a.refusal = `{"errcode":40001,"errmsg":"invalid credential rid: 60ee-1"}`
	c := newClient(t, a.base(), wechat.NewFixed(token))
	e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil)))
	if e.Kind != job.Credentials || e.Code != "40001" || e.Message != "invalid credential" || e.RequestID != "60ee-1" {
		t.Errorf("the first poll says %#v", e)
	}
	g := &gate{}
	for range 5 {
		e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, g.open)))
		if e.Kind != job.Credentials || e.Code != "40001" || !strings.Contains(e.Message, "MIGWATCH_WECHAT_ACCESS_TOKEN") {
			t.Errorf("a later poll says %#v", e)
		}
	}
	if a.count() != 1 || g.calls != 0 {
		t.Errorf("%d calls and %d slots, want 1 and none", a.count(), g.calls)
	}
}

func TestACallerWhoGivesUpSaysNothingOfTheService(t *testing.T) {
	clk := &clock{t: noon}
	held, release := make(chan struct{}), make(chan struct{})
	s, src := newService(t, clk, func(w http.ResponseWriter) {
		close(held)
		<-release
		gives(canary+"1", 7200)(w)
	})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := src.Token(ctx); first <- err }()
	<-held
	waiting, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := src.Token(waiting); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a waiter whose time is up gets %v", err)
	}
	cancel()
	if e := pollError(t, <-first); e.Code != "canceled" {
		t.Errorf("who gave up gets %v", e)
	}
	close(release)
	s.mu.Lock()
	s.next = gives(canary+"2", 7200)
	s.mu.Unlock()
	if got, err := src.Token(t.Context()); err != nil || got.Reveal() != canary+"2" {
		t.Errorf("the next caller gets %v", err)
	}
}

func TestAServiceThatHangsIsBounded(t *testing.T) {
	clk := &clock{t: noon}
	release := make(chan struct{})
	s, src := newService(t, clk, func(http.ResponseWriter) { <-release })
	defer close(release)
	_ = s
	c := newClient(t, newAPI(t, "").base(), src)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if e := pollError(t, second(c.Poll(ctx, job.Job{Key: aJob}, nil))); e.Kind != job.Transient || e.Code != "timeout" {
		t.Errorf("%#v", e)
	}
	if e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Code != "timeout" || e.RetryAfter <= 0 {
		t.Errorf("it hangs a second time: %#v", e)
	}
}

package app

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"migwatch/internal/config"
	"migwatch/internal/secret"
)

// A database that takes connections and says nothing holds no caller longer than its own context.
func TestOpenWaitsForNobodyElse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	asked := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- c
		}
	}()
	var s config.Settings
	s.Database.URL = secret.New("postgres://u:p@" + l.Addr().String() + "/d?sslmode=disable")
	var d Database
	first, giveUp := context.WithCancel(t.Context())
	firstEnded := make(chan error, 1)
	go func() {
		_, err := d.Open(first, s)
		firstEnded <- err
	}()
	silent := <-asked
	defer func() { _ = silent.Close() }()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Open(gone, s); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that had gone got %v", err)
	}
	select {
	case err := <-firstEnded:
		t.Errorf("the first caller had ended before: %v", err)
	default:
	}
	giveUp()
	if err := <-firstEnded; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller got %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestCheckIsSharedAndItsFailureRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := check{ask: func(ctx context.Context) error {
			asked++
			<-ctx.Done()
			return ctx.Err()
		}}
		began := time.Now()
		answers := make(chan error)
		for range 5 {
			go func() { answers <- c.wait(t.Context(), false) }()
		}
		for range 5 {
			if err := <-answers; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		}
		if err := c.wait(t.Context(), false); err == nil {
			t.Error("the failure was forgotten at once")
		}
		if took := time.Since(began); asked != 1 || took != checkTime {
			t.Errorf("five callers and one more asked %d times and waited %v", asked, took)
		}
		time.Sleep(remember)
		c.ask = func(context.Context) error { return nil }
		if err := c.wait(t.Context(), false); err != nil {
			t.Errorf("the failure was remembered for too long: %v", err)
		}
	})
}

// Who asks for the state of the database itself is not told that it was well some minutes ago; a failure is
// shared by all.
func TestCheckAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		var answer error
		c := check{ask: func(context.Context) error {
			asked++
			time.Sleep(time.Second)
			return answer
		}}
		all := func(callers int, anew bool) {
			t.Helper()
			answers := make(chan error)
			for range callers {
				go func() { answers <- c.wait(t.Context(), anew) }()
			}
			for range callers {
				if err := <-answers; !errors.Is(err, answer) {
					t.Errorf("got %v, want %v", err, answer)
				}
			}
		}
		all(5, true)
		all(5, false)
		if asked != 1 {
			t.Errorf("asked %d times, want once", asked)
		}
		answer = errors.New("gone")
		all(5, true)
		all(5, false)
		if asked != 2 {
			t.Errorf("asked %d times, want twice", asked)
		}
	})
}

package scf

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullListener has no file left for a connection.
type fullListener struct{ net.Listener }

func (fullListener) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func TestNoFilesAreLeft(t *testing.T) {
	var out bytes.Buffer
	c := newCrowd(fullListener{}, 1, slog.New(slog.NewTextHandler(&out, nil)))
	for range 3 {
		if _, err := c.Accept(); err == nil {
			t.Fatal("no error")
		}
	}
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "too many open files") || !strings.Contains(got, "ulimit -n") {
		t.Errorf("three failures are logged as\n%s", got)
	}
}

// TestCrowd fills a server of three connections: those that wait make room, those that are served do not.
func TestCrowd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowd(l, 3, slog.New(slog.DiscardHandler))
	entered, leave := make(chan struct{}, 9), make(chan struct{})
	server := &http.Server{ConnState: c.state, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-leave
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(c) }()
	send := func(path string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if path != "" {
			if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		return conn
	}
	answered := func(conn net.Conn) bool {
		n, _ := conn.Read(make([]byte, 1024))
		return n > 0
	}
	first := send("/slow")
	<-entered
	mute, idle := send(""), send("/")
	if !answered(idle) {
		t.Fatal("no answer")
	}
	if fourth := send("/"); !answered(fourth) {
		t.Error("the fourth connection has no answer though two of three only wait")
	}
	if n, err := mute.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection that has waited longest is still there: %d %v", n, err)
	}
	// The client has its answer before the server says that the connection waits again.
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		c.mu.Lock()
		served := 0
		for _, since := range c.open {
			if since == busy {
				served++
			}
		}
		c.mu.Unlock()
		if served == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections are served, want the first alone", served)
		}
	}
	second := send("/slow")
	<-entered
	third := send("/slow")
	<-entered
	late := send("/") // must wait: all three are served
	leave <- struct{}{}
	if !answered(late) {
		t.Error("no answer after there was room")
	}
	leave <- struct{}{}
	leave <- struct{}{}
	for _, conn := range []net.Conn{first, second, third} {
		_ = conn.Close()
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

// Package local has what only the command on one machine needs: a timer instead of the platform's, a
// port to listen on, and a way to call a handler of this process without one.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Every calls work now and then every interval until ctx ends. Calls never overlap: an instant that
// comes while work is busy is met as soon as it is done, and at most once. It returns when the last
// call has.
func Every(ctx context.Context, interval time.Duration, work func(context.Context)) {
	timer := time.NewTicker(interval)
	defer timer.Stop()
	for ctx.Err() == nil {
		work(ctx)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

// Listen opens addr. Where its port is taken and another will do, it opens any free port of the same
// host; moved says so.
func Listen(ctx context.Context, addr string, another bool) (l net.Listener, moved bool, err error) {
	l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil || !another || !errors.Is(err, syscall.EADDRINUSE) {
		return l, false, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, false, err
	}
	l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	return l, true, err
}

// Loopback reports whether only this machine reaches l.
func Loopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// URL is where a browser on this machine finds l.
func URL(l net.Listener) string {
	a, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(a.Port))
}

// Transport calls a handler of this process, so that the command speaks the HTTP API to a database at
// hand in the same words as to a server far away.
type Transport struct{ Handler http.Handler }

// RoundTrip gives what the handler answers. It is meant for answers that fit in memory, as all pages of
// the API do.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI, in.RemoteAddr = r.URL.Host, r.URL.RequestURI(), "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer in.Body.Close()
	a := &answer{header: http.Header{}}
	t.Handler.ServeHTTP(a, in)
	if err := r.Context().Err(); err != nil {
		return nil, err // the answer only says that it was given up
	}
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.sent,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

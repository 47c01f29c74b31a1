package cloudapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/cloudapi"
)

// peer accepts connections and hands them to the test, which plays the server byte by byte.
type peer struct {
	url   string
	roots *x509.CertPool
	conns chan net.Conn
}

func newPeer(t *testing.T, secure bool) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + ln.Addr().String(), conns: make(chan net.Conn, 16)}
	if secure {
		s := httptest.NewUnstartedServer(nil) // for its certificate
		s.StartTLS()
		s.Close()
		p.url = "https://" + ln.Addr().String()
		p.roots = x509.NewCertPool()
		p.roots.AddCert(s.Certificate())
		ln = tls.NewListener(ln, &tls.Config{Certificates: s.TLS.Certificates})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if s, ok := c.(*tls.Conn); ok {
				if s.Handshake() != nil {
					_ = s.Close()
					continue
				}
			}
			p.conns <- c
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return p
}

// silent asserts that nothing arrives on c for a while.
func silent(t *testing.T, c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(40 * time.Millisecond))
	n, err := c.Read(make([]byte, 1))
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the server read %d bytes and %v before the gate opened, want silence", n, err)
	}
	_ = c.SetReadDeadline(time.Time{})
}

func answer(t *testing.T, c net.Conn) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		t.Errorf("the server read no request: %v", err)
		return
	}
	_, _ = io.Copy(io.Discard, req.Body)
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
}

func TestNothingIsWrittenBeforeTheGateOpens(t *testing.T) {
	for name, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, secure)
			tr := newTransport(t, cloudapi.Options{RootCAs: p.roots})
			var conn net.Conn
			calls := 0
			gate := func(context.Context) error {
				calls++
				if conn == nil {
					// The connection, TLS and all, is there while the gate is shut.
					conn = <-p.conns
				}
				silent(t, conn)
				go answer(t, conn)
				return nil
			}
			for range 2 { // a new connection, then the same one again
				ctx := cloudapi.WithGate(t.Context(), gate)
				if _, err := tr.Send(post(ctx, t, p.url)); err != nil {
					t.Fatal(err)
				}
			}
			if calls != 2 || len(p.conns) != 0 {
				t.Errorf("%d gate calls and %d more connections, want 2 and 0", calls, len(p.conns))
			}
			_ = conn.Close()
		})
	}
}

func TestARefusingGateKeepsTheRequestFromTheWire(t *testing.T) {
	refusal := errors.New("the slot is gone")
	refuse := func(context.Context) error { return refusal }
	for name, secure := range map[string]bool{"http": false, "https": true} {
		for kind, reused := range map[string]bool{"fresh": false, "reused": true} {
			t.Run(name+" "+kind, func(t *testing.T) {
				p := newPeer(t, secure)
				tr := newTransport(t, cloudapi.Options{RootCAs: p.roots})
				for range 100 { // net/http decides by chance whom it listens to first
					var conn net.Conn
					if reused {
						ctx := cloudapi.WithGate(t.Context(), func(context.Context) error {
							conn = <-p.conns
							go answer(t, conn)
							return nil
						})
						if _, err := tr.Send(post(ctx, t, p.url)); err != nil {
							t.Fatal(err)
						}
					}
					_, err := tr.Send(post(cloudapi.WithGate(t.Context(), refuse), t, p.url))
					if err != refusal { // the very error is promised
						t.Fatalf("error is %v, want the gate's own", err)
					}
					if conn == nil {
						conn = <-p.conns
					}
					if n, err := io.Copy(io.Discard, conn); n != 0 {
						t.Fatalf("the server read %d bytes (%v), want none", n, err)
					}
					_ = conn.Close()
				}
			})
		}
	}
}

func TestAGateThatOutlivesTheContext(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	ctx, cancel := context.WithCancel(t.Context())
	ctx = cloudapi.WithGate(ctx, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if _, err := newTransport(t, cloudapi.Options{}).Send(post(ctx, t, s.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the context's, from the gate", err)
	}
}

// A connection can die between its last use and the next. net/http then sends again by itself, which
// must not put two requests into one slot.
func TestEachSendOfARetriedRequestHasItsOwnSlot(t *testing.T) {
	p := newPeer(t, false)
	tr := newTransport(t, cloudapi.Options{})
	var opened, received atomic.Int64
	go func() {
		c := <-p.conns
		answer(t, c)
		// The second request arrives on this connection, which then dies without a word.
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			received.Add(1)
		}
		_ = c.Close()
		c = <-p.conns
		answer(t, c)
		_ = c.Close()
	}()
	if _, err := tr.Send(post(t.Context(), t, p.url)); err != nil {
		t.Fatal(err)
	}
	ctx := cloudapi.WithGate(t.Context(), func(context.Context) error {
		if n := opened.Add(1); n != received.Load()+1 {
			t.Errorf("gate call %d after %d requests", n, received.Load())
		}
		return nil
	})
	if _, err := tr.Send(post(ctx, t, p.url)); err != nil {
		t.Fatalf("the question was not asked again: %v", err)
	}
	if opened.Load() != 2 {
		t.Errorf("%d gate calls for 2 requests on the wire", opened.Load())
	}
}

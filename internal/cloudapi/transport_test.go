package cloudapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

func zipped(b []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(b)
	_ = z.Close()
	return buf.Bytes()
}

func TestAnswers(t *testing.T) {
	type want struct {
		Kind  job.Kind
		Code  string
		Retry time.Duration
	}
	write := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	raw := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := http.NewResponseController(w).Hijack()
			_, _ = io.WriteString(c, s)
			_ = c.Close()
		}
	}
	exact := strings.Repeat(" ", cloudapi.BodyLimit)
	for name, c := range map[string]struct {
		server http.HandlerFunc
		body   string
		want   want
	}{
		"ok":             {server: write(200, "{}"), body: "{}"},
		"text/plain":     {server: write(200, "{}", "Content-Type", "text/plain"), body: "{}"},
		"event stream":   {server: write(200, "{}", "Content-Type", "text/event-stream"), body: "{}"},
		"exactly 1 MiB":  {server: write(200, exact), body: exact},
		"a byte more":    {server: write(200, exact+" "), want: want{job.Protocol, "too_large", 0}},
		"gzip":           {server: write(200, string(zipped([]byte("{}"))), "Content-Encoding", "gzip"), body: "{}"},
		"gzip bomb":      {server: write(200, string(zipped(make([]byte, 200<<20>>2))), "Content-Encoding", "gzip"), want: want{job.Protocol, "too_large", 0}},
		"gzip cut":       {server: write(200, string(zipped([]byte("{}"))[:15]), "Content-Encoding", "gzip"), want: want{job.Protocol, "encoding", 0}},
		"gzip of plain":  {server: write(200, "{}", "Content-Encoding", "gzip"), want: want{job.Protocol, "encoding", 0}},
		"brotli":         {server: write(200, "{}", "Content-Encoding", "br"), want: want{job.Protocol, "encoding", 0}},
		"500 html":       {server: write(500, "<html>"), want: want{job.Transient, "http_500", 0}},
		"502 json":       {server: write(502, "{}"), want: want{job.Transient, "http_502", 0}},
		"503 told":       {server: write(503, "", "Retry-After", "7"), want: want{job.Transient, "http_503", 7 * time.Second}},
		"429":            {server: write(429, "<html>"), want: want{job.Throttled, "http_429", 0}},
		"429 told":       {server: write(429, "", "Retry-After", "30"), want: want{job.Throttled, "http_429", 30 * time.Second}},
		"429 told a lot": {server: write(429, "", "Retry-After", "99999999"), want: want{job.Throttled, "http_429", 24 * time.Hour}},
		"429 negative":   {server: write(429, "", "Retry-After", "-5"), want: want{job.Throttled, "http_429", 0}},
		"429 date": {server: write(429, "", "Date", "Mon, 02 Jan 2006 15:04:05 GMT", "Retry-After", "Mon, 02 Jan 2006 15:05:05 GMT"),
			want: want{job.Throttled, "http_429", time.Minute}},
		"404 html":     {server: write(404, "<html>"), body: "<html>"},
		"204":          {server: write(204, ""), body: ""},
		"redirect":     {server: write(302, "", "Location", "/other"), want: want{job.Protocol, "redirect", 0}},
		"no location":  {server: write(304, ""), want: want{job.Protocol, "redirect", 0}},
		"not http":     {server: raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), want: want{job.Protocol, "not_http", 0}},
		"endless head": {server: raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n"), want: want{job.Protocol, "too_large", 0}},
		"cut body":     {server: raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"), want: want{job.Transient, "network", 0}},
		"cut head":     {server: raw("HTTP/1.1 200"), want: want{job.Transient, "network", 0}},
		"hung up":      {server: raw(""), want: want{job.Transient, "network", 0}},
		"reset": {server: func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := http.NewResponseController(w).Hijack()
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}, want: want{job.Transient, "reset", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.server)
			a, err := newTransport(t, cloudapi.Options{}).Send(post(t.Context(), t, s.URL))
			if c.want == (want{}) {
				if err != nil || string(a.Body) != c.body {
					t.Fatalf("%d bytes, %v; want %d bytes", len(a.Body), err, len(c.body))
				}
				return
			}
			e := pollError(t, err)
			if diff := cmp.Diff(c.want, want{e.Kind, e.Code, e.RetryAfter}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !strings.HasPrefix(e.Message, "POST "+s.URL+"/some/path: ") {
				t.Errorf("the message does not name the endpoint: %q", e.Message)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if e := pollError(t, second(newTransport(t, cloudapi.Options{}).Send(post(t.Context(), t, s.URL)))); e.Code != "redirect" {
			t.Errorf("%d: code %s", status, e.Code)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestEndlessBodiesEndWithTheContext(t *testing.T) {
	for name, c := range map[string]struct {
		chunk string
		head  bool
		code  string
	}{
		"drip feed":     {chunk: " ", head: true, code: "timeout"},
		"no head":       {code: "timeout"},
		"endless blast": {chunk: strings.Repeat("{", 32<<10), head: true, code: "too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice who leaves
				for r.Context().Err() == nil && c.head {
					if _, err := io.WriteString(w, c.chunk); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
					if len(c.chunk) == 1 {
						time.Sleep(time.Millisecond)
					}
				}
				<-r.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
			if c.code == "too_large" {
				ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
			}
			defer cancel()
			e := pollError(t, second(newTransport(t, cloudapi.Options{}).Send(post(ctx, t, s.URL))))
			if e.Code != c.code {
				t.Errorf("code %s, want %s", e.Code, c.code)
			}
			if c.code == "timeout" && !errors.Is(e, context.DeadlineExceeded) {
				t.Error("the error does not wrap the context's")
			}
		})
	}
}

func TestConnectionsThatCannotBeMade(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	plain := serve(t, http.NotFound)
	closed := httptest.NewServer(nil)
	closed.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		url  string
		opts cloudapi.Options
		code string
	}{
		"refused":        {url: closed.URL, code: "refused"},
		"no such host":   {url: "http://no-such-host.invalid", code: "dns"},
		"unknown issuer": {url: secure.URL, code: "tls"},
		"another host":   {url: strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), opts: cloudapi.Options{RootCAs: roots}, code: "tls"},
		"no tls there":   {url: strings.Replace(plain.URL, "http:", "https:", 1), code: "tls"},
		"canceled":       {ctx: canceled, url: plain.URL, code: "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			e := pollError(t, second(newTransport(t, c.opts).Send(post(c.ctx, t, c.url))))
			if e.Kind != job.Transient || e.Code != c.code {
				t.Errorf("%s %s (%s), want transient %s", e.Kind, e.Code, e.Message, c.code)
			}
		})
	}
}

func TestTLSWithATrustedCertificate(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto)
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	a, err := newTransport(t, cloudapi.Options{RootCAs: roots}).Send(post(t.Context(), t, s.URL))
	if err != nil || string(a.Body) != "HTTP/1.1" {
		t.Errorf("%q, %v; want HTTP/1.1", a.Body, err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	const parallel, rounds = 32, 4
	var connections atomic.Int64
	var arrived sync.WaitGroup
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Done()
		arrived.Wait() // all at once, so that each needs its own connection
		_, _ = io.WriteString(w, "{}")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	tr := newTransport(t, cloudapi.Options{})
	for range rounds {
		arrived.Add(parallel)
		var done sync.WaitGroup
		for range parallel {
			done.Go(func() {
				if _, err := tr.Send(post(t.Context(), t, s.URL)); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	}
	if n := connections.Load(); n != parallel {
		t.Errorf("%d connections for %d rounds of %d polls, want %d", n, rounds, parallel, parallel)
	}
}

func TestWhatARequestCarries(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Content-Type": "application/json", "User-Agent": "migwatch", "Accept-Encoding": "", "Idempotency-Key": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	})
	a, err := newTransport(t, cloudapi.Options{}).Send(post(t.Context(), t, s.URL))
	if want := "POST /some/path?access_token=" + canary + ` {"a":1}`; err != nil || string(a.Body) != want {
		t.Errorf("%s, %v; want %s", a.Body, err, want)
	}
}

func TestParseBase(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://api.weixin.qq.com": true, "http://127.0.0.1:8080/prefix/": true, "http://[::1]:80": true,
		"": false, "api.weixin.qq.com": false, "ftp://host": false, "https://": false, "https://:80": false, "/path": false,
		"https://user:" + canary + "@host": false, "https://host?key=" + canary: false, "https://host#" + canary: false,
		"https://host/%zz" + canary: false, "https://host?": false,
	} {
		_, err := cloudapi.ParseBase(raw)
		if (err == nil) != ok {
			t.Errorf("%q: %v", raw, err)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
}

package cloudapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"migwatch/internal/job"
)

// Limits of the transport. Connections are few, long-used and dropped early: a function's instance is
// frozen between its invocations and wakes with connections that died meanwhile.
const (
	dialTimeout  = 5 * time.Second
	tlsTimeout   = 5 * time.Second
	idleTimeout  = 30 * time.Second
	keepAlive    = 15 * time.Second
	idlePerHost  = 64
	idleOverall  = 256
	headerLimit  = 64 << 10
	userAgent    = "migwatch"
	contentJSON  = "application/json"
	idempotent   = "Idempotency-Key"
	retryAfter   = "Retry-After"
	longestRetry = 24 * time.Hour
)

// BodyLimit is the most bytes an answer may have, before decompression and after.
const BodyLimit = 1 << 20

// Options are what differs between places; the zero value is right for production.
type Options struct {
	RootCAs *x509.CertPool                        // nil: the system's
	Proxy   func(*http.Request) (*url.URL, error) // nil: none

	// Dial makes the connections; nil: TCP with a timeout.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Answered is shown the head of every answer; nil: nobody is.
	Answered func(*http.Response)
}

// Transport sends requests one at a time per connection (HTTP/1.1), follows no redirect, and hands
// back whole answers. It is safe for concurrent use, and meant to be shared by everything that calls
// an upstream.
type Transport struct {
	base     *http.Transport
	answered func(*http.Response)
}

// NewTransport makes a Transport. Close it when it is no longer needed.
func NewTransport(o Options) *Transport {
	only1 := new(http.Protocols)
	only1.SetHTTP1(true)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	if o.Answered == nil {
		o.Answered = func(*http.Response) {}
	}
	return &Transport{answered: o.Answered, base: &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            o.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    tlsTimeout,
		MaxIdleConns:           idleOverall,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: headerLimit,
		DisableCompression:     true, // answers are small, and its reader has no limit; gzip sent unasked is read here
		Protocols:              only1,
	}}
}

// Close drops the idle connections. Requests under way go on.
func (t *Transport) Close() { t.base.CloseIdleConnections() }

// Answer is what came back: a status that is neither a redirect, nor 429, nor 5xx, and the whole body.
type Answer struct {
	Status   int
	Body     []byte
	endpoint string
}

// NewRequest makes a request without parsing a URL, as a parser's error would print it. A nil body
// sends none.
func NewRequest(ctx context.Context, method string, u *url.URL, body []byte) *http.Request {
	req := &http.Request{
		Method: method, URL: u, Host: u.Host, Header: http.Header{},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if body != nil {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
		req.Header.Set("Content-Type", contentJSON)
	}
	return req.WithContext(ctx)
}

// Send sends req when its gate opens (see WithGate) and reads the whole answer. The error is what the
// gate returned, or a *job.PollError that names no more than method, scheme, host and path.
//
// Every request is a question, so it may be asked again: net/http does so when the idle connection it
// chose was dead, and asks the gate again before.
func (t *Transport) Send(req *http.Request) (Answer, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	gate, _ := ctx.Value(gateKey{}).(Gate)
	keeper := &gatekeeper{ctx: ctx, cancel: cancel, gate: gate}

	out := req.WithContext(keeper.traced())
	out.Header = req.Header.Clone()
	out.Header[idempotent] = nil // tells net/http, and puts nothing on the wire
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", userAgent)
	}
	a := Answer{endpoint: endpoint(req)}
	resp, err := t.base.RoundTrip(out)
	if refused := keeper.refused(); refused != nil {
		if err == nil {
			_ = resp.Body.Close()
		}
		return a, refused
	}
	if err != nil {
		return a, broken(req.Context(), a.endpoint, err)
	}
	defer func() { _ = resp.Body.Close() }()
	t.answered(resp)
	a.Status = resp.StatusCode
	if err := a.judge(resp); err != nil {
		return a, err
	}
	return a.read(req.Context(), resp)
}

// judge turns a status that makes the body worthless into an error.
func (a Answer) judge(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s >= 300 && s < 400:
		return a.failed(job.Protocol, "redirect", "a redirect, which is not followed")
	case s == http.StatusTooManyRequests:
		e := a.failed(job.Throttled, statusCode(s), "too many requests")
		e.RetryAfter = toldToWait(resp.Header)
		return e
	case s >= 500:
		e := a.failed(job.Transient, statusCode(s), "the server failed")
		e.RetryAfter = toldToWait(resp.Header)
		return e
	}
	return nil
}

func (a Answer) read(ctx context.Context, resp *http.Response) (Answer, error) {
	body, err := readBody(resp)
	switch {
	case errors.Is(err, errTooLarge):
		return a, a.failed(job.Protocol, "too_large", "more than 1 MiB")
	case errors.Is(err, errEncoding):
		return a, a.failed(job.Protocol, "encoding", "a compression that cannot be read")
	case err != nil:
		return a, broken(ctx, a.endpoint, err)
	}
	a.Body = body
	return a, nil
}

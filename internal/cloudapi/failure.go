package cloudapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"migwatch/internal/job"
)

// endpoint names a request by what is safe to show.
func endpoint(req *http.Request) string {
	return req.Method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
}

func statusCode(status int) string { return "http_" + strconv.Itoa(status) }

func (a Answer) failed(kind job.Kind, code, what string) *job.PollError {
	if a.Status != http.StatusOK {
		what = "HTTP " + strconv.Itoa(a.Status) + ": " + what
	}
	return &job.PollError{Kind: kind, Code: code, Message: a.endpoint + ": " + what}
}

// Garbage is the failure of an answer that is none: what says what is wrong with it, in words that
// quote nothing of it. A status that is not 200 explains more than its body's shape, and becomes the
// code.
func (a Answer) Garbage(code, what string) *job.PollError {
	if a.Status != http.StatusOK {
		code = statusCode(a.Status)
	}
	return a.failed(job.Protocol, code, what)
}

// broken sorts what kept an answer from coming. It takes words from no error of net/http.
func broken(ctx context.Context, endpoint string, err error) *job.PollError {
	code, what, cause := diagnose(ctx, err)
	e := &job.PollError{Kind: job.Transient, Code: code, Message: endpoint + ": " + what, Err: cause}
	if code == "not_http" || code == "too_large" {
		e.Kind = job.Protocol
	}
	return e
}

func diagnose(ctx context.Context, err error) (code, what string, cause error) {
	var timeout net.Error
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "canceled", "given up", context.Canceled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return "timeout", "no whole answer in time", context.DeadlineExceeded
	case errors.As(err, &dns):
		return "dns", "the host's name could not be resolved", nil
	case isTLS(err):
		return "tls", "no trusted TLS connection: " + tlsReason(err), nil
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout", "no connection in time", nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", "the connection was refused", syscall.ECONNREFUSED
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset", "the connection was reset", syscall.ECONNRESET
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "network", "the connection ended before the answer did", io.ErrUnexpectedEOF
	}
	// What follows has no type in net/http. Its text quotes the server, so it is looked at, not shown.
	switch text := err.Error(); {
	case strings.Contains(text, "malformed"):
		return "not_http", "not an HTTP answer", nil
	case strings.Contains(text, "headers exceeded"):
		return "too_large", "headers beyond any need", nil
	}
	return "network", "the connection failed", nil
}

func isTLS(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "HTTP response to HTTPS client")
}

// tlsReason names the usual reasons, as what to do about them differs.
func tlsReason(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "the certificate is signed by nobody known here"
	case errors.As(err, &host):
		return "the certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not yet valid (or the clock here is wrong)"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	}
	return "the handshake failed"
}

// ParseBase reads a base URL given by an operator: http or https, a host, perhaps a path to put
// before every other. Its error does not show the URL.
func ParseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("is not an http or https URL with a host")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, errors.New("has a user, a query or a fragment, which a base URL cannot have")
	}
	if u.Path == "" {
		u.Path = "/" // JoinPath would make a relative path of none
	}
	return u, nil
}

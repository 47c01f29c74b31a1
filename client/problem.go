package client

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// The stable codes of problems that programs act on. The API's OpenAPI document has all.
const (
	CodeUnauthorized      = "unauthorized"        // 401: no key, or none that is known
	CodeForbidden         = "forbidden"           // 403: the key may only read
	CodeJobNotFound       = "job_not_found"       // 404: the job is not watched
	CodeDiscoveryNotFound = "discovery_not_found" // 404: nothing is discovered there
	CodeJobPaused         = "job_paused"          // 409: it is paused; resume it first
	CodeInvalid           = "invalid_request"     // 422: Errors says what is wrong
	CodeNotReady          = "not_ready"           // 503: Detail says what mends it
	CodeInternal          = "internal"            // 500: the server's log has more under RequestID
)

// Problem is an error the server answered (RFC 9457, with a stable code).
type Problem struct {
	Status    int       `json:"status"` // of HTTP
	Code      string    `json:"code"`   // "" where something in between answered, not migwatch
	Title     string    `json:"title"`
	Detail    string    `json:"detail"`           // one sentence for a person
	Errors    []Invalid `json:"errors,omitempty"` // with CodeInvalid: each place that is wrong
	RequestID string    `json:"-"`                // X-Request-Id of the answer
}

// Invalid is one place of a request that is wrong.
type Invalid struct {
	Location string `json:"location"` // "query.limit"
	Message  string `json:"message"`
}

func (p *Problem) Error() string {
	if p.Code == CodeInternal && p.RequestID != "" {
		return p.Detail + " (" + p.RequestID + ")"
	}
	return p.Detail
}

// Code is the stable code of the *Problem in err, "" where there is none.
func Code(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// maxProblem bounds what is read of an error's answer.
const maxProblem = 1 << 20

// readProblem makes a *Problem of an answer that is an error, or that is no answer of migwatch's.
func readProblem(res *http.Response) *Problem {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		b, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
		_ = json.Unmarshal(b, p)
	}
	p.Status, p.RequestID = res.StatusCode, res.Header.Get("X-Request-Id")
	if p.Title == "" {
		p.Title = http.StatusText(res.StatusCode)
	}
	if p.Detail == "" {
		p.Detail = "the server answered " + res.Status + ", and not as migwatch would: is the address right?"
		if to := res.Header.Get("Location"); res.StatusCode < 400 && to != "" {
			to, _, _ = strings.Cut(to, "?")
			p.Detail = "the server sends elsewhere, to " + to + ": use that address"
		}
	}
	return p
}

package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"migwatch/internal/job"
)

// code is a problem's stable name; programs may rely on it.
type code string

const (
	codeBadRequest        code = "bad_request"
	codeUnauthorized      code = "unauthorized"
	codeForbidden         code = "forbidden"
	codeNotFound          code = "not_found"
	codeJobNotFound       code = "job_not_found"
	codeDiscoveryNotFound code = "discovery_not_found"
	codeMethodNotAllowed  code = "method_not_allowed"
	codeNotAcceptable     code = "not_acceptable"
	codeTimeout           code = "request_timeout"
	codeJobPaused         code = "job_paused"
	codeTooLarge          code = "payload_too_large"
	codeURITooLong        code = "uri_too_long"
	codeMediaType         code = "unsupported_media_type"
	codeInvalid           code = "invalid_request"
	codeInternal          code = "internal"
	codeNotReady          code = "not_ready"
)

// kinds says what each code is, for answers and for OpenAPI.
var kinds = map[code]struct {
	status int
	means  string
}{
	codeBadRequest:        {http.StatusBadRequest, "The request could not be read as HTTP."},
	codeUnauthorized:      {http.StatusUnauthorized, "No key was presented, or one that is not known. The body is the same for every reason."},
	codeForbidden:         {http.StatusForbidden, "The key may only read; or, where no key is configured, the request's Host or Origin is not this machine's own."},
	codeNotFound:          {http.StatusNotFound, "There is no such path."},
	codeJobNotFound:       {http.StatusNotFound, "The job is not watched."},
	codeDiscoveryNotFound: {http.StatusNotFound, "Nothing is discovered there."},
	codeMethodNotAllowed:  {http.StatusMethodNotAllowed, "The path does not take this method; Allow lists those it takes."},
	codeNotAcceptable:     {http.StatusNotAcceptable, "None of the formats that Accept asks for can be had."},
	codeTimeout:           {http.StatusRequestTimeout, "The body took too long to arrive."},
	codeJobPaused:         {http.StatusConflict, "The job is paused; it is not polled until it is resumed."},
	codeTooLarge:          {http.StatusRequestEntityTooLarge, "The body has more than 64 KiB."},
	codeURITooLong:        {http.StatusRequestURITooLong, "The path or the query is too long."},
	codeMediaType:         {http.StatusUnsupportedMediaType, "The body is not declared as application/json."},
	codeInvalid:           {http.StatusUnprocessableEntity, "A path or query parameter, the cursor or the body is not valid; errors says which and why."},
	codeInternal:          {http.StatusInternalServerError, "Something failed that should not. The log has more under the X-Request-Id of this answer."},
	codeNotReady:          {http.StatusServiceUnavailable, "It cannot be answered now: the store cannot be reached or is not migrated, or a setting is missing. detail says what mends it."},
}

const (
	internalDetail = "something failed that should not; the log has more under this answer's X-Request-Id"
	retryAfter     = "10" // seconds a client should wait after not_ready
	maxInvalids    = 20   // places listed in one problem
)

// Problem is an error as a client sees it: RFC 9457 with a stable code.
type Problem struct {
	Type   string    `json:"type" example:"about:blank" doc:"always about:blank: code tells problems apart"`
	Title  string    `json:"title" example:"Unprocessable Entity" doc:"the status in words"`
	Status int       `json:"status" example:"422" doc:"the HTTP status"`
	Detail string    `json:"detail" example:"query.limit: expected number <= 500" doc:"what is wrong here, and where it can be told what mends it"`
	Code   code      `json:"code" example:"invalid_request" doc:"the problem's stable name"`
	Errors []Invalid `json:"errors,omitempty" doc:"with invalid_request: each place that is wrong"`

	header http.Header
}

// Invalid is one place of a request that is wrong.
type Invalid struct {
	Location string `json:"location" example:"query.limit" doc:"path.NAME, query.NAME or body.NAME"`
	Message  string `json:"message" example:"expected number <= 500"`
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes huma send problems as problems.
func (p *Problem) ContentType(string) string { return problemType }

func problem(c code, detail string) *Problem {
	status := kinds[c].status
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: c}
}

func notReady(reason string) *Problem {
	p := problem(codeNotReady, reason)
	p.header = http.Header{"Retry-After": {retryAfter}}
	return p
}

// invalid is one wrong place, for a Resolver or as a problem by itself.
func invalid(location, message string) error {
	return &huma.ErrorDetail{Location: location, Message: message}
}

func invalidProblem(errs ...error) *Problem {
	p := problem(codeInvalid, "the request is not valid")
	for _, err := range errs {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			d = &huma.ErrorDetail{Message: err.Error()}
		}
		p.Errors = append(p.Errors, Invalid{Location: cut(d.Location, 100), Message: cut(d.Message, 300)})
	}
	slices.SortStableFunc(p.Errors, func(x, y Invalid) int { return strings.Compare(x.Location, y.Location) })
	// What the schema and a check of ours both refuse is told once.
	p.Errors = slices.CompactFunc(p.Errors, func(x, y Invalid) bool { return x.Location == y.Location })
	p.Errors = p.Errors[:min(len(p.Errors), maxInvalids)]
	if len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return p
}

// cut keeps at most n runes: places and messages may quote what the client sent.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// fromHuma shapes the errors that huma finds by itself. What it echoes of the request is dropped.
func fromHuma(status int, message string, errs ...error) huma.StatusError {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return problem(codeTooLarge, "the body may have 64 KiB")
	case http.StatusUnsupportedMediaType:
		return problem(codeMediaType, "send the body as Content-Type: application/json")
	case http.StatusRequestTimeout:
		return problem(codeTimeout, "the body took too long to arrive")
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return invalidProblem(errs...)
	case http.StatusInternalServerError:
		// The one such error of huma's own is a body that breaks off; handlers' errors go to Fail.
		return problem(codeBadRequest, "the body could not be read")
	}
	return problem(codeInternal, message)
}

// huma's error constructor is a variable of its package; there is no other way to shape its errors.
// Nothing else here uses huma, and it is set before anything can run.
func init() {
	huma.NewError = fromHuma
	huma.NewErrorWithContext = func(_ huma.Context, status int, message string, errs ...error) huma.StatusError {
		return fromHuma(status, message, errs...)
	}
}

// Fail answers r with the problem that err is, and logs what a person here has to mend.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	write(w, a.problemOf(r, err))
}

func (a *API) problemOf(r *http.Request, err error) *Problem {
	var p *Problem
	var bad *job.InvalidError
	var unready *job.NotReadyError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &bad):
		return invalidProblem(invalid(bad.Field, bad.Reason))
	case errors.Is(err, job.ErrNotWatched):
		return problem(codeJobNotFound, "the job is not watched")
	case errors.Is(err, job.ErrNotDiscovered):
		return problem(codeDiscoveryNotFound, "nothing is discovered there")
	case errors.Is(err, job.ErrPaused):
		return problem(codeJobPaused, "the job is paused; resume it first: PUT {\"paused\": false}")
	case errors.As(err, &unready):
		p = notReady(unready.Reason)
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return notReady("the request was given up") // nobody reads it, and nothing is to be mended
	case errors.Is(err, context.DeadlineExceeded):
		p = notReady("the store did not answer in time")
	default:
		a.log(r, slog.LevelError, "request failed", err.Error())
		return problem(codeInternal, internalDetail)
	}
	if p.Code == codeNotReady {
		a.log(r, slog.LevelWarn, "not ready", p.Detail)
	}
	return p
}

func (a *API) log(r *http.Request, level slog.Level, message, reason string) {
	a.opt.Log.LogAttrs(r.Context(), level, message, slog.String("request_id", RequestID(r.Context())),
		slog.String("method", r.Method), slog.String("route", r.Pattern), slog.String("error", reason))
}

func write(w http.ResponseWriter, p *Problem) {
	body := encode(p)
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	for _, name := range []string{"ETag", "Last-Modified", "Content-Encoding", "Content-Disposition"} {
		h.Del(name) // a mounted page may have set them before it failed
	}
	h.Set("Content-Type", problemType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// encode gives v as JSON with < > & as they are: nothing is served as HTML.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // only types of ours come here, and they all encode
	}
	return b.Bytes()
}

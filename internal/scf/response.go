package scf

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxAnswer is the platform's limit of an answer, event and all.
const maxAnswer = 6_000_000

// answer is what a gateway or function URL makes an HTTP response of.
type answer struct {
	IsBase64Encoded bool           `json:"isBase64Encoded"`
	StatusCode      int            `json:"statusCode"`
	Headers         map[string]any `json:"headers"` // a string, or for Set-Cookie a list where there are several
	Body            string         `json:"body"`
}

// recorder is the http.ResponseWriter of one invocation.
type recorder struct {
	header http.Header // the handler's
	sent   http.Header // as they were when the status was written
	status int
	body   bytes.Buffer
	full   bool // more was written than an answer may hold
}

var errFull = errors.New("the answer is larger than 6 MB")

func newRecorder() *recorder { return &recorder{header: make(http.Header)} }

// Header is the handler's to change until the status is written.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader takes the first final status.
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || status < 200 {
		return
	}
	r.status = status
	r.sent = r.header.Clone()
}

// Write keeps p until the invocation ends.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		if r.header.Get("Content-Type") == "" && len(p) > 0 {
			r.header.Set("Content-Type", http.DetectContentType(p)) // as net/http's server does
		}
		r.WriteHeader(http.StatusOK)
	}
	if !hasBody(r.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if r.body.Len()+len(p) > maxAnswer {
		r.full = true
		return 0, errFull
	}
	return r.body.Write(p)
}

// Flush does nothing: an event's answer leaves in one piece.
func (r *recorder) Flush() {}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// answer makes the event's answer of what was written for a request of that method.
func (r *recorder) answer(method, requestID string) answer {
	r.WriteHeader(http.StatusOK)
	a := answer{StatusCode: r.status, Headers: make(map[string]any, len(r.sent)+1)}
	for name, values := range r.sent {
		switch {
		case len(values) == 0, name == "Content-Length", name == "Transfer-Encoding", name == "Connection", name == "Trailer":
			// The platform frames the answer itself.
		case name == "Set-Cookie" && len(values) > 1:
			// Cookies cannot share a line; the API gateway takes a list, and the function URL follows it.
			a.Headers[name] = values
		default:
			if usual := spelled[name]; usual != "" {
				name = usual
			}
			a.Headers[name] = oneLine(strings.Join(values, ", "))
		}
	}
	if requestID != "" {
		a.Headers["X-Request-Id"] = requestID
	}
	switch body := r.body.Bytes(); {
	case method == http.MethodHead:
	case utf8.Valid(body):
		a.Body = string(body)
	default:
		a.IsBase64Encoded, a.Body = true, base64.StdEncoding.EncodeToString(body)
	}
	return a
}

// spelled are names as their standards write them, where net/http's own form differs: an event's
// headers are read by programs that know JSON, not HTTP, and may compare letter by letter.
var spelled = map[string]string{"Etag": "ETag", "Www-Authenticate": "WWW-Authenticate"}

func oneLine(v string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(v) }

// encode gives the answer's JSON. HTML keeps its brackets: escaping them would make pages longer.
func (a answer) encode() []byte {
	var buf bytes.Buffer
	buf.Grow(len(a.Body) + len(a.Body)/8 + 512)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(a) // strings, lists of strings and a number always encode
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// reply is a handler's answer. Empty fields send no header.
type reply struct {
	status      int
	contentType string
	cache       string
	vary        string
	etag        string
	link        string
	location    string
	disposition string
	body        []byte
}

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	csvType     = "text/csv"
	ndjsonType  = "application/x-ndjson"

	// Reads may be kept by the client that asked, and asked about again each time.
	cacheReads = "private, no-cache"
	cacheNever = "no-store"
)

// read is an answer that changes nothing.
func read(v any) *reply {
	return &reply{status: http.StatusOK, contentType: jsonType, cache: cacheReads, vary: "Authorization", body: encode(v)}
}

func (p *reply) write(w http.ResponseWriter) {
	h := w.Header()
	for _, f := range [...]struct{ name, value string }{
		{"Content-Type", p.contentType}, {"Cache-Control", p.cache}, {"Vary", p.vary}, {"Etag", p.etag},
		{"Link", p.link}, {"Location", p.location}, {"Content-Disposition", p.disposition},
	} {
		if f.value != "" {
			h[f.name] = []string{f.value}
		}
	}
	if p.status != http.StatusNoContent && p.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(p.body)))
	}
	w.WriteHeader(p.status)
	if len(p.body) > 0 {
		_, _ = w.Write(p.body)
	}
}

// tagged adds the strong ETag of the exact body, and drops the body if the client has it.
func (p *reply) tagged(ifNoneMatch string) *reply {
	sum := sha256.Sum256(p.body)
	p.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	if matches(ifNoneMatch, p.etag) {
		p.status, p.contentType, p.body = http.StatusNotModified, "", nil
	}
	return p
}

// matches is If-None-Match's comparison: weak, any of a list, or * (RFC 9110 §13.1.2).
func matches(header, etag string) bool {
	for rest := header; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return false
		}
		if rest[0] == '*' {
			return strings.Trim(header, " \t") == "*"
		}
		rest = strings.TrimPrefix(rest, "W/")
		if !strings.HasPrefix(rest, `"`) {
			return false
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if rest[:end+2] == etag {
			return true
		}
		rest = rest[end+2:]
	}
}

// itself is the reference from the request's path to that path, for Location. A slash behind it, which
// withoutSlash took off, is in RequestURI.
func itself(f *frame) string {
	own := path.Base(f.request.URL.EscapedPath())
	if asked, _, _ := strings.Cut(f.request.RequestURI, "?"); strings.HasSuffix(asked, "/") {
		return "../" + own
	}
	return "./" + own
}

// nextLink is the same request with name=value in it, for Link: a reference that keeps the path, in front
// of which a gateway or a proxy may have more than we see. It has the parameters this API knows and no
// other: a gateway may have added what is not to be repeated.
func nextLink(f *frame, name, value string) string {
	q := url.Values{}
	for _, known := range parameters {
		if v := f.query[known]; len(v) > 0 {
			q[known] = v
		}
	}
	q.Set(name, value)
	return "<?" + q.Encode() + `>; rel="next"`
}

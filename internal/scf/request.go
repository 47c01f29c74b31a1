package scf

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits of what comes in, the same for events and for the plain web server.
const (
	maxBody   = 64 << 10
	maxPath   = 8 << 10 // of path and query together, as on the wire
	maxHeader = 8 << 10 // of all names and values together, without the platform's own
	maxQuery  = 50      // parameters
)

// request makes a net/http request of an event. roots are the first path segments the handler knows.
func (e *event) request(ctx context.Context, roots []string) (*http.Request, *problem) {
	method := strings.ToUpper(e.method())
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return nil, invalid("the event's method is none")
	}
	u, asked, p := e.url(roots)
	if p != nil {
		return nil, p
	}
	h, host, remote := e.headers()
	if p := checkHeader(h); p != nil {
		return nil, p
	}
	body, p := e.body()
	if p != nil {
		return nil, p
	}
	r := &http.Request{
		Method: method, URL: u, RequestURI: asked, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Host: host, RemoteAddr: remote, Body: http.NoBody, ContentLength: int64(len(body)),
	}
	if len(body) > 0 {
		r.Body = readCloser{bytes.NewReader(body)}
	}
	return r.WithContext(ctx), nil
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// url puts path and query together; asked is the request URI with what withoutPrefix took off still in front,
// as after http.StripPrefix. Gateways differ in whether the path is percent-encoded; both are
// taken, as no ID of ours has a percent sign in it.
func (e *event) url(roots []string) (u *url.URL, asked string, p *problem) {
	path, inPath, _ := strings.Cut(e.path(), "?")
	if len(path)+len(inPath) > maxPath {
		return nil, "", tooLong()
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	u = urlOf(withoutPrefix(path, roots, string(e.RequestContext.Path), "/"+string(e.RequestContext.Stage)))
	whole := urlOf(path)
	q := e.query()
	if len(q) == 0 && inPath != "" {
		q, _ = url.ParseQuery(inPath)
	}
	if n := count(q); n > maxQuery {
		return nil, "", tooMany()
	}
	u.RawQuery = q.Encode()
	whole.RawQuery = u.RawQuery
	if asked = whole.RequestURI(); len(asked) > maxPath {
		return nil, "", tooLong()
	}
	return u, asked, nil
}

// urlOf takes a path as it is and percent-encoded.
func urlOf(path string) *url.URL {
	if decoded, err := url.PathUnescape(path); err == nil {
		return &url.URL{Path: decoded, RawPath: path}
	}
	return &url.URL{Path: path}
}

// withoutPrefix takes off what a gateway puts in front of our paths: its API's own path (a function's
// name, as a rule) and the stage. A path that begins with a root of ours is left alone, so that a
// gateway with an API for each of our paths works as well; without roots nothing is taken off.
func withoutPrefix(path string, roots []string, prefixes ...string) string {
	for range prefixes { // both may be there, in either order
		if len(roots) == 0 || owned(path, roots) {
			return path
		}
		for _, prefix := range prefixes {
			prefix, _, _ = strings.Cut(prefix, "{")
			prefix = strings.TrimRight(prefix, "/")
			if rest, ok := strings.CutPrefix(path, prefix); ok && prefix != "" && (rest == "" || rest[0] == '/') {
				path = "/" + strings.TrimLeft(rest, "/")
				break
			}
		}
	}
	return path
}

// owned reports whether path begins with one of roots, "" being "/" itself.
func owned(path string, roots []string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, root := range roots {
		if first == root {
			return true
		}
	}
	return false
}

// headers gives the client's headers, its host and its address. What the platform adds is read and
// taken out: the handler and its logs must never meet the function's credentials.
func (e *event) headers() (h http.Header, host, remote string) {
	h = make(http.Header)
	e.header(func(name string, values []string) {
		name = http.CanonicalHeaderKey(name)
		if _, known := h[name]; known || !isToken(name) {
			return
		}
		for _, v := range values {
			if !strings.ContainsAny(v, "\r\n\x00") {
				h[name] = append(h[name], v)
			}
		}
	})
	host = h.Get("Host")
	if host == "" {
		host = h.Get("X-Scf-Request-Domain")
	}
	remote = address(e.sourceIP())
	if remote == "" {
		remote = address(h.Get("X-Scf-Remote-Addr"))
	}
	strip(h)
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "Connection"} {
		h.Del(name) // net/http's server has these elsewhere, and the body's length is our own matter
	}
	return h, host, remote
}

// address makes a RemoteAddr of an IP address, with or without a port.
func address(s string) string {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return net.JoinHostPort(a.String(), "0")
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.String()
	}
	return ""
}

// strip removes what only the platform may say, and what nobody but the platform should hear.
func strip(h http.Header) {
	for name := range h {
		lower := strings.ToLower(name)
		bare := strings.ReplaceAll(lower, "-", "")
		if strings.HasPrefix(lower, "x-scf-") || lower == "x-request-id" || strings.Contains(bare, "secretid") ||
			strings.Contains(bare, "secretkey") || strings.Contains(bare, "sessiontoken") {
			delete(h, name)
		}
	}
}

func checkHeader(h http.Header) *problem {
	size := 0
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > maxHeader {
		return &problem{Status: http.StatusRequestHeaderFieldsTooLarge, Code: "headers_too_large", Detail: "the headers are larger than 8 KiB"}
	}
	return nil
}

// body gives the bytes of the body. What a gateway has parsed is given as the JSON it was.
func (e *event) body() ([]byte, *problem) {
	if len(e.Body) == 0 || e.Body[0] == 'n' {
		return nil, nil
	}
	if !utf8.Valid(e.Body) { // encoding/json would put U+FFFD in the place of what is not
		return nil, notUTF8("the body is not UTF-8")
	}
	if e.Body[0] != '"' {
		return within(e.Body)
	}
	var b string
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return nil, invalid("the event's body cannot be read")
	}
	if !e.IsBase64Encoded {
		return within([]byte(b))
	}
	if len(b) > 2*maxBody {
		return nil, tooLarge()
	}
	plain, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/", "=", "", "\n", "", "\r", "").Replace(b))
	if err != nil {
		return nil, invalid("the event's body is said to be base64 and is not")
	}
	return within(plain)
}

func within(body []byte) ([]byte, *problem) {
	if len(body) > maxBody {
		return nil, tooLarge()
	}
	return body, nil
}

func count(q url.Values) int {
	n := 0
	for _, values := range q {
		n += len(values)
	}
	return n
}

func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) < 0
}

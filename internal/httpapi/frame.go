package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime"
	"runtime/debug"
	"strings"

	"migwatch/internal/secret"
)

// Limits of a request line. Headers are limited by the server.
const (
	maxPath       = 8 << 10
	maxQuery      = 8 << 10
	maxParameters = 50
)

// frame is what is known of a request beside the request itself.
type frame struct {
	id      string
	role    secret.Role // what it may do
	admin   bool        // it presented an admin key; role may be greater where no key is configured
	query   url.Values
	request *http.Request
}

type frameKey struct{}

func frameOf(ctx context.Context) *frame {
	if f, ok := ctx.Value(frameKey{}).(*frame); ok {
		return f
	}
	return &frame{}
}

// RequestID is the ID that the answer carries in X-Request-Id.
func RequestID(ctx context.Context) string { return frameOf(ctx).id }

// Role is what the request was found to be allowed when it passed Handle.
func Role(ctx context.Context) secret.Role { return frameOf(ctx).role }

// ServeHTTP answers every request, a panic's too.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := &frame{id: a.requestID(r)}
	r = withoutSlash(r)
	r = r.WithContext(context.WithValue(r.Context(), frameKey{}, f))
	f.request = r
	h := w.Header()
	h.Set("X-Request-Id", f.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil || a.opt.Cloud || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	out := &answer{ResponseWriter: w, head: r.Method == http.MethodHead}
	defer a.recovered(out, r)
	if err := checkPath(r.URL); err != nil {
		a.refuse(out, r, err)
		return
	}
	a.mux.ServeHTTP(out, r)
}

// requestID takes the platform's ID, else the client's if it is a sane one, else a new one.
func (a *API) requestID(r *http.Request) string {
	if a.opt.RequestID != nil {
		if id := a.opt.RequestID(r.Context()); saneID(id) {
			return id
		}
	}
	if id := r.Header.Get("X-Request-Id"); saneID(id) {
		return id
	}
	return rand.Text()
}

func saneID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// withoutSlash is r without the slash that some clients put behind a path of the API. It is no redirect: with
// one, many clients would lose the key or the body.
func withoutSlash(r *http.Request) *http.Request {
	if p := r.URL.EscapedPath(); !strings.HasPrefix(p, "/v1/") || !strings.HasSuffix(p, "/") || strings.HasSuffix(p, "//") {
		return r
	}
	bare := *r.URL
	bare.Path, bare.RawPath = strings.TrimSuffix(bare.Path, "/"), strings.TrimSuffix(bare.RawPath, "/")
	out := *r
	out.URL = &bare
	return &out
}

// checkPath refuses what ServeMux would answer with a redirect or in plain text: nothing here lives
// at a path that has to be cleaned first.
func checkPath(u *url.URL) error {
	p := u.EscapedPath()
	if len(p) > maxPath || len(u.RawQuery) > maxQuery {
		return problem(codeURITooLong, fmt.Sprintf("the path and the query may each have %d bytes", maxPath))
	}
	if !strings.HasPrefix(p, "/") || path.Clean(p) != strings.TrimSuffix(p, "/") && p != "/" {
		return problem(codeNotFound, "nothing is here")
	}
	return nil
}

// missed answers what no route matches: 405 where another method would, else 404.
func (a *API) missed(w http.ResponseWriter, r *http.Request) {
	var allow []string
	probe := &http.Request{Host: r.Host, URL: r.URL}
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != "/" && pattern != "" {
			allow = append(allow, m)
		}
	}
	if allow == nil {
		a.refuse(w, r, problem(codeNotFound, "nothing is here"))
		return
	}
	list := strings.Join(allow, ", ")
	w.Header().Set("Allow", list)
	a.refuse(w, r, problem(codeMethodNotAllowed, "this path takes "+list))
}

// refuse answers a person, whose browser asks for HTML by name, with a page, and a program with a problem.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if a.opt.Page == nil || strings.HasPrefix(r.URL.Path, "/v1/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		a.Fail(w, r, err)
		return
	}
	a.opt.Page(w, r, a.problemOf(r, err))
}

// recovered turns a panic into a 500, or cuts the connection where the answer has begun.
func (a *API) recovered(w *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	a.opt.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request_id", RequestID(r.Context())),
		slog.String("method", r.Method), slog.String("route", r.Pattern),
		slog.String("panic", panicText(v)), slog.String("stack", string(debug.Stack())))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	a.refuse(w, r, problem(codeInternal, internalDetail))
}

// panicText shows only what cannot hold a secret: texts of ours and of the runtime. An error may.
func panicText(v any) string {
	switch v := v.(type) {
	case runtime.Error:
		return v.Error()
	case string:
		return v
	}
	return fmt.Sprintf("%T", v)
}

// answer knows whether it has begun, and keeps bodies from HEAD: not every platform drops them.
type answer struct {
	http.ResponseWriter
	head, begun bool
}

// Unwrap serves http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answer) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK
	w.ResponseWriter.WriteHeader(status)
}

func (w *answer) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.head {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

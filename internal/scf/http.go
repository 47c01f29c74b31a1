package scf

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"time"
)

// answerReserve is kept of an HTTP invocation's time, so that a handler whose context has ended can
// still say so: after the deadline itself the platform answers with an error of its own.
const answerReserve = 200 * time.Millisecond

// StartHTTP serves HTTP events and does not return: an API gateway's, a function URL's or the like. base
// is the process's environment, taken before (see Environ). The handler is asked for per invocation,
// as settings and credentials may change between two. Whatever happens, the answer has the shape of an
// HTTP answer; a panic is a 500 problem, an event that cannot be read a 400.
//
// roots are the first segments of the handler's paths ("v1", "healthz", "" for /). In front of
// them a gateway's own path and stage are taken off; with no roots, nothing is.
//
// The request carries the platform's request ID in X-Request-Id, whatever the client sent there, and
// none of the platform's own headers.
func StartHTTP(base map[string]string, handle func(context.Context, Invocation) http.Handler, roots ...string) {
	start(web(base, handle, roots))
}

func web(base map[string]string, handle func(context.Context, Invocation) http.Handler, roots []string) handler {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		inv, ctx, cancel := begin(ctx, base)
		defer cancel()
		e, err := decodeEvent(payload)
		if inv.RequestID == "" && e != nil {
			inv.RequestID = saneID(string(e.RequestContext.RequestID))
		}
		if inv.RequestID == "" {
			inv.RequestID = newID()
		}
		ctx = context.WithValue(ctx, invocationKey{}, inv)
		if errors.Is(err, errQueryNotUTF8) {
			return reply(ctx, notUTF8(err.Error()), &http.Request{Method: http.MethodGet}), nil
		}
		if err != nil {
			return reply(ctx, invalid(err.Error()), &http.Request{Method: http.MethodGet}), nil
		}
		r, p := e.request(ctx, roots)
		if p != nil {
			return reply(ctx, p, &http.Request{Method: e.method()}), nil
		}
		r.Header.Set("X-Request-Id", inv.RequestID)
		ctx, cancel = reserve(ctx)
		defer cancel()
		return reply(ctx, ask(handle, inv), r.WithContext(ctx)), nil
	}
}

// ask gets the handler while serving, so that a panic in the getting is answered too.
func ask(handle func(context.Context, Invocation) http.Handler, inv Invocation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle(r.Context(), inv).ServeHTTP(w, r)
	})
}

// reserve ends ctx a little before the invocation's deadline, a tenth of the time left at most.
func reserve(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-min(answerReserve, max(0, time.Until(end)/10))))
}

// reply runs h and gives the bytes the platform takes.
func reply(ctx context.Context, h http.Handler, r *http.Request) []byte {
	id := RequestID(ctx)
	rec := record(ctx, h, r)
	if !rec.full {
		if out := rec.answer(r.Method, id).encode(); len(out) <= maxAnswer {
			return out
		}
	}
	return record(ctx, internal("the answer is larger than the platform's 6 MB; ask for less at once"), r).answer(r.Method, id).encode()
}

// record runs h to its end, or to its panic; then what it had written is dropped.
func record(ctx context.Context, h http.Handler, r *http.Request) (rec *recorder) {
	rec = newRecorder()
	defer func() {
		if v := recover(); v != nil {
			_ = panicked(ctx, v) // logged there; the answer does not repeat it
			rec = newRecorder()
			internal("something failed that should not; the log has more under this answer's X-Request-Id").ServeHTTP(rec, r)
		}
	}()
	h.ServeHTTP(rec, r)
	return rec
}

// saneID is id if it looks like one, else "".
func saneID(id string) string {
	if len(id) > 64 || !isToken(id) {
		return ""
	}
	return id
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return hex.EncodeToString(b)
}

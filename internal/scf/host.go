package scf

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Host serves a handler as a plain web server: a web function on the platform, a container, a unit of
// systemd, a laptop. Limits and headers are those of the events.
type Host struct {
	// Platform says that requests come through the platform's own proxy, which lets no client set
	// X-Scf-* headers: then X-Scf-Request-Id and X-Scf-Remote-Addr are believed.
	Platform bool
	// Grace is how long requests under way may go on after ctx has ended; 0 is 10 s.
	Grace time.Duration
	Log   *slog.Logger // nil: slog's default
}

// ListenAndServe listens on addr and then does as Serve.
func (h Host) ListenAndServe(ctx context.Context, addr string, handler http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return h.Serve(ctx, l, handler)
}

// Serve serves handler on l until ctx ends, and then lets requests under way end. It closes l, and
// returns nil after such an end.
func (h Host) Serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	grace := h.Grace
	if grace == 0 {
		grace = 10 * time.Second
	}
	log := h.Log
	if log == nil {
		log = slog.Default()
	}
	limited := newCrowd(l, connections(), log)
	server := &http.Server{
		Handler:           h.Wrap(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       30 * time.Second,
		ConnState:         limited.state,
		MaxHeaderBytes:    4 * maxHeader, // the platform's own headers come on top of the client's
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		// ctx has ended; the grace needs one that has not.
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := server.Shutdown(late)
		if err != nil {
			_ = server.Close()
		}
		ended <- err
	})
	err := server.Serve(limited)
	if !stop() && errors.Is(err, http.ErrServerClosed) {
		return <-ended
	}
	return err
}

// Wrap puts the limits and the care for headers and panics around a handler.
func (h Host) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := ""
		if h.Platform {
			id = saneID(r.Header.Get("X-Scf-Request-Id"))
			if a := address(r.Header.Get("X-Scf-Remote-Addr")); a != "" {
				r.RemoteAddr = a
			}
		}
		if id == "" {
			id = newID()
		}
		strip(r.Header)
		w.Header().Set("X-Request-Id", id)
		if p := check(r); p != nil {
			p.ServeHTTP(w, r)
			return
		}
		r.Header.Set("X-Request-Id", id)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		ctx := context.WithValue(r.Context(), invocationKey{}, Invocation{RequestID: id})
		w = &watched{ResponseWriter: w}
		defer h.recovered(ctx, w.(*watched), r)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func check(r *http.Request) *problem {
	switch {
	case len(r.RequestURI) > maxPath:
		return tooLong()
	case count(r.URL.Query()) > maxQuery:
		return tooMany()
	case r.ContentLength > maxBody:
		return tooLarge()
	default:
		return checkHeader(r.Header)
	}
}

// recovered answers a panic as a problem if nothing was written yet, and cuts the connection if it was.
func (Host) recovered(ctx context.Context, w *watched, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(v)
	}
	_ = panicked(ctx, v)
	if w.wrote {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	id := h.Get("X-Request-Id")
	clear(h)
	h.Set("X-Request-Id", id)
	internal("something failed that should not; the log has more under this answer's X-Request-Id").ServeHTTP(w, r)
}

// watched knows whether the answer has begun.
type watched struct {
	http.ResponseWriter
	wrote bool
}

// WriteHeader begins the answer.
func (w *watched) WriteHeader(status int) {
	w.wrote = w.wrote || status >= 200
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer.
func (w *watched) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// Flush sends what there is, for handlers that stream.
func (w *watched) Flush() {
	w.wrote = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

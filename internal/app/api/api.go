// Package api wires the other half of migwatch: settings to the HTTP API over the store. It links no
// upstream client and holds no cloud keys.
package api

import (
	"context"
	"net/http"
	"os"
	"reflect"
	"sync"
	"time"

	"migwatch/internal/app"
	"migwatch/internal/config"
	"migwatch/internal/httpapi"
	"migwatch/internal/metrics"
	"migwatch/internal/scf"
	"migwatch/internal/secret"
	"migwatch/internal/store"
	"migwatch/internal/web"
)

// Roots are the first segments of all paths served here.
var Roots = []string{"", "v1", "healthz", "readyz", "openapi.json", "metrics", "jobs", "discoveries", "badge", "assets", "session", "preferences", "wechat"}

// Server answers HTTP. It keeps what it built for as long as the settings stay the same.
type Server struct {
	Log   *app.Log
	Place config.Place
	Local bool // listens on loopback only: without any key it answers this machine

	// News gives a channel that is closed when this process next writes something; nil: others write.
	News func() <-chan struct{}

	database app.Database
	noKey    sync.Once

	counted sync.Once // makes what follows, which lasts as long as the process
	keys    *httpapi.Refusals
	pushes  *httpapi.Refusals

	mu      sync.Mutex
	used    config.Settings
	handler http.Handler
}

// Handler gives the handler for an invocation with this environment. Wrong settings are answered, not
// returned: every request is told what is wrong.
func (s *Server) Handler(env map[string]string) http.Handler {
	settings, err := config.Load(env, s.Place, os.ReadFile)
	if err != nil {
		s.Log.Error("the settings are wrong", "error", err.Error())
		return s.build(settings, err)
	}
	s.Log.Use(settings)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handler == nil || !same(s.used, settings) {
		for _, w := range settings.Warnings {
			s.Log.Warn(w)
		}
		s.handler, s.used = s.build(settings, nil), settings
	}
	return s.handler
}

// Close ends the store's connections.
func (s *Server) Close() error { return s.database.Close() }

// same compares what was set; the keyring is made of it.
func same(a, b config.Settings) bool {
	a.Keyring, b.Keyring = nil, nil
	return reflect.DeepEqual(a, b)
}

// build makes the API of settings, or the one that tells why there is none.
func (s *Server) build(settings config.Settings, wrong error) http.Handler {
	logged := func(err error) error {
		if err != nil {
			s.Log.Warn("the store cannot be used", "error", err.Error(), "cause", app.Cause(err))
		}
		return err
	}
	open := func(ctx context.Context) (*store.Store, error) {
		if wrong != nil {
			return nil, app.NotReady(wrong)
		}
		db, err := s.database.Open(ctx, settings)
		return db, logged(err)
	}
	s.counted.Do(s.count)
	o := httpapi.Options{
		Open: func(ctx context.Context) (httpapi.Store, error) { return open(ctx) },
		Ready: func(ctx context.Context) error {
			if wrong != nil {
				return app.NotReady(wrong)
			}
			return logged(s.database.Ready(ctx, settings))
		},
		Keys:       secret.NewKeys(settings.AdminKeys, settings.ReadKeys),
		PublicRead: settings.PublicRead,
		FileURLs:   settings.FileURLs,
		Local:      s.Local,
		Cloud:      settings.Cloud || s.Place == config.Query,
		Now:        time.Now,
		Log:        s.Log.Logger,
		Version:    app.Version(),
		RequestID:  scf.RequestID,
		WrongKeys:  s.keys,
		News:       s.News,
	}
	if wrong != nil {
		o.Broken = app.NotReady(wrong)
	}
	var pages *web.UI
	o.Page = func(w http.ResponseWriter, r *http.Request, err error) { pages.Fail(w, r, err) }
	a := httpapi.New(o)
	a.Handle("POST /wechat/callback", secret.RoleNone, s.callback(a, settings, open))
	a.Handle("GET /metrics", secret.RoleRead, s.metrics(a, open))
	pages = web.New(web.Options{
		Open:   func(ctx context.Context) (web.Store, error) { return open(ctx) },
		Access: a.Access, Keys: o.Keys, FileURLs: o.FileURLs, Cloud: o.Cloud, Now: o.Now, Log: o.Log, Version: o.Version,
	})
	pages.Mount(func(pattern string, h http.Handler) { a.Handle(pattern, secret.RoleNone, h) })
	return a
}

func (s *Server) count() {
	s.keys = httpapi.NewRefusals(s.Log.Logger, "wrong API keys were presented")
	s.pushes = httpapi.NewRefusals(s.Log.Logger, "ticket pushes were refused")
}

// metrics serves the figures; what keeps it from them is a problem like any other.
func (s *Server) metrics(a *httpapi.API, open func(context.Context) (*store.Store, error)) http.Handler {
	figures := metrics.New(metrics.Options{
		Open:    func(ctx context.Context) (metrics.Store, error) { return open(ctx) },
		Refused: func() metrics.Refused { return metrics.Refused{Keys: s.keys.Total(), Pushes: s.pushes.Total()} },
		Version: app.Version(), Now: time.Now, Log: s.Log.Logger,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := open(r.Context()); err != nil {
			a.Fail(w, r, err)
			return
		}
		figures.ServeHTTP(w, r)
	})
}

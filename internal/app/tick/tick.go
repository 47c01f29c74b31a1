// Package tick wires one half of migwatch: settings and credentials of an invocation to a poller's
// tick. It links no HTTP API.
package tick

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"sync"
	"time"

	"migwatch/internal/app"
	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/poller"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// Ticker runs ticks. It keeps between them what may be kept: connections, and which tokens were
// refused; never credentials.
type Ticker struct {
	Log   *app.Log
	Place config.Place
	// Answered is shown the head of every answer of an upstream; nil: nobody is.
	Answered func(*http.Response)

	mu        sync.Mutex // for what follows; ticks may overlap, and are harmless to each other
	database  app.Database
	transport *cloudapi.Transport
	versions  dts.Versions
	web       *http.Client    // for all that is no upstream
	used      config.Settings // what wechat was made of
	wechat    *wechat.Client
}

// Tick does what one invocation with this environment is to do.
func (t *Ticker) Tick(ctx context.Context, env map[string]string) (report poller.Report, err error) {
	settings, db, err := t.open(ctx, env)
	defer func() { t.beat(ctx, settings.Heartbeat, err) }()
	if err != nil {
		return poller.Report{}, err
	}
	upstreams, err := t.upstreams(env, settings, db)
	if err != nil {
		return poller.Report{}, err
	}
	teller := t.teller(settings, db)
	teller.Keep(ctx) // before anything happens that they are to be told of
	report, err = poller.Tick(ctx, poller.Options{
		Store:     db,
		Upstreams: upstreams,
		Rates:     rates(settings),
		Timeout:   settings.PollTimeout, Lease: settings.PollLease, Reserve: settings.PollReserve,
		Log:  t.Log.Logger,
		Tell: func(ctx context.Context) int64 { return t.tell(ctx, settings, db, teller) },
	})
	if err == nil {
		t.prune(ctx, db, settings)
	}
	return report, err
}

// open reads the settings of this environment and opens their store. The settings that could be read come with an error, too.
func (t *Ticker) open(ctx context.Context, env map[string]string) (config.Settings, *store.Store, error) {
	settings, err := config.Load(env, t.Place, os.ReadFile)
	if err != nil {
		return settings, nil, err
	}
	t.Log.Use(settings)
	db, err := t.database.Open(ctx, settings)
	return settings, db, err
}

const (
	pruneTime = 2 * time.Second // of the tick's rest
	pruneRows = 1000            // a tick
)

// prune forgets a little of what is too old, where the tick has time left for it. That it could not is
// no reason to call the tick failed: the next one goes on.
func (t *Ticker) prune(ctx context.Context, db *store.Store, s config.Settings) {
	deadline, ok := ctx.Deadline()
	if s.RetainSnapshots <= 0 && s.RetainEvents <= 0 || ok && time.Until(deadline) < 2*pruneTime {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTime)
	defer cancel()
	n, err := db.Prune(ctx, job.Retention{Snapshots: s.RetainSnapshots, Events: s.RetainEvents}, pruneRows)
	if err != nil {
		t.Log.Warn("cannot prune", "error", err.Error(), "cause", app.Cause(err))
	}
	if n > 0 {
		t.Log.Info("pruned", "rows", n)
	}
}

// Close ends connections.
func (t *Ticker) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.transport != nil {
		t.transport.Close()
	}
	if t.web != nil {
		t.web.CloseIdleConnections()
	}
	return t.database.Close()
}

// upstreams are the clients of both upstreams, with this invocation's credentials: read once, and afresh
// where DTS calls them stale, as those in files may have been replaced.
func (t *Ticker) upstreams(env map[string]string, s config.Settings, db *store.Store) (map[job.Provider]poller.Upstream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.transport == nil {
		// The platform's library has put the invocation's Environment into the process's by now.
		t.transport = cloudapi.NewTransport(cloudapi.Options{Proxy: http.ProxyFromEnvironment, Answered: t.Answered})
	}
	if t.wechat == nil || !same(t.used, s) {
		for _, w := range s.Warnings {
			t.Log.Warn(w)
		}
		client, err := t.newWeChat(s.WeChat, db)
		if err != nil {
			return nil, err
		}
		t.wechat, t.used = client, s
	}
	cloud, err := dts.New(dts.Options{
		BaseURL: s.DTS.URL, Transport: t.transport, Now: time.Now, Versions: &t.versions,
		Keys: dts.Snapshot(func() (dts.Keys, error) { return t.keys(env) }),
	})
	if err != nil {
		return nil, fmt.Errorf("DTS: %w", err)
	}
	return map[job.Provider]poller.Upstream{job.WeChat: t.wechat, job.DTS: cloud, job.DTSMigration: cloud, job.DTSSync: cloud}, nil
}

// rates are how many calls a second each upstream API takes.
func rates(s config.Settings) map[job.Provider]float64 {
	return map[job.Provider]float64{job.WeChat: s.WeChat.Rate, job.DTS: s.DTS.Rate, job.DTSMigration: s.DTS.Rate, job.DTSSync: s.DTS.Rate}
}

func (t *Ticker) keys(env map[string]string) (dts.Keys, error) {
	s, err := config.Load(env, t.Place, os.ReadFile)
	if err != nil {
		return dts.Keys{}, err
	}
	t.Log.Use(s)
	c := s.Credentials
	return dts.Keys{SecretID: c.SecretID, SecretKey: c.SecretKey, Token: c.SessionToken}, nil
}

// same reports whether a WeChat client made of a serves b: its source remembers tokens, and keeps them in
// the database.
func same(a, b config.Settings) bool {
	return reflect.DeepEqual(a.WeChat, b.WeChat) && reflect.DeepEqual(a.Database, b.Database) && reflect.DeepEqual(a.EncryptionKeys, b.EncryptionKeys)
}

func (t *Ticker) newWeChat(s config.WeChat, db *store.Store) (*wechat.Client, error) {
	source, err := t.source(s, db)
	if err != nil {
		return nil, err
	}
	return wechat.New(wechat.Options{BaseURL: s.URL, Transport: t.transport, Tokens: hiding{source, t.Log}, Now: time.Now})
}

// source is where the WeChat token comes from: the first way that is configured.
func (t *Ticker) source(s config.WeChat, db *store.Store) (wechat.Source, error) {
	switch {
	case !s.AccessToken.IsZero():
		return wechat.NewFixed(s.AccessToken), nil
	case !s.TokenURL.IsZero():
		return wechat.NewService(wechat.ServiceOptions{URL: s.TokenURL, Transport: t.transport, Now: time.Now})
	case s.AppID != "" && !s.AppSecret.IsZero():
		return wechat.NewOwn(wechat.OwnOptions{BaseURL: s.URL, AppID: s.AppID, AppSecret: s.AppSecret, Transport: t.transport, Vault: db, Now: time.Now})
	}
	return wechat.Unset{}, nil
}

// hiding tells the log of every token before it is used.
type hiding struct {
	wechat.Source
	log *app.Log
}

func (h hiding) Token(ctx context.Context) (secret.Text, error) {
	token, err := h.Source.Token(ctx)
	h.log.Hide(token)
	return token, err
}

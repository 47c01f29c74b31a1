package main

import (
	"context"
	"fmt"
	"time"

	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/app/local"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
	"migwatch/internal/scf"
)

type serveCmd struct {
	Listen  string        `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where the HTTP API listens (${default})."`
	Every   time.Duration `default:"30s" placeholder:"TIME" help:"Time between ticks (${default})."`
	Migrate bool          `help:"Bring the database's schema up to date first."`
	patience
}

// leastTick is the least time a tick gets, however often it runs.
const leastTick = 55 * time.Second

// Run serves until Ctrl-C or SIGTERM. Its log goes to stdout as JSON lines.
func (cmd *serveCmd) Run(ctx context.Context, sh *shell) error {
	if err := sh.onlyHere("serve"); err != nil {
		return err
	}
	if cmd.Every < time.Second {
		return usagef("--every must be 1s or more")
	}
	s, err := sh.settings()
	if err != nil {
		return err
	}
	if err := cmd.prepare(ctx, sh, s); err != nil {
		return ended(ctx, err)
	}
	l, _, err := local.Listen(ctx, cmd.Listen, false)
	if err != nil {
		return ended(ctx, fmt.Errorf("cannot listen on %s: %w", cmd.Listen, err))
	}
	log, env := app.NewLog(sh.out), sh.settingsEnv()
	log.Use(s)
	var bell app.Bell
	server := &api.Server{Log: log, Place: config.Local, Local: local.Loopback(l), News: bell.Next}
	ticker := &tick.Ticker{Log: log, Place: config.Local}
	ticker.OnCommit(bell.Ring)
	sh.closers = append(sh.closers, ticker.Close, server.Close)
	log.Info("listening", "address", l.Addr().String(), "url", local.URL(l), "every", cmd.Every.String(), "version", app.Version())
	if !server.Local && len(s.AdminKeys)+len(s.ReadKeys) == 0 {
		log.Warn("no API key is configured and others than this machine can connect: every request is refused; set MIGWATCH_ADMIN_KEYS")
	}
	if len(s.Notify) > 0 {
		telling := make(chan struct{})
		go func() {
			defer close(telling)
			tell(ctx, &bell, func(ctx context.Context) error { return ticker.Tell(ctx, env) })
		}()
		defer func() { <-telling }()
	}
	return cmd.serve(ctx, func(ctx context.Context) error {
		return scf.Host{Log: log.Logger}.Serve(ctx, l, server.Handler(env))
	}, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, max(cmd.Every, leastTick))
		defer cancel()
		if _, err := ticker.Tick(ctx, env); err != nil && ctx.Err() == nil {
			log.Error("the tick could not work", "error", err.Error())
		}
	})
}

const (
	tellEvery = time.Second            // how often what was written elsewhere, and what failed, is told
	tellRest  = 100 * time.Millisecond // between two tellings
)

// tell hands on what happens as soon as it is written, until ctx ends: ticks are too far apart for that.
func tell(ctx context.Context, bell *app.Bell, work func(context.Context) error) {
	for ctx.Err() == nil {
		news := bell.Next()
		bounded, cancel := context.WithTimeout(ctx, leastTick)
		_ = work(bounded) // a tick that meets the same tells it
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(tellRest):
		}
		select {
		case <-ctx.Done():
		case <-news:
		case <-time.After(tellEvery):
		}
	}
}

// prepare makes sure that there is a database to work on before anybody is told to connect.
func (cmd *serveCmd) prepare(ctx context.Context, sh *shell, s config.Settings) error {
	if !cmd.Migrate {
		if err := exists(s.Database); err != nil {
			return err
		}
	}
	db, err := cmd.openStore(sh, s)
	if err != nil {
		return err
	}
	if cmd.Migrate {
		if _, err := db.Migrate(ctx); err != nil {
			return err
		}
	}
	if err := db.Ready(ctx); err != nil {
		return fmt.Errorf("%w (or start with --migrate)", err)
	}
	return nil
}

// serve runs both halves until ctx ends or one of them cannot go on.
func (cmd *serveCmd) serve(ctx context.Context, serve func(context.Context) error, work func(context.Context)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx)
		stop()
	}()
	local.Every(ctx, cmd.Every, work)
	return <-served
}

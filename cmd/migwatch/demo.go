package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"migwatch/client"
	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/app/local"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
	"migwatch/internal/emulator"
	"migwatch/internal/job"
	"migwatch/internal/scf"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

type demoCmd struct {
	Listen  string        `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where the HTTP API listens (${default}); another port if it is taken."`
	Every   time.Duration `default:"3s" placeholder:"TIME" help:"Time between ticks (${default})."`
	Script  string        `type:"existingfile" placeholder:"FILE" predictor:"file" help:"Play this script instead of the one built in."`
	Verbose bool          `short:"v" help:"Print the log too, on stderr."`
}

// demo is one demo under way.
type demo struct {
	*shell
	demoCmd
	dir    string
	env    map[string]string // its settings; none of the user's
	log    *app.Log
	url    string // of the HTTP API
	client *client.Client
	labels map[client.Key]string
	ticker *tick.Ticker
	told   story

	webhook webhook

	emulator *emulator.Emulator
}

// Run plays the demo until Ctrl-C.
func (cmd *demoCmd) Run(ctx context.Context, sh *shell) (err error) {
	if err := sh.onlyHere("demo"); err != nil {
		return err
	}
	if cmd.Every < 100*time.Millisecond {
		return usagef("--every must be 100ms or more")
	}
	script, err := cmd.script()
	if err != nil {
		return err
	}
	d, stop, err := cmd.start(ctx, sh, script)
	defer stop()
	if err != nil {
		return ended(ctx, err)
	}
	d.intro(len(script.Jobs()))
	local.Every(ctx, d.Every, d.step)
	if !d.JSON {
		fmt.Fprintln(d.out)
	}
	return nil
}

// start makes everything ready. stop ends what serves; the shell's closers do the rest.
func (cmd *demoCmd) start(ctx context.Context, sh *shell, script emulator.Script) (d *demo, stop func(), err error) {
	d = &demo{shell: sh, demoCmd: *cmd, labels: map[client.Key]string{}, log: app.NewLog(io.Discard)}
	if cmd.Verbose {
		d.log = app.NewLog(sh.err)
	}
	// What serves outlives ctx a little, and ends before anything is closed.
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var servers sync.WaitGroup
	stop = func() {
		cancel()
		servers.Wait()
	}
	if d.dir, err = os.MkdirTemp("", "migwatch-demo-"); err != nil {
		return d, stop, err
	}
	sh.closers = append(sh.closers, func() error { return os.RemoveAll(d.dir) })
	if err := d.prepare(ctx, serving, &servers, script); err != nil {
		return d, stop, err
	}
	return d, stop, d.watch(ctx, script)
}

// ended makes an error that only says that ctx is over a clean end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (cmd *demoCmd) script() (emulator.Script, error) {
	if cmd.Script == "" {
		return emulator.Demo(), nil
	}
	b, err := os.ReadFile(cmd.Script)
	if err != nil {
		return emulator.Script{}, err
	}
	script, err := emulator.Parse(string(b))
	if err != nil {
		return script, fmt.Errorf("%s: %w", cmd.Script, err)
	}
	return script, nil
}

// prepare starts the emulated upstreams, makes the database and serves the HTTP API.
func (d *demo) prepare(ctx, serving context.Context, servers *sync.WaitGroup, script emulator.Script) error {
	upstream, err := d.emulate(ctx, serving, servers, script)
	if err != nil {
		return err
	}
	hook, err := d.receive(ctx, serving, servers)
	if err != nil {
		return err
	}
	d.settings(upstream)
	d.env["MIGWATCH_NOTIFY"] = hook
	db, err := store.Open(secret.New(d.env["MIGWATCH_DATABASE_URL"]), store.Options{})
	if err != nil {
		return err
	}
	if _, err := db.Migrate(ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	l, moved, err := local.Listen(ctx, d.Listen, true)
	if err != nil {
		return err
	}
	if d.url = local.URL(l); moved {
		fmt.Fprintf(d.err, "migwatch: %s is taken; listening on %s\n", d.Listen, l.Addr())
	}
	server := &api.Server{Log: d.log, Place: config.Local, Local: local.Loopback(l)}
	d.ticker = &tick.Ticker{Log: d.log, Place: config.Local}
	d.closers = append(d.closers, server.Close, d.ticker.Close)
	handler := server.Handler(d.env)
	servers.Go(func() { _ = scf.Host{Grace: time.Second}.Serve(serving, l, handler) })
	d.client, err = client.New("http://localhost", "", &http.Client{Transport: local.Transport{Handler: scf.Host{}.Wrap(handler)}})
	return err
}

// upstream is the emulator as the settings know it.
type upstream struct {
	url   string
	token string
	cloud emulator.Credential
}

// emulate serves both upstream APIs on loopback, over HTTP as the real ones are.
func (d *demo) emulate(ctx, serving context.Context, servers *sync.WaitGroup, script emulator.Script) (upstream, error) {
	made := func() string { return secret.GenerateAPIKey().Reveal() }
	u := upstream{token: made(), cloud: emulator.Credential{ID: "AKID" + made(), Key: made()}}
	d.emulator = emulator.New(emulator.Options{
		Now: d.now, Script: script, Seed: made(), Closed: true, Arrivals: 1000,
		WeChat: emulator.WeChatOptions{Tokens: []string{u.token}},
		DTS:    emulator.DTSOptions{Credentials: []emulator.Credential{u.cloud}},
	})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return u, err
	}
	u.url = local.URL(l)
	server := &http.Server{Handler: d.emulator, ReadHeaderTimeout: 5 * time.Second}
	servers.Go(func() { _ = server.Serve(l) })
	servers.Go(func() {
		<-serving.Done()
		d.emulator.Close() // first: what hangs would keep the server
		_ = server.Close()
	})
	return u, nil
}

// settings are the demo's own. No API key: on loopback a plain curl is answered. The encryption key
// dies with the database.
func (d *demo) settings(u upstream) {
	d.env = map[string]string{
		"MIGWATCH_DATABASE_URL":        "sqlite:" + filepath.Join(d.dir, "migwatch.db"),
		"MIGWATCH_ENCRYPTION_KEYS":     secret.GenerateEncryptionKey().Reveal(),
		"MIGWATCH_WECHAT_URL":          u.url,
		"MIGWATCH_WECHAT_ACCESS_TOKEN": u.token,
		"MIGWATCH_DTS_URL":             u.url,
		"TENCENTCLOUD_SECRETID":        u.cloud.ID,
		"TENCENTCLOUD_SECRETKEY":       u.cloud.Key,
		"MIGWATCH_POLL_RESERVE":        "500ms",
		"MIGWATCH_TROUBLE_AFTER":       "20s", // a demo is short
		"MIGWATCH_STUCK_AFTER":         "5m",
	}
}

func (d *demo) watch(ctx context.Context, script emulator.Script) error {
	for _, j := range script.Jobs() {
		k := client.Key{Provider: string(j.API), Scope: j.Scope, JobID: j.ID}
		d.labels[k] = j.Label
		if job.CheckDiscovery(job.Provider(k.Provider), k.Scope) == nil { // its list names it
			if _, _, err := d.client.Discover(ctx, k.Provider, k.Scope, client.DiscoveryChange{}); err != nil {
				return fmt.Errorf("discover %s/%s: %w", k.Provider, k.Scope, err)
			}
			continue
		}
		if _, _, err := d.client.Watch(ctx, k, client.Change{Label: &j.Label}); err != nil {
			return fmt.Errorf("watch %s: %w", k, err)
		}
	}
	return nil
}

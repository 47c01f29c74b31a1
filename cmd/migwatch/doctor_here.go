package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"migwatch/internal/app"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/migrations"
)

// What the clocks may differ by: signatures are refused at five minutes.
const (
	skewNoticed = 2 * time.Second
	skewTooMuch = time.Minute
)

// Jobs that cannot exist, to be polled.
const (
	noDTSJob    = "dts-migwatch0"
	noWeChatJob = "1"
	noRegion    = "ap-guangzhou"
	noEnv       = "migwatch-doctor"
)

// here checks this machine: its settings, its database, and what they reach.
func (d *doctor) here(ctx context.Context) {
	s, err := config.Load(d.settingsEnv(), config.Local, os.ReadFile)
	if err != nil {
		d.wrongSettings(err)
		return
	}
	d.log.Add(s.Secrets()...)
	d.settingsFindings(s)
	db, ready := d.database(ctx, s)
	d.encryption(ctx, s, db)
	d.proxies(s)
	watched := map[job.Provider]string{}
	if ready {
		d.clock(ctx, db)
		d.ticks(ctx, db)
		d.sinks(ctx, s, db)
		watched = watchedScopes(ctx, db)
	}
	dates := map[string]time.Duration{} // by host: how far its clock is ahead of this one
	ticker := &tick.Ticker{Log: app.NewLog(d.err), Place: config.Local, Answered: func(r *http.Response) {
		if there, err := http.ParseTime(r.Header.Get("Date")); err == nil {
			dates[r.Request.URL.Host] = there.Add(time.Second / 2).Sub(d.now()) // it has no parts of a second
		}
	}}
	defer func() { _ = ticker.Close() }() // the command ends
	env := d.settingsEnv()
	env["MIGWATCH_LOG_LEVEL"] = "error"
	poll := func(k job.Key) (job.Observation, error) {
		ctx, cancel := d.bounded(ctx)
		defer cancel()
		return ticker.Poll(ctx, env, k)
	}
	d.wechat(s, ready, watched[job.WeChat], poll)
	d.dts(s, ready, job.DTS, watched[job.DTS], poll)
	for _, p := range []job.Provider{job.DTSMigration, job.DTSSync} {
		if watched[p] != "" { // they need other actions than a check does
			d.dts(s, ready, p, watched[p], poll)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(dates)) {
		d.skew(dates[host].Abs().Round(time.Second), "from "+host)
	}
	d.callback(s)
}

// watchedScopes gives for each provider of which anything is watched a scope where it is.
func watchedScopes(ctx context.Context, db *store.Store) map[job.Provider]string {
	scopes := map[job.Provider]string{}
	if places, err := db.Discoveries(ctx); err == nil {
		for _, one := range places {
			scopes[one.Provider] = one.Scope
		}
	}
	for _, p := range job.Providers {
		if jobs, err := db.Jobs(ctx, job.Filter{Provider: p}, nil, 1); err == nil && len(jobs) > 0 {
			scopes[p] = jobs[0].Key.Scope
		}
	}
	return scopes
}

func (d *doctor) wrongSettings(err error) {
	var all *config.Error
	if !errors.As(err, &all) {
		d.tell("settings", wrong, err.Error(), "")
		return
	}
	for _, p := range all.Problems {
		d.tell("settings", wrong, p.Setting+": "+p.Text, "")
	}
}

func (d *doctor) settingsFindings(s config.Settings) {
	set := 0
	for _, one := range config.All() {
		if d.env[one.Name] != "" || d.env[one.Name+"_FILE"] != "" {
			set++
		}
	}
	d.tell("settings", fine, fmt.Sprintf("%d of %d settings are set, none is wrong", set, len(config.All())), "")
	for _, w := range s.Warnings {
		d.tell("settings", warning, w, "")
	}
	if len(s.AdminKeys) == 0 {
		d.tell("API keys", warning, "MIGWATCH_ADMIN_KEYS is not set: only requests on loopback can change anything, and in the cloud none",
			"make a key with migwatch key")
	} else {
		d.tell("API keys", fine, fmt.Sprintf("%d admin, %d read", len(s.AdminKeys), len(s.ReadKeys)), "")
	}
}

// encryption checks the keys against what is stored, if db is there to be asked.
func (d *doctor) encryption(ctx context.Context, s config.Settings, db *store.Store) {
	if s.Keyring == nil {
		d.tell("encryption", warning, "MIGWATCH_ENCRYPTION_KEYS is not set: no token, ticket or file URL is kept",
			"make a key with migwatch key --encryption")
		return
	}
	if db != nil {
		ctx, cancel := d.bounded(ctx)
		defer cancel()
		ticket, came, err := db.Ticket(ctx)
		if d.sealed = err == nil && ticket.IsZero() && !came.IsZero(); d.sealed {
			d.tell("encryption", wrong, "a verify ticket is stored, but sealed with none of MIGWATCH_ENCRYPTION_KEYS",
				"give both functions the same keys, the one that sealed it among them")
			return
		}
	}
	d.tell("encryption", fine, fmt.Sprintf("%d key(s); the first encrypts", len(s.EncryptionKeys)), "")
}

// proxies tells which upstreams are reached through a proxy. What is in its address beside the host may be
// secret.
func (d *doctor) proxies(s config.Settings) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		if _, err := url.Parse(d.env[name]); err != nil {
			if _, err := url.Parse("http://" + d.env[name]); err != nil {
				d.tell("proxy", wrong, name+" cannot be read and is not used", "write it as http://HOST:PORT")
			}
		}
	}
	var through []string
	for _, to := range []string{s.WeChat.URL, s.WeChat.TokenURL.Reveal(), cmp.Or(s.DTS.URL, "https://dts.tencentcloudapi.com")} {
		at, err := url.Parse(to)
		if err != nil || to == "" {
			continue
		}
		if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: at}); err == nil && proxy != nil {
			through = append(through, at.Host+" through "+proxy.Host)
		}
	}
	if through == nil {
		d.tell("proxy", skipped, "none: HTTPS_PROXY, HTTP_PROXY and NO_PROXY name none for the upstreams", "")
		return
	}
	d.tell("proxy", fine, strings.Join(through, ", "), "")
}

// database says whether there is one to go on with.
func (d *doctor) database(ctx context.Context, s config.Settings) (*store.Store, bool) {
	if err := exists(s.Database); err != nil {
		d.tell("database", wrong, err.Error(), "")
		return nil, false
	}
	db, err := d.openStore(s)
	if err == nil {
		ctx, cancel := d.bounded(ctx)
		defer cancel()
		err = db.Ready(ctx)
	}
	if err != nil {
		d.tell("database", wrong, s.Database.Describe()+": "+err.Error(), "")
		return nil, false
	}
	d.tell("database", fine, fmt.Sprintf("%s answers, its schema is right (version %d)", s.Database.Describe(), migrations.Version(db.Engine())), "")
	return db, true
}

func (d *doctor) clock(ctx context.Context, db *store.Store) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	before := d.now()
	there, err := db.Now(ctx)
	if err != nil {
		d.tell("clock", wrong, err.Error(), "")
		return
	}
	took := d.now().Sub(before)
	d.skew(there.Sub(before.Add(took/2)).Abs().Round(time.Millisecond), "from the database's, which answers in "+took.Round(time.Millisecond).String())
}

// skew judges how far this machine's clock is from another.
func (d *doctor) skew(skew time.Duration, from string) {
	detail := skew.String() + " " + from
	switch remedy := "set both by NTP: requests to DTS are signed with this machine's time"; {
	case skew > skewTooMuch:
		d.tell("clock", wrong, detail, remedy)
	case skew > skewNoticed:
		d.tell("clock", warning, detail, remedy)
	default:
		d.tell("clock", fine, detail, "")
	}
}

// ticks says when the last tick was.
func (d *doctor) ticks(ctx context.Context, db *store.Store) {
	s, err := db.Summary(ctx)
	if err != nil {
		d.tell("ticks", wrong, err.Error(), "")
		return
	}
	var last *time.Time
	if s.LastTick != nil {
		last = &s.LastTick.FinishedAt
	}
	byKind := map[string]int64{}
	for k, n := range s.ByKind {
		byKind[string(k)] = n
	}
	d.polled(last, s.Watched, s.Overdue, s.Failing, byKind)
}

func (d *doctor) wechat(s config.Settings, ready bool, watched string, poll func(job.Key) (job.Observation, error)) {
	given := !s.WeChat.AccessToken.IsZero() || !s.WeChat.TokenURL.IsZero() || s.WeChat.AppID != ""
	switch {
	case !given && watched == "":
		d.tell("WeChat", skipped, "no token is configured and no job watched", "")
		return
	case !ready:
		d.tell("WeChat", skipped, "needs the database", "")
		return
	}
	env := cmp.Or(d.Env, watched, noEnv)
	made := env == noEnv
	seen, err := poll(job.Key{Provider: job.WeChat, Scope: env, ID: noWeChatJob})
	v, detail, remedy := pollVerdict(seen, err, s.WeChat.URL+" accepts the token and this machine's address")
	if made && aboutAccount(err) {
		v, remedy = warning, "the token works; name an environment of yours with --env to check more"
	}
	d.tell("WeChat", v, detail, remedy)
}

// dts tries what jobs of provider p need, of which some are watched in a region, or "" none.
func (d *doctor) dts(s config.Settings, ready bool, p job.Provider, watched string, poll func(job.Key) (job.Observation, error)) {
	name := map[job.Provider]string{job.DTS: "DTS", job.DTSMigration: "DTS migrations", job.DTSSync: "DTS syncs"}[p]
	switch {
	case s.Credentials.IsZero() && watched == "":
		d.tell(name, skipped, "no credentials are configured and no job watched", "")
		return
	case !ready:
		d.tell(name, skipped, "needs the database", "")
		return
	}
	region := cmp.Or(d.Region, watched, noRegion)
	seen, err := poll(job.Key{Provider: p, Scope: region, ID: noDTSJob})
	v, detail, remedy := pollVerdict(seen, err, "credentials and permission work in "+region)
	d.tell(name, v, detail, remedy)
}

// callback checks what belongs together where tokens are fetched with tickets WeChat pushes.
func (d *doctor) callback(s config.Settings) {
	w := s.WeChat
	own := w.AccessToken.IsZero() && w.TokenURL.IsZero() && w.AppID != ""
	switch {
	case w.AppID == "" && w.CallbackToken.IsZero() && len(w.CallbackAESKeys) == 0:
		d.tell("callback", skipped, "no ticket pushes are configured", "")
	case w.CallbackToken.IsZero() || len(w.CallbackAESKeys) == 0 || w.AppID == "":
		v := warning
		if own {
			v = wrong
		}
		d.tell("callback", v, "ticket pushes cannot be read", "set MIGWATCH_WECHAT_APPID, MIGWATCH_WECHAT_CALLBACK_TOKEN and MIGWATCH_WECHAT_CALLBACK_AES_KEYS together")
	case own && s.Keyring == nil:
		d.tell("callback", wrong, "tickets and tokens cannot be kept", "set MIGWATCH_ENCRYPTION_KEYS")
	case d.sealed:
		d.tell("callback", wrong, "the ticket that was pushed last cannot be opened here", "see encryption")
	default:
		d.tell("callback", fine, "POST /wechat/callback can read ticket pushes; register it on the platform", "")
	}
}

package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"migwatch/client"
)

// tickLate is after how long without a tick the timer has stopped: it comes every minute.
const tickLate = 5 * time.Minute

// server checks a server far away.
func (d *doctor) server(ctx context.Context) error {
	c, err := d.open(ctx)
	if err != nil {
		return err
	}
	if !d.reachable(ctx, c) {
		return nil
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		d.tell("ready", wrong, err.Error(), "")
	} else {
		d.tell("ready", fine, "its database answers and has the right schema", "")
	}
	s, err := c.Summary(ctx)
	if !d.role(ctx, c, err) {
		return nil
	}
	var last *time.Time
	if s.LastTick != nil {
		last = &s.LastTick.FinishedAt
	}
	d.polled(last, s.Watched, s.Overdue, s.Failing, s.FailingByKind)
	return nil
}

func (d *doctor) reachable(ctx context.Context, c *client.Client) bool {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	before := d.now()
	h, err := c.Health(ctx)
	if err != nil {
		d.tell("server", wrong, err.Error(), "check the address; a function URL must be open to where you are")
		return false
	}
	d.tell("server", fine, fmt.Sprintf("%s answers in %s (version %s)", c.Server(), d.now().Sub(before).Round(time.Millisecond), h.Version), "")
	u, err := url.Parse(c.Server())
	key, keyErr := d.apiKey()
	if err == nil && keyErr == nil && !key.IsZero() && u.Scheme == "http" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()) {
		d.tell("transport", warning, "the key goes over plain HTTP, where others on the way can read it", "use https, or a network nobody else is in")
	}
	return true
}

// nobody is a job nobody watches: to poll it changes nothing, and only an admin key learns that.
var nobody = client.Key{Provider: client.DTS, Scope: noRegion, JobID: noDTSJob}

// role tells what the key may do; false where it may not even read. readErr is what came of reading.
func (d *doctor) role(ctx context.Context, c *client.Client, readErr error) bool {
	if readErr != nil {
		remedy := ""
		if client.Code(readErr) == client.CodeUnauthorized {
			remedy = "give --key, or set MIGWATCH_KEY or MIGWATCH_KEY_FILE"
		}
		d.tell("key", wrong, readErr.Error(), remedy)
		return false
	}
	_, err := c.PollNow(ctx, nobody)
	switch client.Code(err) {
	case client.CodeJobNotFound, "", client.CodeJobPaused:
		d.tell("key", fine, "it may read and change (admin)", "")
	case client.CodeForbidden, client.CodeUnauthorized:
		d.tell("key", fine, "it may read, not change", "")
	default:
		d.tell("key", warning, "it may read; whether it may change is not known: "+err.Error(), "")
	}
	return true
}

// polled tells of the ticks: whether they come, and whether they get anywhere.
func (d *doctor) polled(last *time.Time, watched, overdue, failing int64, byKind map[string]int64) {
	const timer = "check that the timer trigger of the poll function is on, and its log; here run migwatch serve or poll"
	switch {
	case last == nil && watched == 0:
		d.tell("ticks", skipped, "none yet, and no job is watched", "")
	case last == nil:
		d.tell("ticks", wrong, "nothing has been polled yet", timer)
	default:
		age := d.now().Sub(*last)
		v, remedy := fine, ""
		if age > tickLate {
			v, remedy = wrong, timer
		}
		d.tell("ticks", v, "the last one was "+ago(age)+" ago", remedy)
	}
	if overdue > 0 {
		d.tell("overdue", wrong, fmt.Sprintf("%d of %d jobs have been due for more than ten minutes", overdue, watched),
			"ticks do not come, or the rate is too low for so many jobs")
	} else {
		d.tell("overdue", fine, fmt.Sprintf("none of %d jobs", watched), "")
	}
	if failing == 0 {
		d.tell("polls", fine, "no job's last poll failed", "")
		return
	}
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		if byKind[k] > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", byKind[k], k))
		}
	}
	d.tell("polls", warning, fmt.Sprintf("of %d jobs the last one failed: %s", failing, strings.Join(kinds, ", ")), "run migwatch jobs: it says of each why")
}

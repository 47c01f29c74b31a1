package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"migwatch/client"
)

// story is what the demo has told so far.
type story struct {
	event   string // the last one's ID
	failing map[client.Key]bool
	over    bool
}

// longestStep ends a tick that meets a script's hanging API.
const longestStep = 20 * time.Second

func (d *demo) intro(jobs int) {
	if d.JSON {
		_ = printJSON(d.out, map[string]any{"url": d.url, "jobs": jobs})
		return
	}
	strong := func(s string) string { return bold.of(s, d.colour(d.out)) }
	fmt.Fprintf(d.out, `%s watches %d migration jobs of two emulated cloud APIs.

  open   %s
  or     curl %s/v1/jobs

Each line below is a job that changes its phase. Each story begins anew a while after its end. Ctrl-C ends the demo; nothing stays behind.

`, strong("migwatch demo"), jobs, strong(d.url), d.url)
}

// step is what happens every few seconds: hasten, tick, tell.
func (d *demo) step(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longestStep)
	defer cancel()
	err := d.hasten(ctx)
	if err == nil {
		_, err = d.ticker.Tick(ctx, d.env)
	}
	if err == nil {
		err = d.tell(ctx)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprint(d.shell.log, explain(err))
	}
}

// hasten makes every job due, final ones too, as their stories begin anew. The schedule polls a job every 30 s at the soonest,
// which is right for jobs that take hours and dull for a demo; so the demo does what an operator may do
// who does not want to wait: POST …/poll. The schedule itself, its back-off after failed polls and the
// budgets stay what they are.
func (d *demo) hasten(ctx context.Context) error {
	now := d.now()
	for j, err := range d.client.Jobs(ctx, client.JobFilter{PageSize: 500}) {
		if err != nil {
			return err
		}
		due := j.Polling.NextAt != nil && (j.Polling.Failures > 0 || !j.Polling.NextAt.After(now))
		if j.Paused || due {
			continue
		}
		if _, err := d.client.PollNow(ctx, j.Key()); err != nil && client.Code(err) != client.CodeJobNotFound && client.Code(err) != client.CodeJobPaused {
			return err
		}
	}
	return nil
}

// tell prints what has changed since the last time.
func (d *demo) tell(ctx context.Context) error {
	for e, err := range d.client.Events(ctx, client.EventFilter{After: d.told.event, PageSize: 500}) {
		if err != nil {
			return err
		}
		d.told.event = e.ID
		if d.JSON {
			_ = printJSON(d.out, e)
			continue
		}
		if e.Type != "phase" {
			d.line(e.At, e.Key(), phaseStyles["unknown"].style.of(e.Type+" "+string(e.From)+" → "+string(e.To), d.colour(d.out)), e.Message)
			continue
		}
		d.line(e.At, e.Key(), phaseStyles[e.To].style.of(phaseWord(e.Provider, e.From)+" → "+phaseWord(e.Provider, e.To), d.colour(d.out)), e.Message)
	}
	if d.JSON {
		return nil
	}
	d.tellHooked()
	return d.tellPolls(ctx)
}

// tellPolls prints whose polls begin to fail and whose work again, and when all is over.
func (d *demo) tellPolls(ctx context.Context) error {
	if d.told.failing == nil {
		d.told.failing = map[client.Key]bool{}
	}
	moving := false
	for j, err := range d.client.Jobs(ctx, client.JobFilter{PageSize: 500}) {
		if err != nil {
			return err
		}
		moving = moving || !j.Final
		k, failed := j.Key(), j.Polling.LastError
		switch {
		case failed != nil && !d.told.failing[k]:
			d.line(failed.At, k, dim.of("a poll failed", d.colour(d.out)), failure(*failed)+"; it is tried again")
		case failed == nil && d.told.failing[k] && j.Polling.LastAttemptAt != nil:
			d.line(*j.Polling.LastAttemptAt, k, dim.of("polls work again", d.colour(d.out)), "")
		}
		d.told.failing[k] = failed != nil
	}
	if !moving && !d.told.over {
		d.told.over = true
		fmt.Fprintf(d.out, "Every job is at its end now. %s goes on until Ctrl-C.\n", d.url)
	}
	return nil
}

// line is: time, job, label, what happened, the job's own text.
func (d *demo) line(at time.Time, k client.Key, what, message string) {
	coloured := d.colour(d.out)
	parts := []string{dim.of(at.Local().Format("15:04:05 -07:00"), coloured), pad(strings.TrimRight(k.String(), "/"), 43)}
	if label := d.labels[k]; label != "" {
		parts = append(parts, pad(plain(label), 29))
	}
	parts = append(parts, what)
	if message != "" {
		parts = append(parts, dim.of(plain(message), coloured))
	}
	fmt.Fprintln(d.out, strings.Join(parts, "  "))
}

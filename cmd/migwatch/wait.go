package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"migwatch/client"
)

type waitCmd struct {
	Key     string        `arg:"" predictor:"key" help:"The job as PROVIDER/SCOPE/JOB_ID."`
	Timeout time.Duration `short:"t" placeholder:"TIME" help:"Give up after so long, with exit status 3; unless set, never."`
	Every   time.Duration `default:"2s" placeholder:"TIME" help:"How often to ask (${default})."`
}

// waiting is one wait under way.
type waiting struct {
	*shell
	*waitCmd
	c       *client.Client
	key     client.Key
	began   time.Time
	etag    string
	job     client.Job
	seen    bool   // job has been read
	failing string // why the last question was not answered, "" if it was
	points  []point
	out     progressLine
}

// Run waits until the job is final. Exit status: 0 succeeded, 1 ended otherwise, 2 wrong usage or not
// watched, 3 timed out, 4 could not be asked.
func (cmd *waitCmd) Run(ctx context.Context, sh *shell) error {
	keys, err := keysOf([]string{cmd.Key})
	if err != nil {
		return err
	}
	if cmd.Every <= 0 || cmd.Timeout < 0 {
		return usagef("--every and --timeout must be more than nothing")
	}
	c, err := sh.open(ctx)
	if err != nil {
		return notAsked(err)
	}
	w := &waiting{shell: sh, waitCmd: cmd, c: c, key: keys[0], began: sh.now(), out: sh.progressLine()}
	defer w.out.end()
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if cmd.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, cmd.Timeout)
	}
	defer cancel()
	err = w.run(bounded)
	if bounded.Err() != nil && ctx.Err() == nil {
		w.out.end()
		return &exitError{exitTimeout, w.timedOut()}
	}
	return err
}

func (w *waiting) timedOut() error {
	switch {
	case w.failing != "":
		return fmt.Errorf("timed out after %s: %s", w.Timeout, w.failing)
	case !w.seen:
		return fmt.Errorf("timed out after %s: the server did not answer", w.Timeout)
	}
	return fmt.Errorf("timed out after %s: %s is %s", w.Timeout, w.key, w.state())
}

// state is the phase and how far the job has come.
func (w *waiting) state() string {
	s := stateWord(w.job)
	if p := progressOf(w.job); p != "-" {
		s += " " + p
	}
	return s
}

func (w *waiting) run(ctx context.Context) error {
	for {
		changed, err := w.ask(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil && forGood(err):
			return notAsked(err)
		case err != nil:
			w.fails(explainShort(err))
		case w.job.Final:
			return w.finish()
		default:
			w.show(changed)
		}
		pause := time.NewTimer(w.Every)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}

// fails tells once what fails for now; the wait goes on.
func (w *waiting) fails(why string) {
	if why != w.failing {
		w.out.end()
		fmt.Fprintln(w.log, "migwatch: asking again:", why)
	}
	w.failing = why
}

// notAsked gives err the exit code that tells scripts why there is no answer about the job.
func notAsked(err error) error {
	var e *exitError
	switch {
	case errors.As(err, &e), errors.Is(err, context.Canceled):
		return err
	case ofOneJob(err):
		return &exitError{exitUsage, err}
	}
	return &exitError{exitNotAsked, err}
}

// forGood reports whether asking again cannot help.
func forGood(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status < 500 && p.Status != 408 && p.Status != 429
}

func explainShort(err error) string { return clip(plain(err.Error()), 120) }

// ask reads the job where it has changed.
func (w *waiting) ask(ctx context.Context) (changed bool, err error) {
	j, etag, changed, err := w.c.JobIfChanged(ctx, w.key, w.etag)
	if err == nil {
		w.failing = ""
	}
	if err != nil || !changed {
		return false, err
	}
	if !w.seen && j.Phase == client.Running {
		w.remember(ctx)
	}
	moved := !w.seen || !same(w.job, j)
	w.job, w.etag, w.seen = j, etag, true
	if p, ok := pointOf(j.Latest); ok {
		w.points = append(w.points, p)
	}
	return moved, nil
}

// remember takes what was seen before the wait began, so that an ETA is there at once.
func (w *waiting) remember(ctx context.Context) {
	page, err := w.c.HistoryPage(ctx, w.key, client.Span{PageSize: 20}, "")
	if err != nil {
		return // it only makes the ETA come later
	}
	for i := len(page.Items) - 1; i >= 0; i-- {
		if p, ok := pointOf(&page.Items[i]); ok {
			w.points = append(w.points, p)
		}
	}
}

// same reports whether a and b look the same to one who waits.
func same(a, b client.Job) bool {
	return a.Phase == b.Phase && progress(a.Latest) == progress(b.Latest) && a.Polling.Failures == b.Polling.Failures && a.Paused == b.Paused
}

func (w *waiting) show(changed bool) {
	left, known := eta(w.points, w.now())
	if changed && w.JSON {
		_ = printJSON(w.shell.out, withoutURL(w.job))
	}
	if w.JSON {
		return
	}
	text := w.state()
	if n := note(w.job); n != "" {
		text += "  " + n
	}
	if known {
		text += "  about " + ago(left) + " left"
	}
	if !w.out.live {
		if changed {
			w.out.line(w.now().Local().Format("15:04:05 -07:00") + " " + w.key.String() + " " + text)
		}
		return
	}
	w.out.draw(bar(w.job, w.colour(w.shell.out)) + text + "  " + dim.of("for "+ago(w.now().Sub(w.began)), w.colour(w.shell.out)))
}

// finish tells the end.
func (w *waiting) finish() error {
	if w.JSON {
		if err := printJSON(w.shell.out, withoutURL(w.job)); err != nil {
			return err
		}
	} else {
		l := phaseStyles[w.job.Phase]
		text := w.key.String() + " " + l.style.of(w.state(), w.colour(w.shell.out))
		if n := note(w.job); n != "" {
			text += ": " + n
		}
		w.out.line(text)
	}
	if w.job.Phase == client.Succeeded {
		return nil
	}
	return &exitError{code: exitFailed}
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"migwatch/client"
	"migwatch/internal/job"
)

type watchCmd struct {
	Keys   []string `arg:"" optional:"" name:"key" predictor:"key" help:"Jobs as PROVIDER/SCOPE/JOB_ID; - reads a list from stdin."`
	File   string   `short:"f" placeholder:"FILE" predictor:"file" help:"Read jobs from FILE (- is stdin): a KEY and perhaps a label a line, CSV, or JSON as export writes it."`
	Label  *string  `short:"l" placeholder:"TEXT" help:"A name of your own for the job."`
	Paused bool     `xor:"pause" help:"Do not poll it for now."`
	Resume bool     `xor:"pause" help:"Poll it again."`
	Now    bool     `help:"Make it due now, final or not."`
}

// Run watches every job that was named. What is wrong with any of them is told before anything is done.
func (cmd *watchCmd) Run(ctx context.Context, sh *shell) error {
	records, err := cmd.records(sh)
	if err != nil {
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	return sh.apply(ctx, records, func(ctx context.Context, r record) (string, any, error) {
		v, created, err := take(ctx, c, r)
		if err == nil && cmd.Now && !created && r.key.JobID != everyJob {
			var j client.Job
			j, err = c.PollNow(ctx, r.key)
			v = withoutURL(j)
		}
		return cmd.did(created), v, err
	}, sh.say)
}

// did says what was done about a job.
func (cmd *watchCmd) did(created bool) string {
	var parts []string
	if created {
		parts = append(parts, "watching")
	}
	switch {
	case cmd.Paused:
		parts = append(parts, "paused")
	case cmd.Resume && !created:
		parts = append(parts, "resumed")
	}
	if cmd.Now {
		parts = append(parts, "due now")
	}
	if len(parts) == 0 {
		return "watched already:"
	}
	return strings.Join(parts, ", ")
}

func (cmd *watchCmd) records(sh *shell) ([]record, error) {
	var args []string
	for _, k := range cmd.Keys {
		if k == "-" {
			if cmd.File != "" {
				return nil, usagef("both - and --file name a list; keep one")
			}
			cmd.File = "-"
			continue
		}
		args = append(args, k)
	}
	keys, err := keysOf(args)
	if err != nil {
		return nil, err
	}
	if cmd.Label != nil {
		if err := job.CheckLabel(*cmd.Label); err != nil {
			return nil, usagef("--%w", err)
		}
	}
	var records []record
	for _, k := range keys {
		records = append(records, record{key: k})
	}
	if cmd.File != "" {
		more, err := sh.recordsOf(cmd.File)
		if err != nil {
			return nil, err
		}
		records = append(records, more...)
	}
	if len(records) == 0 {
		return nil, usagef("name a job, as in: migwatch watch dts/ap-shanghai/dts-1kl0iy0v")
	}
	for i := range records {
		if cmd.Label != nil {
			records[i].label = cmd.Label
		}
		if cmd.Paused || cmd.Resume {
			records[i].paused = &cmd.Paused
		}
	}
	return records, nil
}

// recordsOf reads a list of jobs from a file, or from stdin where name is -.
func (sh *shell) recordsOf(name string) ([]record, error) {
	if name == "-" {
		if isTerminal(sh.in) {
			fmt.Fprintln(sh.err, "a job a line; Ctrl-D ends the list")
		}
		return readRecords(sh.in, "stdin")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRecords(f, name)
}

type unwatchCmd struct {
	Keys []string `arg:"" name:"key" predictor:"key" help:"Jobs as PROVIDER/SCOPE/JOB_ID."`
	Yes  bool     `short:"y" help:"Do not ask."`
}

// Run forgets every job that was named. History does not come back, so it asks first, and where nobody
// can answer it refuses.
func (cmd *unwatchCmd) Run(ctx context.Context, sh *shell) error {
	keys, err := keysOf(cmd.Keys)
	if err != nil {
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	if !cmd.Yes && !(isTerminal(sh.in) && isTerminal(sh.err)) {
		return usagef("unwatch deletes the history and cannot ask here: give --yes if that is meant")
	}
	if !cmd.Yes {
		what := keys[0].String()
		if len(keys) > 1 {
			what = fmt.Sprintf("%d jobs", len(keys))
		}
		if !sh.confirm("Forget " + what + " and the history? [y/N] ") {
			return &exitError{exitFailed, errors.New("nothing was done")}
		}
	}
	var records []record
	for _, k := range keys {
		records = append(records, record{key: k})
	}
	return sh.apply(ctx, records, func(ctx context.Context, r record) (string, any, error) {
		gone := map[string]string{"provider": r.key.Provider, "scope": r.key.Scope, "job_id": r.key.JobID}
		return "forgotten", gone, c.Unwatch(ctx, r.key)
	}, sh.say)
}

func (sh *shell) confirm(question string) bool {
	fmt.Fprint(sh.err, question)
	line, err := bufio.NewReader(sh.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

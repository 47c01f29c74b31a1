package main

import (
	"context"
	"fmt"
	"time"

	"migwatch/client"
)

// jobFilter is the flags that choose jobs.
type jobFilter struct {
	Provider string   `enum:",wechat,dts,dts-migration,dts-sync" default:"" placeholder:"NAME" help:"Only jobs of this provider: wechat, dts, dts-migration or dts-sync."`
	Scope    string   `placeholder:"SCOPE" help:"Only jobs of this WeChat environment or region."`
	Phase    []string `enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown" placeholder:"PHASE" help:"Only jobs in this phase (${enum}); may repeat."`
	Query    string   `short:"q" placeholder:"TEXT" help:"Only jobs with this text in their ID, scope or label."`
}

func (f jobFilter) filter(size int) client.JobFilter {
	c := client.JobFilter{Provider: f.Provider, Scope: f.Scope, Query: f.Query, PageSize: size}
	for _, p := range f.Phase {
		c.Phases = append(c.Phases, client.Phase(p))
	}
	return c
}

// maxPage is the most the API gives at once.
const maxPage = 500

type jobsCmd struct {
	jobFilter
	Limit int           `short:"n" default:"50" placeholder:"N" help:"How many jobs to list at most (${default})."`
	All   bool          `short:"a" help:"List all, however many."`
	Keys  bool          `short:"k" help:"Print only the keys, one a line."`
	Watch bool          `short:"w" help:"Go on showing them until Ctrl-C."`
	Every time.Duration `default:"2s" placeholder:"TIME" help:"With --watch: how often to ask (${default})."`
}

// Run lists jobs, the most recently changed first.
func (cmd *jobsCmd) Run(ctx context.Context, sh *shell) error {
	switch {
	case cmd.Limit < 1:
		return usagef("--limit must be 1 or more")
	case cmd.Every < 100*time.Millisecond:
		return usagef("--every must be 100ms or more")
	case cmd.Keys && (cmd.Watch || sh.JSON):
		return usagef("--keys goes with neither --watch nor --json")
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	if cmd.Watch {
		return cmd.watch(ctx, sh, c)
	}
	if cmd.Keys {
		_, err := cmd.each(ctx, c, func(j client.Job) error {
			_, err := fmt.Fprintln(sh.out, j.Key())
			return err
		})
		return err
	}
	if sh.JSON {
		out := &list{w: sh.out}
		if _, err := cmd.each(ctx, c, func(j client.Job) error { return out.add(withoutURL(j)) }); err != nil {
			return err
		}
		return out.end()
	}
	t, more, err := cmd.table(ctx, sh, c)
	if err != nil {
		return err
	}
	if len(t.rows) == 1 {
		fmt.Fprintln(sh.err, cmd.none())
		return nil
	}
	if err := t.print(sh.out); err != nil {
		return err
	}
	if more {
		fmt.Fprintf(sh.err, "There are more: --limit or --all lists them.\n")
	}
	return nil
}

func (cmd *jobsCmd) none() string {
	if cmd.Provider+cmd.Scope+cmd.Query != "" || len(cmd.Phase) > 0 {
		return "No watched job is like that."
	}
	return "No job is watched yet: migwatch watch PROVIDER/SCOPE/JOB_ID"
}

// each hands on jobs up to the limit, and says whether there are more.
func (cmd *jobsCmd) each(ctx context.Context, c *client.Client, do func(client.Job) error) (more bool, err error) {
	size, n := maxPage, 0
	if !cmd.All {
		size = min(cmd.Limit+1, maxPage) // one beyond, to know whether there is one
	}
	for j, err := range c.Jobs(ctx, cmd.filter(size)) {
		if err != nil {
			return false, err
		}
		if n++; n > cmd.Limit && !cmd.All {
			return true, nil
		}
		if err := do(j); err != nil {
			return false, err
		}
	}
	return false, nil
}

// table is the list as a person reads it.
func (cmd *jobsCmd) table(ctx context.Context, sh *shell, c *client.Client) (*table, bool, error) {
	t := &table{whole: 4, width: sh.width(sh.out), colour: sh.colour(sh.out)}
	t.head("KEY", "PHASE", "PROGRESS", "SINCE", "LABEL", "NOTE")
	terminal, now := isTerminal(sh.out), sh.now()
	more, err := cmd.each(ctx, c, func(j client.Job) error {
		noted := dim
		if j.Polling.LastError != nil {
			noted = yellow
		}
		t.row(cell{text: j.Key().String()}, phaseCell(stateWord(j), j.Phase, terminal), cell{text: progressOf(j)},
			cell{text: ago(now.Sub(j.ChangedAt))}, cell{text: nameOf(j)}, cell{note(j), noted})
		return nil
	})
	return t, more, err
}

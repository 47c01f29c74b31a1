package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"migwatch/client"
)

type historyCmd struct {
	Key   string `arg:"" predictor:"key" help:"The job as PROVIDER/SCOPE/JOB_ID."`
	Since string `placeholder:"WHEN" help:"Only what was the case then or later: 2026-01-31, 2026-01-31T08:00:00+08:00, or how long ago, as in 90m, 24h, 7d."`
	Until string `placeholder:"WHEN" help:"Only what was the case before then."`
	Order string `enum:"desc,asc" default:"desc" placeholder:"ORDER" help:"desc: newest first (the default); asc: oldest first."`
	Limit *int   `short:"n" placeholder:"N" help:"How many to list at most (50; of CSV all)."`
	All   bool   `short:"a" help:"List all, however many."`
	CSV   bool   `name:"csv" help:"Print CSV, all of it unless --limit says how much."`
}

// Run lists what was seen of a job: each line is a state, as one or more polls saw it.
func (cmd *historyCmd) Run(ctx context.Context, sh *shell) error {
	keys, err := keysOf([]string{cmd.Key})
	if err != nil {
		return err
	}
	k := keys[0]
	span, err := cmd.span(sh.now())
	if err != nil {
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	switch {
	case cmd.CSV && sh.JSON:
		return usagef("--csv and --json cannot go together")
	case cmd.CSV:
		return cmd.csv(ctx, sh, c, k, span)
	case sh.JSON:
		out := &list{w: sh.out}
		if _, err := cmd.each(ctx, c, k, span, func(s client.Snapshot) error { return out.add(s) }); err != nil {
			return err
		}
		return out.end()
	}
	return cmd.table(ctx, sh, c, k, span)
}

// most is how many are listed.
func (cmd *historyCmd) most() int {
	switch {
	case cmd.All, cmd.Limit == nil && cmd.CSV:
		return math.MaxInt
	case cmd.Limit == nil:
		return 50
	}
	return *cmd.Limit
}

func (cmd *historyCmd) span(now time.Time) (client.Span, error) {
	since, err := when(cmd.Since, now)
	if err != nil {
		return client.Span{}, usagef("--since: %w", err)
	}
	until, err := when(cmd.Until, now)
	if err != nil {
		return client.Span{}, usagef("--until: %w", err)
	}
	if cmd.most() < 1 {
		return client.Span{}, usagef("--limit must be 1 or more")
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return client.Span{}, usagef("--until must be after --since")
	}
	size := maxPage
	if n := cmd.most(); n < maxPage {
		size = n + 1 // one beyond, to know whether there is one
	}
	return client.Span{Since: since, Until: until, Ascending: cmd.Order == "asc", PageSize: size}, nil
}

// csv prints the server's CSV, no more rows than the limit.
func (cmd *historyCmd) csv(ctx context.Context, sh *shell, c *client.Client, k client.Key, span client.Span) error {
	out := rowsTo(sh.out)
	if out.left = cmd.most(); out.left < math.MaxInt {
		out.left++ // the header
	}
	if err := c.HistoryCSV(ctx, k, span, out); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

func (cmd *historyCmd) each(ctx context.Context, c *client.Client, k client.Key, span client.Span, do func(client.Snapshot) error) (more bool, err error) {
	n := 0
	for s, err := range c.History(ctx, k, span) {
		if err != nil {
			return false, err
		}
		if n++; n > cmd.most() {
			return true, nil
		}
		if err := do(s); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (cmd *historyCmd) table(ctx context.Context, sh *shell, c *client.Client, k client.Key, span client.Span) error {
	t := &table{whole: 7, width: sh.width(sh.out), colour: sh.colour(sh.out)}
	t.head("SEQ", "FROM", "TO", "POLLS", "PHASE", "STATUS", "PROGRESS", "MESSAGE")
	terminal := isTerminal(sh.out)
	more, err := cmd.each(ctx, c, k, span, func(s client.Snapshot) error {
		t.row(cell{text: number(&s.Seq)}, cell{text: clock(s.FirstObservedAt)}, cell{text: clock(s.LastObservedAt)}, cell{text: number(&s.Observations)},
			phaseCell(phaseWord(k.Provider, s.Phase), s.Phase, terminal), cell{text: s.Status}, cell{text: progress(&s)}, cell{s.Message, dim})
		return nil
	})
	if err != nil {
		return err
	}
	if len(t.rows) == 1 {
		fmt.Fprintln(sh.err, "Nothing was seen of it in that time.")
		return nil
	}
	if err := t.print(sh.out); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(sh.err, "There are more: --limit or --all lists them.")
	}
	return nil
}

// when reads an instant: of RFC 3339, a day or a minute here, or so long ago. "" is none.
func when(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if d, err := span(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-01-31T08:00:00+08:00 or 2026-01-31, nor so long ago, such as 90m, 24h or 7d", s)
}

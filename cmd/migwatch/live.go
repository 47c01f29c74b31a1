package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"migwatch/client"
)

// watch shows the list until Ctrl-C: drawn again and again on a terminal, elsewhere a line for each job
// that has changed.
func (cmd *jobsCmd) watch(ctx context.Context, sh *shell, c *client.Client) error {
	show := cmd.changes(sh)
	if sh.live(sh.out) && !sh.JSON {
		fmt.Fprint(sh.out, "\x1b[?25l\x1b[2J")    // no cursor while drawing
		defer fmt.Fprint(sh.out, "\x1b[?25h\r\n") // and back
		show = func(ctx context.Context, c *client.Client) error { return cmd.draw(ctx, sh, c) }
	}
	began := false
	for {
		err := show(ctx, c)
		if err != nil && ctx.Err() == nil && (!began || forGood(err)) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(sh.err, "asking again:", explainShort(err))
		}
		began = true
		pause := time.NewTimer(cmd.Every)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

// draw fills the screen, and no more than that.
func (cmd *jobsCmd) draw(ctx context.Context, sh *shell, c *client.Client) error {
	height := sh.height(sh.out)
	shown := *cmd
	shown.Limit, shown.All = max(1, min(cmd.Limit, height-4)), false
	t, more, err := shown.table(ctx, sh, c)
	if err != nil {
		return err
	}
	s, err := c.Summary(ctx)
	if err != nil {
		return err
	}
	lines := append([]string{cmd.headline(sh, s), ""}, t.lines()...)
	if more {
		lines = append(lines, dim.of("…", sh.colour(sh.out)))
	}
	_, err = fmt.Fprint(sh.out, "\x1b[H", strings.Join(lines, "\x1b[K\r\n"), "\x1b[K\x1b[J")
	return err
}

// headline is everything in one line.
func (cmd *jobsCmd) headline(sh *shell, s client.Summary) string {
	count := map[client.Phase]int64{}
	for _, phases := range s.Jobs {
		for p, n := range phases {
			count[p] += n
		}
	}
	parts := []string{fmt.Sprintf("%d job%s", s.Watched, plural(int(s.Watched)))}
	for _, p := range phases {
		if count[p] > 0 {
			parts = append(parts, phaseStyles[p].style.of(fmt.Sprintf("%s %d %s", phaseStyles[p].sign, count[p], p), sh.colour(sh.out)))
		}
	}
	if s.Failing > 0 {
		parts = append(parts, yellow.of(fmt.Sprintf("%d failing", s.Failing), sh.colour(sh.out)))
	}
	if s.Overdue > 0 {
		parts = append(parts, red.of(fmt.Sprintf("%d overdue", s.Overdue), sh.colour(sh.out)))
	}
	parts = append(parts, dim.of(sh.now().Local().Format("15:04:05 -07:00")+", Ctrl-C ends", sh.colour(sh.out)))
	return clipStyled(strings.Join(parts, "  "), sh.width(sh.out)) + "\x1b[0m"
}

// changes prints jobs that differ from what was printed of them last.
func (cmd *jobsCmd) changes(sh *shell) func(context.Context, *client.Client) error {
	last := map[client.Key]client.Job{}
	return func(ctx context.Context, c *client.Client) error {
		_, err := cmd.each(ctx, c, func(j client.Job) error {
			if before, ok := last[j.Key()]; ok && same(before, j) {
				return nil
			}
			last[j.Key()] = j
			if sh.JSON {
				return printJSON(sh.out, withoutURL(j))
			}
			parts := []string{sh.now().Local().Format("15:04:05 -07:00"), j.Key().String(), stateWord(j)}
			for _, p := range []string{progressOf(j), plain(nameOf(j)), note(j)} {
				if p != "" && p != "-" {
					parts = append(parts, p)
				}
			}
			_, err := fmt.Fprintln(sh.out, strings.Join(parts, "  "))
			return err
		})
		return err
	}
}

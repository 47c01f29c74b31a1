package main

import (
	"context"
	"fmt"
	"time"

	"migwatch/client"
)

type eventsCmd struct {
	Follow   bool     `short:"f" help:"Go on with what happens from now on, until Ctrl-C."`
	After    string   `placeholder:"ID" help:"Only events after this one; all of them."`
	Limit    int      `default:"50" placeholder:"N" help:"How many of the newest to list (${default})."`
	Type     []string `enum:"phase,stuck,trouble" placeholder:"TYPE" help:"Only phase, stuck or trouble; may repeat."`
	Provider string   `enum:",wechat,dts,dts-migration,dts-sync" default:"" placeholder:"NAME" help:"Only of jobs of this provider."`
	Scope    string   `placeholder:"SCOPE" help:"Only of this environment or region."`
}

// followWait is how long one question for new events may last.
const followWait = 20 * time.Second

// Run lists what happened, the oldest first, and goes on with it.
func (cmd *eventsCmd) Run(ctx context.Context, sh *shell) error {
	if cmd.Limit < 1 {
		return usagef("--limit must be 1 or more")
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	filter := client.EventFilter{After: cmd.After, Provider: cmd.Provider, Scope: cmd.Scope, Types: cmd.Type, PageSize: 500}
	var list []client.Event
	for e, err := range c.Events(ctx, filter) {
		if err != nil {
			return err
		}
		list, filter.After = append(list, e), e.ID
		if cmd.After == "" && len(list) > 2*cmd.Limit {
			list = append(list[:0], list[len(list)-cmd.Limit:]...)
		}
	}
	if cmd.After == "" {
		list = list[max(len(list)-cmd.Limit, 0):]
	}
	if sh.JSON && !cmd.Follow {
		return printJSON(sh.out, list)
	}
	for {
		for _, e := range list {
			if err := cmd.print(sh, e); err != nil {
				return err
			}
			filter.After = e.ID
		}
		if !cmd.Follow {
			return nil
		}
		filter.Wait = followWait
		page, err := c.EventsPage(ctx, filter)
		if err != nil {
			return ended(ctx, err)
		}
		list = page.Items
	}
}

func (cmd *eventsCmd) print(sh *shell, e client.Event) error {
	if sh.JSON {
		return printJSON(sh.out, e)
	}
	what := phaseWord(e.Provider, e.From) + " → " + phaseWord(e.Provider, e.To)
	about := e.Provider + "/" + e.Scope + "/" + e.JobID
	switch e.Type {
	case "stuck":
		what = phaseWord(e.Provider, e.To) + ", stuck"
	case "trouble":
		about = "trouble at " + e.Provider + "/" + e.Scope
		what = fmt.Sprintf("%s → %s, %d job%s", e.From, e.To, e.Jobs, plural(int(e.Jobs)))
	}
	text := ""
	if e.Message != "" {
		text = ": " + plain(e.Message)
	}
	_, err := fmt.Fprintf(sh.out, "%s  %s  %s%s\n", clock(e.At), about, what, text)
	return err
}

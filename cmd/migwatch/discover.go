package main

import (
	"context"
	"fmt"
	"strings"

	"migwatch/client"
	"migwatch/internal/job"
)

type discoverCmd struct {
	Places   []string `arg:"" optional:"" name:"place" help:"Regions as PROVIDER/REGION, such as dts-migration/ap-shanghai."`
	Finished bool     `help:"Also watch jobs that are final already."`
	Paused   bool     `xor:"pause" help:"Find nothing for now."`
	Resume   bool     `xor:"pause" help:"Find jobs again."`
	Force    bool     `help:"Take a region that is not known here."`
}

// placesOf reads and checks every place before anything is done.
func placesOf(args []string, force bool) ([]client.Key, error) {
	var places []client.Key
	for _, arg := range args {
		provider, scope, ok := strings.Cut(arg, "/")
		if !ok || strings.Contains(scope, "/") {
			return nil, usagef("%q: a place is PROVIDER/REGION, as in dts-migration/ap-shanghai", arg)
		}
		if err := job.CheckDiscovery(job.Provider(provider), scope); err != nil {
			return nil, usagef("%s: %w", arg, err)
		}
		if near := job.NearRegion(scope); !force && near != "" {
			return nil, usagef("%s: the region %s is not known here: did you mean %s? --force takes it as it is", arg, scope, near)
		}
		places = append(places, client.Key{Provider: provider, Scope: scope})
	}
	return places, nil
}

// Run begins to discover every place that was named, or lists what is discovered.
func (cmd *discoverCmd) Run(ctx context.Context, sh *shell) error {
	places, err := placesOf(cmd.Places, cmd.Force)
	if err != nil {
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		if cmd.Finished || cmd.Paused || cmd.Resume {
			return usagef("name a place, as in: migwatch discover dts-migration/ap-shanghai")
		}
		return cmd.list(ctx, sh, c)
	}
	var change client.DiscoveryChange
	if cmd.Finished {
		change.Finished = &cmd.Finished
	}
	if cmd.Paused || cmd.Resume {
		change.Paused = &cmd.Paused
	}
	for _, p := range places {
		d, created, err := c.Discover(ctx, p.Provider, p.Scope, change)
		if err != nil {
			return err
		}
		word := map[bool]string{true: "discovering", false: "discovered already:"}[created]
		switch {
		case d.Paused && cmd.Paused:
			word = "paused"
		case cmd.Resume && !created:
			word = "resumed"
		}
		if sh.JSON {
			err = printJSON(sh.out, d)
		} else {
			_, err = fmt.Fprintf(sh.out, "%s %s/%s\n", word, p.Provider, p.Scope)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (cmd *discoverCmd) list(ctx context.Context, sh *shell, c *client.Client) error {
	all, err := c.Discoveries(ctx)
	if err != nil {
		return err
	}
	if sh.JSON {
		return printJSON(sh.out, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(sh.err, "Nothing is discovered yet: migwatch discover dts-migration/ap-shanghai")
		return nil
	}
	t := &table{whole: 3, width: sh.width(sh.out), colour: sh.colour(sh.out)}
	t.head("PLACE", "JOBS", "LAST SWEEP", "NOTE")
	for _, d := range all {
		swept, note := "never", cell{style: dim}
		if d.LastSweepAt != nil {
			swept = ago(sh.now().Sub(*d.LastSweepAt)) + " ago"
		}
		switch e := d.Polling.LastError; {
		case e != nil:
			note = cell{fmt.Sprintf("sweeps fail ×%d: %s", d.Polling.Failures, failure(*e)), yellow}
		case d.Paused:
			note.text = "paused"
		}
		t.row(cell{text: d.Provider + "/" + d.Scope}, cell{text: fmt.Sprint(d.Jobs)}, cell{text: swept}, note)
	}
	return t.print(sh.out)
}

type undiscoverCmd struct {
	Places []string `arg:"" name:"place" help:"Regions as PROVIDER/REGION."`
}

// Run ends every discovery that was named.
func (cmd *undiscoverCmd) Run(ctx context.Context, sh *shell) error {
	places, err := placesOf(cmd.Places, true)
	if err != nil {
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	for _, p := range places {
		if err := c.Undiscover(ctx, p.Provider, p.Scope); err != nil {
			return fmt.Errorf("%s/%s: %w", p.Provider, p.Scope, err)
		}
		if sh.JSON {
			err = printJSON(sh.out, map[string]string{"provider": p.Provider, "scope": p.Scope})
		} else {
			_, err = fmt.Fprintf(sh.out, "no longer discovered: %s/%s\n", p.Provider, p.Scope)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

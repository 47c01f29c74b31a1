package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"migwatch/internal/app"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/notify"
)

type notifyCmd struct {
	List notifyListCmd `cmd:"" help:"List the sinks, and how the telling goes."`
	Test notifyTestCmd `cmd:"" help:"Send one marked message to each sink of MIGWATCH_NOTIFY, and say what came back."`
}

type notifyListCmd struct{}

// Run lists the sinks that ticks have found in their settings.
func (cmd *notifyListCmd) Run(ctx context.Context, sh *shell) error {
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	list, err := c.Sinks(ctx)
	if err != nil {
		return err
	}
	if sh.JSON {
		return printJSON(sh.out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(sh.err, "No sink is known: set MIGWATCH_NOTIFY where jobs are polled; the next tick makes its sinks known.")
		return nil
	}
	t := &table{whole: 2, width: sh.width(sh.out), colour: sh.colour(sh.out)}
	t.head("NAME", "KIND", "BEHIND", "LAST SENT", "NOTE")
	for _, s := range list {
		sent, note := "never", cell{text: strings.Join(s.Filter.On, ","), style: dim}
		if s.LastSentAt != nil {
			sent = ago(sh.now().Sub(*s.LastSentAt)) + " ago"
		}
		switch {
		case s.Stopped:
			note = cell{"stopped until its URL changes: " + *s.LastError, red}
		case s.LastError != nil:
			note = cell{fmt.Sprintf("failed ×%d: %s", s.Failures, *s.LastError), yellow}
		}
		t.row(cell{text: s.Name}, cell{text: s.Kind}, cell{text: fmt.Sprint(s.Behind)}, cell{text: sent}, note)
	}
	return t.print(sh.out)
}

type notifyTestCmd struct{}

// tested is what came back from one sink.
type tested struct {
	Name  string  `json:"name"`
	Kind  string  `json:"kind"`
	Taken bool    `json:"taken"`
	Error *string `json:"error"`
}

// Run sends the messages from this machine, with its settings.
func (cmd *notifyTestCmd) Run(ctx context.Context, sh *shell) error {
	s, err := sh.settingsHere("notify test")
	if err != nil {
		return err
	}
	if len(s.Notify) == 0 {
		return errors.New("MIGWATCH_NOTIFY is not set: there is nobody to tell; docs/notifications.md shows how its URLs look")
	}
	ticker := &tick.Ticker{Log: app.NewLog(sh.err), Place: config.Local}
	sh.closers = append(sh.closers, ticker.Close)
	client := ticker.Client(s)
	failed := 0
	for _, one := range s.Notify {
		out := tested{Name: one.Name, Kind: one.Kind}
		limited, cancel := context.WithTimeout(ctx, notify.SendTime)
		_, err := client.Send(limited, one, []job.Told{notify.TestMessage(sh.now())})
		cancel()
		if out.Taken = err == nil; err != nil {
			failed++
			text := err.Error()
			out.Error = &text
		}
		switch {
		case sh.JSON:
			err = printJSON(sh.out, out)
		case out.Taken:
			_, err = fmt.Fprintf(sh.out, "✓ %s (%s): taken\n", out.Name, out.Kind)
		default:
			_, err = fmt.Fprintf(sh.out, "✗ %s (%s): %s\n", out.Name, out.Kind, plain(*out.Error))
		}
		if err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d sinks did not take it", failed, len(s.Notify))
	}
	return nil
}

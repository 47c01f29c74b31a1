package main

import (
	"context"
	"fmt"
	"time"

	"migwatch/internal/app"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
)

type pollCmd struct {
	Timeout time.Duration `default:"55s" placeholder:"TIME" help:"Longest the tick may take (${default})."`
}

// Run does one tick and prints its report. The log goes to stderr.
func (cmd *pollCmd) Run(ctx context.Context, sh *shell) error {
	if err := sh.onlyHere("poll"); err != nil {
		return err
	}
	if cmd.Timeout <= 0 {
		return usagef("--timeout must be more than nothing")
	}
	s, err := sh.settings()
	if err != nil {
		return err
	}
	if err := exists(s.Database); err != nil {
		return err
	}
	ticker := &tick.Ticker{Log: app.NewLog(sh.err), Place: config.Local}
	sh.closers = append(sh.closers, ticker.Close)
	ctx, cancel := context.WithTimeout(ctx, cmd.Timeout)
	defer cancel()
	report, err := ticker.Tick(ctx, sh.settingsEnv())
	if err != nil {
		return err
	}
	if sh.JSON {
		return printJSON(sh.out, report)
	}
	told := ""
	if report.Notified > 0 {
		told = fmt.Sprintf("; %d event%s told", report.Notified, plural(int(report.Notified)))
	}
	_, err = fmt.Fprintf(sh.out, "polled %d of %d due jobs in %s: %d changed, %d polls failed, %d given back, %d lost; %d still due%s\n",
		report.Recorded+report.Failed, report.Claimed, (time.Duration(report.ElapsedMS) * time.Millisecond).Round(10*time.Millisecond),
		report.Changed, report.Failed, report.Released, report.Lost, report.Due, told)
	return err
}

// Command poll is the timer-triggered function: one tick per invocation.
package main

import (
	"context"
	"log/slog"
	"os"

	"migwatch/internal/app"
	"migwatch/internal/app/tick"
	"migwatch/internal/config"
	"migwatch/internal/scf"
)

func main() {
	log := app.NewLog(os.Stdout)
	slog.SetDefault(log.Logger)
	ticker := &tick.Ticker{Log: log, Place: config.Poll}
	scf.StartTimer(scf.Environ(os.Environ()), func(ctx context.Context, inv scf.Invocation, _ scf.TimerEvent) (any, error) {
		report, err := ticker.Tick(ctx, inv.Env)
		if err != nil {
			log.Error("the tick could not work", "request_id", inv.RequestID, "error", err.Error(), "cause", app.Cause(err))
			return nil, err
		}
		return report, nil
	})
}

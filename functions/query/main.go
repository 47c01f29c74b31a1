// Command query is the HTTP-triggered function: it tells what is remembered. It never holds cloud keys.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/config"
	"migwatch/internal/scf"
)

func main() {
	log := app.NewLog(os.Stdout)
	slog.SetDefault(log.Logger)
	env := scf.Environ(os.Environ())
	if env[scf.PortVariable] == "" {
		os.Exit(api.Serve(log, env))
	}
	server := &api.Server{Log: log, Place: config.Query}
	scf.StartHTTP(env, func(_ context.Context, inv scf.Invocation) http.Handler {
		return server.Handler(inv.Env)
	}, api.Roots...)
}

package api

import (
	"context"
	"net"
	"os"
	"os/signal"
	"syscall"

	"migwatch/internal/app"
	"migwatch/internal/config"
	"migwatch/internal/scf"
)

// defaultPort is where the platform expects a web function.
const defaultPort = "9000"

// Serve runs the query function as a plain web server, on PORT or the platform's 9000, until SIGINT or
// SIGTERM. It returns the process's exit code.
func Serve(log *app.Log, env map[string]string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	settings, err := config.Load(env, config.QueryServer, os.ReadFile)
	if err != nil {
		log.Error("the settings are wrong", "error", err.Error())
		return 1
	}
	server := &Server{Log: log, Place: config.QueryServer}
	defer func() { _ = server.Close() }() // the process ends
	port := env["PORT"]
	if port == "" {
		port = defaultPort
	}
	log.Use(settings)
	log.Info("listening", "port", port)
	if err := (scf.Host{Platform: settings.Cloud, Log: log.Logger}).ListenAndServe(ctx, net.JoinHostPort("", port), server.Handler(env)); err != nil {
		log.Error("cannot serve", "error", err.Error())
		return 1
	}
	return 0
}

// Command migwatch is the same parts on one machine: a demo, a server with a timer, and everything a
// person or a script wants to ask or tell, of the database at hand or of a server far away.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"migwatch/internal/scf"
)

func main() { os.Exit(mainExit()) }

func mainExit() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	return run(ctx, os.Args[1:], &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		env: scf.Environ(os.Environ()), now: time.Now,
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"migwatch/client"
	"migwatch/internal/app"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

type versionCmd struct{}

// Run prints the version.
func (cmd *versionCmd) Run(sh *shell) error {
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"version": app.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
	}
	_, err := fmt.Fprintf(sh.out, "migwatch %s (%s, %s/%s)\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

type keyCmd struct {
	Encryption bool `help:"Make an encryption key for MIGWATCH_ENCRYPTION_KEYS instead."`
}

// Run prints a new random key, and on a terminal where it belongs.
func (cmd *keyCmd) Run(sh *shell) error {
	kind, key, where := "api", secret.GenerateAPIKey(), "Put it into MIGWATCH_ADMIN_KEYS or MIGWATCH_READ_KEYS of the server; clients send it as Authorization: Bearer KEY."
	if cmd.Encryption {
		kind, key = "encryption", secret.GenerateEncryptionKey()
		where = "Put it first into MIGWATCH_ENCRYPTION_KEYS of both functions, before the older ones; without it what it encrypts is lost."
	}
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"kind": kind, "key": key.Reveal()})
	}
	if isTerminal(sh.out) {
		fmt.Fprintln(sh.err, where)
	}
	_, err := fmt.Fprintln(sh.out, key.Reveal())
	return err
}

type openCmd struct {
	Key string `arg:"" optional:"" help:"The job as PROVIDER/SCOPE/JOB_ID; without it the page of all."`
}

// servedHere is where demo and serve listen unless told otherwise.
const servedHere = "http://127.0.0.1:8080"

// Run prints where a person sees the job.
func (cmd *openCmd) Run(sh *shell) error {
	var k client.Key
	if cmd.Key != "" {
		keys, err := keysOf([]string{cmd.Key})
		if err != nil {
			return err
		}
		k = keys[0]
	}
	server := sh.remote()
	if server == "" {
		server = servedHere
	}
	c, err := client.New(server, "", nil)
	if err != nil {
		return usagef("--server: %w", err)
	}
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"url": c.PageURL(k)})
	}
	_, err = fmt.Fprintln(sh.out, c.PageURL(k))
	return err
}

type pruneCmd struct {
	Snapshots string `placeholder:"AGE" help:"Delete snapshots of final jobs older than that, as in 90d; 0 keeps them. Unless given, MIGWATCH_RETENTION_SNAPSHOTS."`
	Events    string `placeholder:"AGE" help:"The same for events. Unless given, MIGWATCH_RETENTION_EVENTS."`
}

// Run deletes what is too old. It goes over all jobs once; ticks do the same a little at a time.
func (cmd *pruneCmd) Run(ctx context.Context, sh *shell) error {
	if err := sh.onlyHere("prune"); err != nil {
		return err
	}
	if server := sh.env[serverVariable]; server != "" {
		return usagef("%s is set, and prune works on the database itself: unset it where MIGWATCH_DATABASE_URL is set", serverVariable)
	}
	s, err := sh.settings()
	if err != nil {
		return err
	}
	keep := job.Retention{Snapshots: s.RetainSnapshots, Events: s.RetainEvents}
	if keep.Snapshots, err = age("--snapshots", cmd.Snapshots, keep.Snapshots); err != nil {
		return err
	}
	if keep.Events, err = age("--events", cmd.Events, keep.Events); err != nil {
		return err
	}
	if keep == (job.Retention{}) {
		return usagef("nothing says what is too old: give --snapshots or --events, or set MIGWATCH_RETENTION_SNAPSHOTS or MIGWATCH_RETENTION_EVENTS")
	}
	if err := exists(s.Database); err != nil {
		return err
	}
	db, err := sh.openStore(s)
	if err != nil {
		return err
	}
	if err := db.Ready(ctx); err != nil {
		return err
	}
	deleted, err := db.Prune(ctx, keep, 0)
	if sh.JSON {
		return errors.Join(err, printJSON(sh.out, map[string]int64{"deleted": deleted}))
	}
	_, printErr := fmt.Fprintf(sh.out, "%d row%s deleted\n", deleted, plural(int(deleted)))
	return errors.Join(err, printErr)
}

func age(flag, text string, otherwise time.Duration) (time.Duration, error) {
	if text == "" {
		return otherwise, nil
	}
	d, err := span(text)
	if err != nil {
		return 0, usagef("%s: %q is no age such as 90d or 12h", flag, text)
	}
	return d, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/store"
)

type pruneCmd struct {
	Snapshots string `placeholder:"AGE" help:"Delete snapshots of final jobs older than that, as in 90d; 0 keeps them. Unless given, MIGWATCH_RETENTION_SNAPSHOTS."`
	Events    string `placeholder:"AGE" help:"The same for events. Unless given, MIGWATCH_RETENTION_EVENTS."`
}

// Run deletes what is too old. It goes over all jobs once; ticks do the same a little at a time.
func (cmd *pruneCmd) Run(ctx context.Context, sh *shell) error {
	s, err := sh.settingsHere("prune")
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
	db, err := sh.readyStore(ctx, s)
	if err != nil {
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

type rekeyCmd struct{}

// Run seals everything secret in the database anew with the first of MIGWATCH_ENCRYPTION_KEYS. After it
// the other keys may go.
func (*rekeyCmd) Run(ctx context.Context, sh *shell) error {
	s, err := sh.settingsHere("rekey")
	if err != nil {
		return err
	}
	if !s.Keyring.CanSeal() {
		return usagef("MIGWATCH_ENCRYPTION_KEYS is not set: put a new key (migwatch key --encryption) in front of the old one")
	}
	db, err := sh.readyStore(ctx, s)
	if err != nil {
		return err
	}
	done, lost, err := db.Rekey(ctx)
	if err == nil && lost > 0 {
		err = fmt.Errorf("%d value%s no key of MIGWATCH_ENCRYPTION_KEYS opens; add the key that sealed them, or they are replaced as new ones come", lost, plural(lost))
	}
	if sh.JSON {
		return errors.Join(err, printJSON(sh.out, map[string]int{"rekeyed": done, "unreadable": lost}))
	}
	_, printErr := fmt.Fprintf(sh.out, "%d value%s sealed anew\n", done, plural(done))
	return errors.Join(err, printErr)
}

// settingsHere gives the settings for a command that works on the database itself.
func (sh *shell) settingsHere(command string) (config.Settings, error) {
	if err := sh.onlyHere(command); err != nil {
		return config.Settings{}, err
	}
	if sh.env[serverVariable] != "" {
		return config.Settings{}, usagef("%s is set, and %s works on the database itself: unset it where MIGWATCH_DATABASE_URL is set", serverVariable, command)
	}
	return sh.settings()
}

// readyStore opens a database that is there and migrated.
func (sh *shell) readyStore(ctx context.Context, s config.Settings) (*store.Store, error) {
	if err := exists(s.Database); err != nil {
		return nil, err
	}
	db, err := sh.openStore(s)
	if err != nil {
		return nil, err
	}
	return db, db.Ready(ctx)
}

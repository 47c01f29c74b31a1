package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/migrations"
)

type migrateCmd struct {
	patience
	Status bool `help:"Only say whether the schema is right; exit 1 if not."`
}

// patience is with a database that does not answer, or that another process migrates.
type patience struct {
	Wait time.Duration `default:"1m" placeholder:"TIME" help:"How long to wait for a database that does not answer, or that another process migrates (${default})."`
}

// openStore is the database to migrate. What is waited for is said on stderr.
func (p patience) openStore(sh *shell, s config.Settings) (*store.Store, error) {
	if p.Wait <= 0 {
		return nil, usagef("--wait must be more than 0")
	}
	return sh.openStoreWith(s, store.Options{Keys: s.Keyring, Patience: p.Wait, Waiting: func() {
		fmt.Fprintf(sh.err, "waiting for %s: it does not answer yet, or another process migrates it; giving up after %s\n", s.Database.Describe(), p.Wait)
	}})
}

// migrated is what migrate prints as JSON.
type migrated struct {
	Database string `json:"database"`
	Version  int64  `json:"version"` // that this build works with
	Applied  int    `json:"applied"`
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"` // why not ready
}

// Run brings the schema up to date, or tells whether it is.
func (cmd *migrateCmd) Run(ctx context.Context, sh *shell) error {
	if err := sh.onlyHere("migrate"); err != nil {
		return err
	}
	s, err := sh.settings()
	if err != nil {
		return err
	}
	if cmd.Status {
		if err := exists(s.Database); err != nil {
			return err
		}
	}
	db, err := cmd.openStore(sh, s)
	if err != nil {
		return err
	}
	done := migrated{Database: s.Database.Describe(), Version: migrations.Version(db.Engine())}
	if !cmd.Status {
		if done.Applied, err = db.Migrate(ctx); err != nil {
			return err
		}
	}
	err = db.Ready(ctx)
	var not *job.NotReadyError
	if err != nil && !errors.As(err, &not) {
		return err
	}
	if done.Ready = err == nil; !done.Ready {
		done.Reason = err.Error()
	}
	if sh.JSON {
		if e := printJSON(sh.out, done); e != nil || err == nil {
			return e
		}
		return &exitError{code: exitFailed}
	}
	switch {
	case err != nil:
		return err
	case done.Applied > 0:
		_, err = fmt.Fprintf(sh.out, "%s: applied %d migration%s, the schema is at version %d\n", done.Database, done.Applied, plural(done.Applied), done.Version)
	default:
		_, err = fmt.Fprintf(sh.out, "%s: up to date (version %d)\n", done.Database, done.Version)
	}
	return err
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

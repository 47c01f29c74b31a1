package tick

import (
	"context"
	"time"

	"migwatch/internal/config"
	"migwatch/internal/notify"
	"migwatch/internal/store"
)

// OnCommit has f called after each commit that may have told an event. It comes before the first tick.
func (t *Ticker) OnCommit(f func()) { t.database.Committed = f }

// Tell hands on what happened, with the settings of this environment, as each tick does at its end: for whoever has time
// between ticks.
func (t *Ticker) Tell(ctx context.Context, env map[string]string) error {
	settings, db, err := t.open(ctx, env)
	if err != nil {
		return err
	}
	teller := t.teller(settings, db)
	teller.Keep(ctx)
	teller.Tell(ctx)
	return nil
}

// tell notices what goes wrong without any job's change, and hands on what happened.
func (t *Ticker) tell(ctx context.Context, s config.Settings, db *store.Store, teller *notify.Teller) int64 {
	if err := db.Notice(ctx, s.StuckAfter, s.TroubleAfter); err != nil {
		t.Log.Error("cannot look for troubles", "error", err.Error())
	}
	return teller.Tell(ctx)
}

func (t *Ticker) teller(s config.Settings, db *store.Store) *notify.Teller {
	return &notify.Teller{Store: db, Client: t.Client(s), Sinks: s.Notify, Lease: s.PollLease, Log: t.Log.Logger}
}

// Client sends to sinks.
func (t *Ticker) Client(s config.Settings) *notify.Client {
	return &notify.Client{HTTP: t.client(), Now: time.Now, Link: s.NotifyLink}
}

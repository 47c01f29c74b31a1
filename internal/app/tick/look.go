package tick

import (
	"context"
	"fmt"
	"os"
	"time"

	"migwatch/internal/config"
	"migwatch/internal/job"
)

// patience is how long Look waits for a slot on a budget that others use.
const patience = 10 * time.Second

// Look looks once at k as a tick would, and records nothing: to see whether token, credentials and
// permissions work. It is paid for from the budget like every look; where nothing is left of it for a
// while, or nobody watches a job on it, it goes at once.
func (t *Ticker) Look(ctx context.Context, env map[string]string, k job.Key) (job.Seen, error) {
	settings, err := config.Load(env, t.Place, os.ReadFile)
	if err != nil {
		return job.Seen{}, err
	}
	t.Log.Use(settings)
	db, err := t.database.Open(ctx, settings)
	if err != nil {
		return job.Seen{}, err
	}
	lookers, err := t.lookers(env, settings, db)
	if err != nil {
		return job.Seen{}, err
	}
	looker, rate := lookers[k.Provider], rates(settings)[k.Provider]
	if looker == nil {
		return job.Seen{}, fmt.Errorf("nobody looks at %s jobs", k.Provider)
	}
	return looker.Look(ctx, job.Job{Key: k}, func(ctx context.Context) error {
		slots, err := db.Reserve(ctx, k.Budget(), 1, job.PaceOf(rate), patience)
		if err != nil || slots.N == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(slots.First)):
			return nil
		}
	})
}

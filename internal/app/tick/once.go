package tick

import (
	"context"
	"fmt"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/pace"
)

// patience is how long Poll waits for a slot on a budget that others use.
const patience = 10 * time.Second

// Poll polls k once as a tick would, and records nothing: to see whether token, credentials and
// permissions work. It is paid for from the budget like every poll; where nothing is left of it for a
// while, or nobody watches a job on it, it goes at once.
func (t *Ticker) Poll(ctx context.Context, env map[string]string, k job.Key) (job.Observation, error) {
	settings, db, err := t.open(ctx, env)
	if err != nil {
		return job.Observation{}, err
	}
	upstreams, err := t.upstreams(env, settings, db)
	if err != nil {
		return job.Observation{}, err
	}
	upstream, rate := upstreams[k.Provider], rates(settings)[k.Provider]
	if upstream == nil {
		return job.Observation{}, fmt.Errorf("nobody polls %s jobs", k.Provider)
	}
	return upstream.Poll(ctx, job.Job{Key: k}, func(ctx context.Context) error {
		slots, err := db.Reserve(ctx, k.Budget(), 1, pace.Of(rate), patience)
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

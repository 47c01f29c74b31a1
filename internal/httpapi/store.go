package httpapi

import (
	"context"

	"migwatch/internal/job"
)

// Store is what the API asks of whoever remembers. Any method may return an error that wraps a
// *job.NotReadyError; its Reason is shown to the client with 503.
type Store interface {
	// Jobs lists the jobs f chooses, most recently changed first, at most limit beyond after.
	Jobs(ctx context.Context, f job.Filter, after *job.Place, limit int) ([]job.Listed, error)
	// Job returns job.ErrNotWatched for a job nobody watches, as do all methods that take a key.
	Job(ctx context.Context, k job.Key) (job.Job, error)
	// History lists at most limit snapshots of one job.
	History(ctx context.Context, k job.Key, s job.Span, limit int) ([]job.Snapshot, error)
	// Events lists at most limit events with IDs beyond after, oldest first.
	Events(ctx context.Context, f job.Filter, after int64, limit int) ([]job.Event, error)
	// LastEvent is the ID of the newest event; 0: there is none.
	LastEvent(ctx context.Context) (int64, error)
	Sinks(ctx context.Context) ([]job.SinkState, error)
	Summary(ctx context.Context) (job.Summary, error)
	// Watch reports whether the job is new.
	Watch(ctx context.Context, k job.Key, c job.Change) (j job.Job, created bool, err error)
	// Unwatch says how many events of the job some sink has not had.
	Unwatch(ctx context.Context, k job.Key) (untold int64, err error)
	// PollNow makes the job due at once; a paused one gives job.ErrPaused.
	PollNow(ctx context.Context, k job.Key) (job.Job, error)
	Discoveries(ctx context.Context) ([]job.Discovery, error)
	// Discovery returns job.ErrNotDiscovered where nothing is discovered, as does Undiscover.
	Discovery(ctx context.Context, p job.Provider, scope string) (job.Discovery, error)
	// Discover reports whether the discovery is new.
	Discover(ctx context.Context, p job.Provider, scope string, c job.DiscoveryChange) (d job.Discovery, created bool, err error)
	Undiscover(ctx context.Context, p job.Provider, scope string) error
}

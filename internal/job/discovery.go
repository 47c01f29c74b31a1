package job

import (
	"fmt"
	"time"
)

// Discovery watches one place of a provider as a whole: every job that its list names is watched by itself.
type Discovery struct {
	Provider  Provider
	Scope     string
	Paused    bool
	Finished  bool // also jobs that were final when they were first listed
	WatchedAt time.Time
	Jobs      int64      // watched jobs of this place
	SweptAt   *time.Time // when the last sweep came to the end of the list; nil before the first
	WholeAt   *time.Time // … of all jobs, not only of those in a state that moves
	Polling   Polling
}

// Key names d where a job would be named.
func (d Discovery) Key() Key { return Key{Provider: d.Provider, Scope: d.Scope} }

// CheckDiscovery returns an *InvalidError if there can be no discovery of scope at p, or nil.
func CheckDiscovery(p Provider, scope string) error {
	switch p {
	case DTSMigration, DTSSync:
	default:
		return &InvalidError{"provider", fmt.Sprintf("%q has no list: only jobs of dts-migration and dts-sync can be discovered", string(p))}
	}
	return Key{Provider: p, Scope: scope, ID: "dts-1"}.Validate()
}

// DiscoveryChange is what a request to discover may set; nil leaves as it is.
type DiscoveryChange struct{ Paused, Finished *bool }

// Sweep is the right to go through one discovery's list once, as a Claim is for a job.
type Sweep struct {
	Row       int64
	Discovery Discovery
	Place     int64 // how many jobs of the list were read before: a sweep that was cut goes on there
	Whole     bool  // all jobs are asked for
	Epoch     int64
	At        time.Time // when it was claimed, by the store's clock
}

// Found is one job in a list, with what the list says of it.
type Found struct {
	Key         Key
	Observation Observation
	Ask         bool // the list does not say why it is so: whoever wants to know asks for the job by its ID
}

// The schedule of sweeps.
const (
	soonestSweep = 10 * time.Second // between the beginnings of two sweeps that cost little
	wholeSweep   = 15 * time.Minute // between sweeps of all jobs: filters know too few words to find them all
)

// IsWhole reports whether the next sweep of d asks for all jobs, not only for those in a state that moves.
func (d Discovery) IsWhole(now time.Time) bool {
	return d.WholeAt == nil || d.Finished || now.Sub(*d.WholeAt) >= wholeSweep
}

// Swept decides when d is swept again. err is nil for a sweep that came to its end and errors like a poll's for
// one that did not; cut, for want of time, is neither. now is the store's time.
func Swept(s Sweep, err error, cut bool, now time.Time) Discovery {
	d := s.Discovery
	now = now.UTC().Truncate(time.Millisecond)
	switch {
	case err != nil:
		d.Polling = Settle(Claim{Job: Job{Key: d.Key(), Polling: d.Polling}, At: s.At}, nil, err, now).Job.Polling
	case cut:
		d.Polling = Polling{LastAttemptAt: &now, NextAt: &now}
	default:
		d.SweptAt = &now
		if s.Whole {
			d.WholeAt = &now
		}
		// A long list may take half of the budget, no more.
		d.Polling = Polling{LastAttemptAt: &now, NextAt: later(now, max(soonestSweep-now.Sub(s.At), now.Sub(s.At), 0))}
	}
	return d
}

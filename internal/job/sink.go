package job

import (
	"slices"
	"time"
)

// Sink is a place that events are sent to, as it is remembered: no address and no secret is in it.
type Sink struct {
	ID      string // a digest of the address without its secrets
	Version string // … of all of it: it changes when a secret does
	Kind    string // webhook, wecom, …
	Name    string // as people read it
	Filter  SinkFilter
}

// SinkFilter chooses the events of one sink.
type SinkFilter struct {
	On       []string // phases, "stuck", "trouble"; never empty
	Provider Provider // "": all
	Scope    string   // "": all
}

// Equal reports whether f and g choose the same events.
func (f SinkFilter) Equal(g SinkFilter) bool {
	return slices.Equal(f.On, g.On) && f.Provider == g.Provider && f.Scope == g.Scope
}

// Wants reports whether f chooses e.
func (f SinkFilter) Wants(e Event) bool {
	word := string(e.Type)
	if e.Type == PhaseChanged {
		word = string(e.To)
	}
	return slices.Contains(f.On, word) && (f.Provider == "" || f.Provider == e.Key.Provider) && (f.Scope == "" || f.Scope == e.Key.Scope)
}

// SinkState is how the telling of one sink goes.
type SinkState struct {
	Sink
	Place        int64      // the last event that it took, or did not want
	Behind       int64      // events since; not counted in a claim
	Told         int64      // events that it took
	Dropped      int64      // … that were given up
	Failures     int64      // sendings in a row
	FailingSince *time.Time // nil: it does not fail
	NextAt       *time.Time // not before; nil: at once
	SentAt       *time.Time // the last sending that it took; nil: none
	Error        string     // the last failure
	Stopped      bool       // its address is gone or wrong: nothing is sent until that changes
	SeenAt       time.Time  // when it was last found in the settings
}

// SinkClaim is the right to tell one sink, as a Claim is for a job.
type SinkClaim struct {
	SinkState
	Epoch int64
	At    time.Time // when it was claimed, by the store's clock
	Last  int64     // the newest event of then
}

// Told is an event with its job as it is now; nil where the event is no job's, or the job is watched no more.
type Told struct {
	Event Event
	Job   *Job
}

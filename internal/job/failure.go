package job

import (
	"errors"
	"time"
)

// Kind sorts failed polls by what to do about them.
type Kind string

// The kinds of a failed poll.
const (
	Transient   Kind = "transient"   // it may pass by itself
	Throttled   Kind = "throttled"   // too many calls
	Quota       Kind = "quota"       // the day's calls are used up
	Credentials Kind = "credentials" // missing, expired or refused
	Forbidden   Kind = "forbidden"   // they work, but may not do this
	Invalid     Kind = "invalid"     // the job's scope or ID is wrong, or we are
	Protocol    Kind = "protocol"    // the answer was not one
)

// Kinds lists every kind, in the order they are shown.
var Kinds = []Kind{Transient, Throttled, Quota, Credentials, Forbidden, Invalid, Protocol}

// PollError is a poll that failed. It is not a state of the job: it changes Polling, never a phase.
// It never holds a token, a key or a URL with a query.
type PollError struct {
	Kind       Kind
	Code       string        // the upstream's own code, verbatim; or a word of ours such as "timeout"
	Message    string        // capped, safe to show
	RequestID  string        // the upstream's
	RetryAfter time.Duration // wait at least this long; 0 where nothing was said
	Unlisted   bool          // a code no document lists: transient while it comes three times in a row, then invalid
	Narrow     bool          // the refusal concerns this job's scope alone, not the whole budget
	Err        error         // the cause, for errors.Is; never printed
}

func (e *PollError) Error() string {
	s := string(e.Kind)
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

func (e *PollError) Unwrap() error { return e.Err }

// AsPollError finds the *PollError in err, or makes a transient one whose message names no detail:
// an error nobody classified may hold what must not be shown.
func AsPollError(err error) *PollError {
	var e *PollError
	if errors.As(err, &e) {
		return e
	}
	return &PollError{Kind: Transient, Code: "internal", Message: "the poll failed for a reason not known here", Err: err}
}

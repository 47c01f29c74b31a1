package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrNotWatched is the answer to a question about a job nobody watches.
var ErrNotWatched = errors.New("the job is not watched")

// ErrNotDiscovered is the answer to a question about a place nobody watches as a whole.
var ErrNotDiscovered = errors.New("nothing is discovered there")

// ErrPaused is the answer to a poll asked for at a paused job.
var ErrPaused = errors.New("the job is paused")

// NotReadyError says why nothing can be answered at all, in words that may be shown to anybody, and
// what mends it.
type NotReadyError struct {
	Reason string // one sentence that names the setting or the part
	Err    error  // the cause; never shown, it may hold what must not be
}

func (e *NotReadyError) Error() string { return e.Reason }

func (e *NotReadyError) Unwrap() error { return e.Err }

// maxLabel is how many characters a label may have.
const maxLabel = 200

// CheckLabel returns an *InvalidError if label cannot be one, or nil. Whatever takes labels asks it.
func CheckLabel(label string) error {
	if err := CheckText("label", label); err != nil {
		return err
	}
	if utf8.RuneCountInString(label) > maxLabel {
		return &InvalidError{"label", fmt.Sprintf("has more than %d characters", maxLabel)}
	}
	return nil
}

// CheckText returns an *InvalidError for field if text cannot be stored and compared alike on every engine, or
// would do something to a terminal that shows it.
func CheckText(field, text string) error {
	switch {
	case !utf8.ValidString(text):
		return &InvalidError{field, "is not UTF-8"}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &InvalidError{field, "has control characters"}
	}
	return nil
}

// Filter chooses jobs. A zero field chooses all.
type Filter struct {
	Provider Provider
	Scope    string
	Phases   []Phase
	Text     string      // part of the job ID, the scope or the label, ASCII case ignored
	ID       string      // of events
	Types    []EventType // of events
}

// Has reports whether f chooses the event e.
func (f Filter) Has(e Event) bool {
	return (f.Provider == "" || f.Provider == e.Key.Provider) && (f.Scope == "" || f.Scope == e.Key.Scope) && (f.ID == "" || f.ID == e.Key.ID) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, e.Type))
}

// Place is a job's place in the list that has the most recently changed first.
type Place struct {
	ChangedAt time.Time
	Row       int64
}

// Listed is a job with its place in the list.
type Listed struct {
	Job
	Place Place
}

// Span chooses snapshots of one job: those in whose time (first to last observed) some instant of
// [Since, Until) lies.
type Span struct {
	Since, Until time.Time // zero: open
	Ascending    bool      // oldest first
	After        int64     // a seq; only those beyond it in the chosen order; 0: from the start
}

// Change is what a request to watch may set; nil leaves as it is.
type Change struct {
	Label  *string
	Paused *bool
}

// Summary counts what is watched.
type Summary struct {
	Jobs     map[Provider]map[Phase]int64 // every provider and phase has an entry
	Watched  int64
	Paused   int64
	Overdue  int64          // due for longer than Overdue
	Failing  int64          // the last poll failed
	ByKind   map[Kind]int64 // failing jobs by the kind of their last failure
	OldestAt *time.Time     // when the job that is due longest came due
	LastTick *Tick          // nil before the first
	Troubles []Trouble      // the open ones, the oldest first
	Sinks    int64          // that are stopped, or whose last sending failed
}

// Tick is what one invocation of the poll function did.
type Tick struct {
	StartedAt, FinishedAt                              time.Time
	Claimed, Recorded, Changed, Failed, Released, Lost int64
	Notified, Due                                      int64
}

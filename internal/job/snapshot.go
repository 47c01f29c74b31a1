package job

import "time"

// Observation is what one poll saw. Pointers are nil where the upstream said nothing.
type Observation struct {
	Phase            Phase
	Status           string // the upstream's own word, untouched
	Progress         *int64 // percent, 0–100
	Step             string // the upstream's ID of the step at work; "" none
	CheckFlag        *int64 // DTS: 0 not passed, 1 passed, 3 not checked
	ErrorCode        *int64 // DTS: the job's, not the call's
	Message          string // the job's own text
	RecordsSucceeded *int64 // WeChat
	RecordsFailed    *int64 // WeChat
	RequestID        string // of the call; no part of what is compared
	File             *File  // WeChat exports; no part of what is compared
	About            *About // migrations and syncs; no part of what is compared
}

// About is what an upstream tells of a job beside its state. Pointers are nil where it told nothing.
type About struct {
	Name                          string // its own name of the job
	CreatedAt, StartedAt, EndedAt *time.Time
	Lag                           *Lag
	Version                       string // of the API that knows the job, such as 2021-12-06
}

// Lag is how far a copy is behind its source while it copies increments; nil where that is not told.
type Lag struct {
	Seconds, Megabytes *int64
	At                 time.Time // when it was seen
}

// File is the download link of a finished export. Its URL is a bearer credential, so it comes in a
// type that cannot print; this package only carries it.
type File struct {
	URL       Hidden // nil where it is not kept
	Sealed    bool   // it is kept, but sealed with a key that is not here
	ExpiresAt time.Time
}

// Hidden is a value that shows itself only when asked to. secret.Text is one.
type Hidden interface{ Reveal() string }

// Same reports whether a and b saw the same state of the job: all but the request ID and the file.
func (a Observation) Same(b Observation) bool {
	return a.Phase == b.Phase && a.Status == b.Status && a.Message == b.Message && a.Step == b.Step &&
		equal(a.Progress, b.Progress) && equal(a.CheckFlag, b.CheckFlag) && equal(a.ErrorCode, b.ErrorCode) &&
		equal(a.RecordsSucceeded, b.RecordsSucceeded) && equal(a.RecordsFailed, b.RecordsFailed)
}

func equal(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Snapshot is a state of a job as one or more consecutive equal polls saw it.
type Snapshot struct {
	Seq         int64 // from 1, without gaps, per job
	Observation       // as the first of these polls saw it; File is always nil here
	FirstObservedAt,
	LastObservedAt time.Time
	Observations int64
}

// Job is one watched job with its latest state.
type Job struct {
	Key       Key
	Label     string
	Paused    bool
	Phase     Phase
	WatchedAt time.Time
	ChangedAt time.Time // in this phase since
	Latest    *Snapshot // nil before the first poll that succeeded
	File      *File     // nil where no export file was ever seen
	About     About
	Pace      []Point    // the last places at which progress moved, the newest last; two at most
	ETA       *time.Time // when 100 % would be reached at the pace of late; nil where nothing can be said
	Stuck     bool       // it was told that it runs and shows nothing new
	Polling   Polling
}

// Point is how far a job was at an instant.
type Point struct {
	At       time.Time
	Progress int64 // percent
}

// Polling is how the polling goes, as opposed to what was seen.
type Polling struct {
	NextAt        *time.Time // nil: not polled again by itself
	LastAttemptAt *time.Time
	Failures      int64 // consecutive
	LastError     *Failure
}

// Failure is a poll that failed, as it is remembered.
type Failure struct {
	Kind      Kind
	Code      string // the upstream's own
	Message   string
	RequestID string
	At        time.Time
	Repeats   int64 // how many failures in a row had this code, this one included; 0: not counted
}

// EventType is what kind of thing happened.
type EventType string

// The types of events.
const (
	PhaseChanged EventType = "phase"   // a job's change of phase
	Stuck        EventType = "stuck"   // a job stands still for too long: From and To are its phase, Seq the snapshot that lasts
	TroubleEvent EventType = "trouble" // polls of many jobs fail for one reason, or do so no longer: Key has no ID, From and To are Clear or a Kind
)

// EventTypes lists every type, in the order they are shown.
var EventTypes = []EventType{PhaseChanged, Stuck, TroubleEvent}

// Clear is what a trouble comes from when it begins, and goes to when it is over.
const Clear Phase = "clear"

// Event is something that happened to one job, or to all jobs of a place.
type Event struct {
	ID       int64 // ascends in the order of commits; 0 before it is stored
	Type     EventType
	Key      Key
	From, To Phase
	At       time.Time
	Seq      int64 // the snapshot that brought it; 0: none
	Message  string
	Jobs     int64 // how many jobs it concerns
}

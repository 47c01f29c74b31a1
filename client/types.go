package client

import (
	"errors"
	"net/url"
	"strings"
	"time"
)

// Providers of jobs.
const (
	WeChat = "wechat" // getMigrationState of WeChat's open platform
	// Of Tencent Cloud's Data Transmission Service: the check before a migration, the migration itself, a sync.
	DTS          = "dts"
	DTSMigration = "dts-migration"
	DTSSync      = "dts-sync"
)

// Phase is migwatch's word for the state of a job.
type Phase string

// The phases. Succeeded, Partial, Failed, Canceled and Missing are final.
const (
	Pending        Phase = "pending"         // known, not begun; also a job never seen
	Running        Phase = "running"         // at work
	ActionRequired Phase = "action_required" // stands still until a person acts
	Succeeded      Phase = "succeeded"       // done, nothing lost
	Partial        Phase = "partial"         // done, some records failed
	Failed         Phase = "failed"          // done, and it did not work
	Canceled       Phase = "canceled"        // ended by a person
	Missing        Phase = "missing"         // the upstream knows no such job
	Unknown        Phase = "unknown"         // a word nobody knows, or an answer that contradicts itself
)

// Key names one watched job.
type Key struct {
	Provider string // WeChat, DTS, DTSMigration or DTSSync
	Scope    string // the WeChat cloud environment ID, or the Tencent Cloud region
	JobID    string // the upstream's own ID
}

// ParseKey reads provider/scope/job_id. What the parts may be, the server decides.
func ParseKey(s string) (Key, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Key{}, errors.New("a job is named PROVIDER/SCOPE/JOB_ID, as in dts/ap-shanghai/dts-1kl0iy0v")
	}
	return Key{parts[0], parts[1], parts[2]}, nil
}

// String gives provider/scope/job_id.
func (k Key) String() string { return k.Provider + "/" + k.Scope + "/" + k.JobID }

func (k Key) path() string {
	return "/" + url.PathEscape(k.Provider) + "/" + url.PathEscape(k.Scope) + "/" + url.PathEscape(k.JobID)
}

// Job is one watched job with its latest state. Times are UTC, to the millisecond.
type Job struct {
	Provider  string     `json:"provider"`
	Scope     string     `json:"scope"`
	JobID     string     `json:"job_id"`
	Label     string     `json:"label"`
	Name      *string    `json:"name"`   // the upstream's own, nil where it tells none
	Paused    bool       `json:"paused"` // paused jobs are not polled
	Phase     Phase      `json:"phase"`
	Final     bool       `json:"final"` // whether Phase is an end
	WatchedAt time.Time  `json:"watched_at"`
	ChangedAt time.Time  `json:"changed_at"` // in this phase since
	CreatedAt *time.Time `json:"created_at"` // these three as the upstream tells them
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Lag       *Lag       `json:"lag"`    // while increments are copied, else nil
	ETA       *time.Time `json:"eta"`    // when 100 % would be reached at the pace of late; nil: cannot be said
	Latest    *Snapshot  `json:"latest"` // nil before the first poll
	File      *File      `json:"file"`   // of a finished WeChat export, else nil
	Polling   Polling    `json:"polling"`
}

// Key is the job's name.
func (j Job) Key() Key { return Key{j.Provider, j.Scope, j.JobID} }

// Snapshot is a state of a job as one or more consecutive equal polls saw it. Pointers are nil where
// the upstream said nothing.
type Snapshot struct {
	Seq              int64     `json:"seq"` // from 1 without gaps, per job
	Phase            Phase     `json:"phase"`
	Status           string    `json:"status"`            // the upstream's own word
	Progress         *int64    `json:"progress"`          // percent, 0–100
	CheckFlag        *int64    `json:"check_flag"`        // DTS: 0 not passed, 1 passed, 3 not checked
	ErrorCode        *int64    `json:"error_code"`        // DTS: the job's own
	Message          string    `json:"message"`           // the job's own text
	Step             *string   `json:"step"`              // migrations and syncs: the upstream's ID of the step at work
	RecordsSucceeded *int64    `json:"records_succeeded"` // WeChat
	RecordsFailed    *int64    `json:"records_failed"`    // WeChat
	RequestID        string    `json:"request_id"`        // the upstream's, of the first of these polls
	FirstObservedAt  time.Time `json:"first_observed_at"`
	LastObservedAt   time.Time `json:"last_observed_at"`
	Observations     int64     `json:"observations"` // how many polls saw it
}

// Lag is how far a copy is behind its source. Pointers are nil where the upstream said nothing.
type Lag struct {
	Seconds   *int64    `json:"seconds"`
	Megabytes *int64    `json:"megabytes"`
	At        time.Time `json:"at"` // when it was seen
}

// File is the file of a finished WeChat export.
type File struct {
	Available bool       `json:"available"` // whether the link is still valid
	ExpiresAt *time.Time `json:"expires_at"`
	URL       *string    `json:"url"` // a bearer credential; nil unless an admin key may see it
}

// Polling is how the polling goes, as opposed to what was seen.
type Polling struct {
	NextAt        *time.Time `json:"next_at"` // nil: not polled again by itself
	LastAttemptAt *time.Time `json:"last_attempt_at"`
	Failures      int64      `json:"failures"`   // consecutive
	LastError     *Failure   `json:"last_error"` // nil after a poll that succeeded
}

// Failure is a poll that failed.
type Failure struct {
	Kind      string    `json:"kind"` // transient, throttled, quota, credentials, forbidden, invalid or protocol
	Code      string    `json:"code"` // the upstream's own
	Message   string    `json:"message"`
	RequestID string    `json:"request_id"`
	At        time.Time `json:"at"`
}

// Event is something that happened.
type Event struct {
	ID       string    `json:"id"`   // ascends in the order of commits
	Type     string    `json:"type"` // "phase": a job's change of phase; "stuck": it stands still for too long; "trouble": polls of many jobs fail for one reason, or do so no longer
	Provider string    `json:"provider"`
	Scope    string    `json:"scope"`
	JobID    string    `json:"job_id"` // "" of a trouble
	From     Phase     `json:"from"`   // of a trouble: "clear", or the kind of failed poll that is over
	To       Phase     `json:"to"`     // of a trouble: the kind of failed poll, or "clear"
	At       time.Time `json:"at"`
	Seq      *int64    `json:"seq"` // the snapshot that brought it, or that lasts; nil of a trouble
	Message  string    `json:"message"`
	Jobs     int64     `json:"jobs"` // how many jobs it concerns
}

// Key is the name of the job it concerns.
func (e Event) Key() Key { return Key{e.Provider, e.Scope, e.JobID} }

// Summary counts what is watched.
type Summary struct {
	Jobs          map[string]map[Phase]int64 `json:"jobs"` // by provider and phase
	Watched       int64                      `json:"watched"`
	Paused        int64                      `json:"paused"`
	Overdue       int64                      `json:"overdue"`       // due for more than ten minutes
	OldestDueAt   *time.Time                 `json:"oldest_due_at"` // nil: none is due
	Failing       int64                      `json:"failing"`       // the last poll failed
	FailingByKind map[string]int64           `json:"failing_by_kind"`
	Troubles      []Trouble                  `json:"troubles"`      // the open ones, the oldest first
	SinksFailing  int64                      `json:"sinks_failing"` // stopped, or the last sending failed
	LastTick      *Tick                      `json:"last_tick"`     // nil before the first
}

// Trouble is that polls of many jobs fail for one reason.
type Trouble struct {
	Provider string    `json:"provider"`
	Scope    string    `json:"scope"` // "" where all scopes share one rate limit
	Kind     string    `json:"kind"`  // as Failure has it
	Since    time.Time `json:"since"`
	OpenedAt time.Time `json:"opened_at"` // when it was told
	Jobs     int64     `json:"jobs"`      // how many it concerned then
	Code     string    `json:"code"`
	Message  string    `json:"message"`
}

// Sink is where events are sent, and how that goes.
type Sink struct {
	Kind         string     `json:"kind"` // webhook, wecom, dingtalk, feishu, lark, slack, pagerduty or mail
	Name         string     `json:"name"`
	Filter       SinkFilter `json:"filter"`
	Behind       int64      `json:"behind"`  // events that it has still to be told, or to pass over
	Told         int64      `json:"told"`    // events that it took
	Dropped      int64      `json:"dropped"` // events that were given up after three days
	Failures     int64      `json:"failures"`
	FailingSince *time.Time `json:"failing_since"`
	NextAt       *time.Time `json:"next_at"` // nothing is sent before; nil: at once
	LastSentAt   *time.Time `json:"last_sent_at"`
	LastError    *string    `json:"last_error"`
	Stopped      bool       `json:"stopped"` // its address is gone or wrong: nothing is sent until that changes
	LastSeenAt   time.Time  `json:"last_seen_at"`
}

// SinkFilter chooses the events of one sink.
type SinkFilter struct {
	On       []string `json:"on"` // phases, "stuck", "trouble"
	Provider *string  `json:"provider"`
	Scope    *string  `json:"scope"`
}

// Tick is what one invocation of the poll function did.
type Tick struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
	Claimed    int64     `json:"claimed"` // recorded + failed + released + lost
	Recorded   int64     `json:"recorded"`
	Changed    int64     `json:"changed"` // polls that added a snapshot
	Failed     int64     `json:"failed"`
	Released   int64     `json:"released"` // given back for want of time
	Lost       int64     `json:"lost"`     // another invocation took over
	Notified   int64     `json:"notified"`
	Due        int64     `json:"due"` // still due at the end
}

// Health is what /healthz says.
type Health struct {
	Status  string `json:"status"` // "ok"
	Version string `json:"version"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"` // "": the last page; for events: nothing more for now
}

// Package view has the shapes in which jobs and events are told to others, by the API and by webhooks: every field is
// always there, what is unknown is null.
package view

import (
	"strconv"
	"time"

	"migwatch/internal/job"
)

// Job is one watched job with its newest snapshot.
type Job struct {
	Provider  job.Provider `json:"provider" enum:"wechat,dts,dts-migration,dts-sync" example:"dts" doc:"the upstream API the job lives in"`
	Scope     string       `json:"scope" example:"ap-shanghai" doc:"the WeChat cloud environment ID, or the Tencent Cloud region"`
	JobID     string       `json:"job_id" example:"dts-1kl0iy0v" doc:"the upstream's own ID"`
	Label     string       `json:"label" maxLength:"200" doc:"a name of your own"`
	Paused    bool         `json:"paused" doc:"paused jobs are not polled"`
	Name      *string      `json:"name" doc:"the upstream's own name of it; null where it tells none"`
	Phase     job.Phase    `json:"phase" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown" doc:"our word for the state; pending before the first poll"`
	Final     bool         `json:"final" doc:"whether the phase is an end"`
	WatchedAt string       `json:"watched_at" format:"date-time" doc:"since when the job is watched"`
	ChangedAt string       `json:"changed_at" format:"date-time" doc:"in this phase since"`
	CreatedAt *string      `json:"created_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it was made"`
	StartedAt *string      `json:"started_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it was started"`
	EndedAt   *string      `json:"ended_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it ended"`
	Lag       *Lag         `json:"lag" doc:"dts-migration, dts-sync: how far the copy is behind, while it copies increments; else null"`
	ETA       *string      `json:"eta" format:"date-time" doc:"when 100 % would be reached at the pace of late; null where nothing can be said"`
	Latest    *Snapshot    `json:"latest" doc:"the newest snapshot; null before the first poll"`
	File      *File        `json:"file" doc:"the file of a finished WeChat export; else null"`
	Polling   Polling      `json:"polling" doc:"how the polling goes; it never changes the phase"`
}

// Lag is how far a copy is behind its source.
type Lag struct {
	Seconds   *int64 `json:"seconds" minimum:"0"`
	Megabytes *int64 `json:"megabytes" minimum:"0"`
	At        string `json:"at" format:"date-time" doc:"when it was seen"`
}

// Snapshot is what consecutive polls saw.
type Snapshot struct {
	Seq              int64     `json:"seq" minimum:"1" example:"4" doc:"counts a job's snapshots from 1 without gaps"`
	Phase            job.Phase `json:"phase" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown"`
	Status           string    `json:"status" example:"finished" doc:"the upstream's own word, untouched"`
	Progress         *int64    `json:"progress" minimum:"0" maximum:"100" doc:"percent"`
	CheckFlag        *int64    `json:"check_flag" doc:"dts: 0 not passed, 1 passed, 3 not checked"`
	ErrorCode        *int64    `json:"error_code" doc:"dts: the job's own error code"`
	Message          string    `json:"message" doc:"the job's own text"`
	Step             *string   `json:"step" example:"sinker" doc:"dts-migration, dts-sync: the upstream's ID of the step at work"`
	RecordsSucceeded *int64    `json:"records_succeeded" doc:"wechat: records that worked"`
	RecordsFailed    *int64    `json:"records_failed" doc:"wechat: records that failed"`
	RequestID        string    `json:"request_id" doc:"the upstream's ID of the first of these polls"`
	FirstObservedAt  string    `json:"first_observed_at" format:"date-time" doc:"the first poll that saw this"`
	LastObservedAt   string    `json:"last_observed_at" format:"date-time" doc:"the last consecutive poll that saw the same"`
	Observations     int64     `json:"observations" minimum:"1" doc:"how many polls saw it"`
}

// File is the link to a finished export.
type File struct {
	Available bool    `json:"available" doc:"whether the link is still valid"`
	ExpiresAt *string `json:"expires_at" format:"date-time"`
	URL       *string `json:"url" format:"uri" doc:"for admin keys only, while it is valid, and only where MIGWATCH_FILE_URLS is true; an answer that shows it is not to be stored"`
}

// Polling is how the polling of a job goes.
type Polling struct {
	NextAt        *string  `json:"next_at" format:"date-time" doc:"when it is polled next; null: not by itself"`
	LastAttemptAt *string  `json:"last_attempt_at" format:"date-time" doc:"the last poll, failed or not"`
	Failures      int64    `json:"failures" minimum:"0" doc:"failed polls in a row"`
	LastError     *Failure `json:"last_error" doc:"the last poll's failure; null after one that succeeded"`
}

// Failure is a poll that failed.
type Failure struct {
	Kind      job.Kind `json:"kind" enum:"transient,throttled,quota,credentials,forbidden,invalid,protocol" doc:"what to do about it"`
	Code      string   `json:"code" example:"RequestLimitExceeded" doc:"the upstream's own code"`
	Message   string   `json:"message"`
	RequestID string   `json:"request_id" doc:"the upstream's ID of the call"`
	At        string   `json:"at" format:"date-time"`
}

// Event is something that happened.
type Event struct {
	ID       string        `json:"id" example:"17" doc:"ascends; pass the last one you saw as after"`
	Type     job.EventType `json:"type" enum:"phase,stuck,trouble" doc:"a job's change of phase; a job stands still for too long; polls of many jobs fail for one reason, or do so no longer"`
	Provider job.Provider  `json:"provider" enum:"wechat,dts,dts-migration,dts-sync"`
	Scope    string        `json:"scope"`
	JobID    string        `json:"job_id"`
	From     job.Phase     `json:"from" doc:"phase, stuck: a phase; trouble: clear, or the kind of failed poll that is over"`
	To       job.Phase     `json:"to" doc:"phase, stuck: a phase; trouble: the kind of failed poll, or clear"`
	At       string        `json:"at" format:"date-time"`
	Seq      *int64        `json:"seq" doc:"the snapshot that brought the change, or that lasts; null: it is no job's"`
	Message  string        `json:"message" doc:"the snapshot's text, or the reason"`
	Jobs     int64         `json:"jobs" doc:"how many jobs it concerns"`
}

// NewJob shows a file's URL only if showURL allows it.
func NewJob(j job.Job, now time.Time, showURL bool) Job {
	v := Job{
		Provider: j.Key.Provider, Scope: j.Key.Scope, JobID: j.Key.ID, Label: j.Label, Paused: j.Paused,
		Phase: j.Phase, Final: j.Phase.Final(), WatchedAt: Stamp(j.WatchedAt), ChangedAt: Stamp(j.ChangedAt),
		Polling: NewPolling(j.Polling),
	}
	about(&v, j, now)
	if j.Latest != nil {
		s := NewSnapshot(*j.Latest)
		v.Latest = &s
	}
	if j.File != nil && j.Key.Provider == job.WeChat {
		v.File = NewFile(*j.File, now, showURL)
	}
	return v
}

// NewPolling shows p.
func NewPolling(p job.Polling) Polling {
	v := Polling{NextAt: StampIf(p.NextAt), LastAttemptAt: StampIf(p.LastAttemptAt), Failures: p.Failures}
	if e := p.LastError; e != nil {
		v.LastError = &Failure{Kind: e.Kind, Code: e.Code, Message: e.Message, RequestID: e.RequestID, At: Stamp(e.At)}
	}
	return v
}

// about tells what the upstream tells beside the state. An ETA that is over says nothing.
func about(v *Job, j job.Job, now time.Time) {
	a := j.About
	v.Name, v.CreatedAt, v.StartedAt, v.EndedAt = textIf(a.Name), StampIf(a.CreatedAt), StampIf(a.StartedAt), StampIf(a.EndedAt)
	if a.Lag != nil {
		v.Lag = &Lag{a.Lag.Seconds, a.Lag.Megabytes, Stamp(a.Lag.At)}
	}
	if j.ETA != nil && j.ETA.After(now) {
		v.ETA = StampIf(j.ETA)
	}
}

func textIf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// NewFile takes a link without a known end for expired: nothing says that it still works.
func NewFile(f job.File, now time.Time, showURL bool) *File {
	v := &File{Available: now.Before(f.ExpiresAt)}
	if !f.ExpiresAt.IsZero() {
		v.ExpiresAt = StampIf(&f.ExpiresAt)
	}
	if showURL && v.Available && f.URL != nil {
		if u := f.URL.Reveal(); u != "" {
			v.URL = &u
		}
	}
	return v
}

// ShowsURL reports whether the address of a file is in v.
func (v Job) ShowsURL() bool { return v.File != nil && v.File.URL != nil }

// NewSnapshot shows s.
func NewSnapshot(s job.Snapshot) Snapshot {
	return Snapshot{
		Seq: s.Seq, Phase: s.Phase, Status: s.Status, Progress: s.Progress, CheckFlag: s.CheckFlag, ErrorCode: s.ErrorCode,
		Message: s.Message, Step: textIf(s.Step), RecordsSucceeded: s.RecordsSucceeded, RecordsFailed: s.RecordsFailed, RequestID: s.RequestID,
		FirstObservedAt: Stamp(s.FirstObservedAt), LastObservedAt: Stamp(s.LastObservedAt), Observations: s.Observations,
	}
}

// NewEvent shows e.
func NewEvent(e job.Event) Event {
	v := Event{
		ID: strconv.FormatInt(e.ID, 10), Type: e.Type, Provider: e.Key.Provider, Scope: e.Key.Scope, JobID: e.Key.ID,
		From: e.From, To: e.To, At: Stamp(e.At), Message: e.Message, Jobs: e.Jobs,
	}
	if e.Seq > 0 {
		v.Seq = &e.Seq
	}
	return v
}

// Stamp is RFC 3339 in UTC with exactly three digits of a second.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// StampIf is Stamp, or nil.
func StampIf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := Stamp(*t)
	return &s
}

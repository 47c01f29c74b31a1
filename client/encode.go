package client

import (
	"encoding/json"
	"time"
)

// The types encode as the server writes them: times with milliseconds, always.

type stamp time.Time

func (s stamp) MarshalText() ([]byte, error) {
	return time.Time(s).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z"), nil
}

// MarshalJSON writes what the server wrote.
func (j Job) MarshalJSON() ([]byte, error) {
	type plain Job
	return json.Marshal(struct {
		plain
		WatchedAt stamp  `json:"watched_at"`
		ChangedAt stamp  `json:"changed_at"`
		CreatedAt *stamp `json:"created_at"`
		StartedAt *stamp `json:"started_at"`
		EndedAt   *stamp `json:"ended_at"`
		ETA       *stamp `json:"eta"`
	}{plain(j), stamp(j.WatchedAt), stamp(j.ChangedAt), (*stamp)(j.CreatedAt), (*stamp)(j.StartedAt), (*stamp)(j.EndedAt), (*stamp)(j.ETA)})
}

// MarshalJSON writes what the server wrote.
func (l Lag) MarshalJSON() ([]byte, error) {
	type plain Lag
	return json.Marshal(struct {
		plain
		At stamp `json:"at"`
	}{plain(l), stamp(l.At)})
}

// MarshalJSON writes what the server wrote.
func (d Discovery) MarshalJSON() ([]byte, error) {
	type plain Discovery
	return json.Marshal(struct {
		plain
		WatchedAt   stamp  `json:"watched_at"`
		LastSweepAt *stamp `json:"last_sweep_at"`
	}{plain(d), stamp(d.WatchedAt), (*stamp)(d.LastSweepAt)})
}

// MarshalJSON writes what the server wrote.
func (s Snapshot) MarshalJSON() ([]byte, error) {
	type plain Snapshot
	return json.Marshal(struct {
		plain
		First stamp `json:"first_observed_at"`
		Last  stamp `json:"last_observed_at"`
	}{plain(s), stamp(s.FirstObservedAt), stamp(s.LastObservedAt)})
}

// MarshalJSON writes what the server wrote.
func (f File) MarshalJSON() ([]byte, error) {
	type plain File
	return json.Marshal(struct {
		plain
		ExpiresAt *stamp `json:"expires_at"`
	}{plain(f), (*stamp)(f.ExpiresAt)})
}

// MarshalJSON writes what the server wrote.
func (p Polling) MarshalJSON() ([]byte, error) {
	type plain Polling
	return json.Marshal(struct {
		plain
		NextAt        *stamp `json:"next_at"`
		LastAttemptAt *stamp `json:"last_attempt_at"`
	}{plain(p), (*stamp)(p.NextAt), (*stamp)(p.LastAttemptAt)})
}

// MarshalJSON writes what the server wrote.
func (f Failure) MarshalJSON() ([]byte, error) {
	type plain Failure
	return json.Marshal(struct {
		plain
		At stamp `json:"at"`
	}{plain(f), stamp(f.At)})
}

// MarshalJSON writes what the server wrote.
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	return json.Marshal(struct {
		plain
		At stamp `json:"at"`
	}{plain(e), stamp(e.At)})
}

// MarshalJSON writes what the server wrote.
func (s Summary) MarshalJSON() ([]byte, error) {
	type plain Summary
	return json.Marshal(struct {
		plain
		OldestDueAt *stamp `json:"oldest_due_at"`
	}{plain(s), (*stamp)(s.OldestDueAt)})
}

// MarshalJSON writes what the server wrote.
func (t Tick) MarshalJSON() ([]byte, error) {
	type plain Tick
	return json.Marshal(struct {
		plain
		StartedAt  stamp `json:"started_at"`
		FinishedAt stamp `json:"finished_at"`
	}{plain(t), stamp(t.StartedAt), stamp(t.FinishedAt)})
}

// MarshalJSON writes what the server wrote.
func (t Trouble) MarshalJSON() ([]byte, error) {
	type plain Trouble
	return json.Marshal(struct {
		plain
		Since    stamp `json:"since"`
		OpenedAt stamp `json:"opened_at"`
	}{plain(t), stamp(t.Since), stamp(t.OpenedAt)})
}

// MarshalJSON writes what the server wrote.
func (s Sink) MarshalJSON() ([]byte, error) {
	type plain Sink
	return json.Marshal(struct {
		plain
		FailingSince *stamp `json:"failing_since"`
		NextAt       *stamp `json:"next_at"`
		LastSentAt   *stamp `json:"last_sent_at"`
		LastSeenAt   stamp  `json:"last_seen_at"`
	}{plain(s), (*stamp)(s.FailingSince), (*stamp)(s.NextAt), (*stamp)(s.LastSentAt), stamp(s.LastSeenAt)})
}

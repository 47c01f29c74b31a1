package web

import (
	"strings"
	"time"

	"migwatch/internal/job"
)

// row is a job as lists and its own page show it.
type row struct {
	Key      job.Key
	Href     string
	Label    string
	State    state
	Status   string // the upstream's own word, where it says more than ours
	Meter    meter
	Since    stamp
	InPhase  moment
	LastPoll *moment
	Next     string  // when it is polled next, in words
	NextIn   *moment // … where that is a time to come
	Paused   bool
	Overdue  bool
	Said     string // the job's own text, where it explains the phase
	Todo     string // key of the text that says what a person is to do
	Step     string
	Lag      *job.Lag
	ETA      *moment
	Failure  *failure
}

// failure is a poll that failed, with what to do.
type failure struct {
	job.Failure
	Ago    moment
	InARow int64
}

// Advice is the key of the text that says what to do.
func (f failure) Advice() string {
	switch f.Code {
	case "61004", "40164", "45035":
		return "advice.ip"
	case "85088":
		return "advice.nocloud"
	}
	return "advice." + string(f.Kind)
}

func (v *visit) row(j job.Job, now time.Time) row {
	r := row{
		Key: j.Key, Href: v.href(jobPathOf(j.Key)), Label: j.Label, State: v.stateOf(j, now), Paused: j.Paused,
		Overdue: !j.Paused && j.IsOverdue(now), Since: at(j.ChangedAt), InPhase: v.text.moment("span", j.ChangedAt, now),
	}
	if t := j.Polling.LastAttemptAt; t != nil {
		ago := v.text.moment("ago", *t, now)
		r.LastPoll = &ago
	}
	r.Next, r.NextIn = v.next(j, now)
	if r.Label == "" {
		r.Label = j.About.Name
	}
	r.Todo, r.Lag = todo(j), j.About.Lag
	if j.ETA != nil && j.ETA.After(now) {
		eta := v.text.moment("eta.in", *j.ETA, now)
		r.ETA = &eta
	}
	if l := j.Latest; l != nil {
		r.Step = l.Step
		r.Status, r.Meter = l.Status, meterOf(j.Key.Provider, l.Observation, j.Phase)
		if j.Key.Provider == job.DTS && j.Phase.Final() {
			r.Meter.Percent = nil // of a check that is over; it would be read as the migration's
		}
		switch j.Phase {
		case job.Failed, job.Partial, job.Missing, job.Unknown, job.ActionRequired:
			r.Said = l.Message
		}
	}
	if e := j.Polling.LastError; e != nil {
		r.Failure = &failure{*e, v.text.moment("ago", e.At, now), j.Polling.Failures}
	}
	return r
}

// Name is what a person calls the job.
func (r row) Name() string {
	if r.Label != "" {
		return r.Label
	}
	return r.Key.ID
}

// Notes reports whether there is more to say than fits into cells.
func (r row) Notes() bool { return r.Said != "" || r.Todo != "" || r.Failure != nil || r.Overdue }

// todo is the key of the text that says what j waits for a person to do; "" where it does not.
func todo(j job.Job) string {
	if j.Phase != job.ActionRequired || j.Latest == nil {
		return ""
	}
	switch strings.ToLower(j.Latest.Status) {
	case "readycomplete", "8":
		return "todo.complete"
	case "checkpass", "4":
		return "todo.start"
	case "checknotpass", "5":
		return "todo.change"
	case "manualpaused", "paused":
		return "todo.resume"
	}
	return "todo.retry"
}

// next says when the job is polled next.
func (v *visit) next(j job.Job, now time.Time) (string, *moment) {
	switch n := j.Polling.NextAt; {
	case j.Paused:
		return v.text.T("next.paused"), nil
	case n == nil:
		return v.text.T("next.never"), nil
	case !n.After(now):
		return v.text.T("next.due"), nil
	default:
		m := v.text.moment("next.in", *n, now)
		return m.Words, &m
	}
}

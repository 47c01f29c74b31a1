package job

import "time"

// Claim is the right to poll one job once. Epoch is the fence: a write about the job holds only
// while the job still has it.
type Claim struct {
	Row   int64 // the store's own name for the job
	Job   Job   // as it was when claimed
	Epoch int64
	Token string    // which claiming this was
	At    time.Time // when it was claimed, by the store's clock
	Until time.Time // the lease's end, by the store's clock
}

// Outcome is all that one poll changes.
type Outcome struct {
	Claim   Claim
	Job     Job        // as it is to be; Job.Latest is the newest snapshot after this poll
	Changed bool       // Job.Latest is a new snapshot; otherwise it is the old one, extended or untouched
	Polled  bool       // the poll succeeded; otherwise only Job.Polling changed
	Event   *Event     // the change of phase, if any
	File    *File      // an export file this poll told of; nil: as before
	Err     *PollError // why the poll failed, if it did
}

// Settle decides what one poll changes. Exactly one of seen and err is set. now is the store's time.
func Settle(c Claim, seen *Observation, err error, now time.Time) Outcome {
	now = now.UTC().Truncate(time.Millisecond)
	out := Outcome{Claim: c, Job: c.Job}
	if err != nil || seen == nil {
		settleFailure(&out, AsPollError(err), now)
		return out
	}
	out.Polled = true
	// Clocks step back and leases move between machines; the history's times never do.
	at := now
	if c.Job.Latest != nil && at.Before(c.Job.Latest.LastObservedAt) {
		at = c.Job.Latest.LastObservedAt
	}
	foresee(&out.Job, *seen, at)
	remember(&out, *seen, at)
	if seen.About != nil {
		out.Job.About = *seen.About
		if lag := seen.About.Lag; lag != nil {
			out.Job.About.Lag = &Lag{Seconds: lag.Seconds, Megabytes: lag.Megabytes, At: at}
		}
	}
	if seen.File != nil {
		out.Job.File, out.File = seen.File, seen.File
	}
	out.Job.Polling = Polling{LastAttemptAt: &now, NextAt: next(out.Job, now)}
	return out
}

// remember extends the newest snapshot or adds one, and tells of a change of phase.
func remember(out *Outcome, seen Observation, at time.Time) {
	j := &out.Job
	seen.File, seen.About = nil, nil
	if last := j.Latest; last != nil && last.Same(seen) {
		extended := *last
		extended.LastObservedAt = at
		extended.Observations++
		j.Latest = &extended
		return
	}
	snap := &Snapshot{Seq: 1, Observation: seen, FirstObservedAt: at, LastObservedAt: at, Observations: 1}
	if j.Latest != nil {
		snap.Seq = j.Latest.Seq + 1
	}
	j.Latest = snap
	out.Changed = true
	if j.Phase != seen.Phase {
		out.Event = &Event{Type: PhaseChanged, Jobs: 1, Key: j.Key, From: j.Phase, To: seen.Phase, At: at, Seq: snap.Seq, Message: seen.Message}
		j.Phase = seen.Phase
		j.ChangedAt = at
	}
}

// settleFailure changes how the polling goes, and nothing else.
func settleFailure(out *Outcome, e *PollError, now time.Time) {
	p := &out.Job.Polling
	kind, repeats := e.Kind, int64(1)
	if last := p.LastError; last != nil && last.Code == e.Code {
		repeats += last.Repeats
		if e.Unlisted && (repeats > 3 || last.Kind == Invalid) {
			kind = Invalid // it did not pass by itself
		}
	}
	p.Failures++
	p.LastAttemptAt = &now
	p.LastError = &Failure{Kind: kind, Code: e.Code, Message: e.Message, RequestID: e.RequestID, At: now, Repeats: repeats}
	p.NextAt = retry(out.Job, kind, e.RetryAfter, now)
	out.Err = e
}

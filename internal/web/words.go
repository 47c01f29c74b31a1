package web

import (
	"time"

	"migwatch/internal/job"
)

// state is a phase as people read it.
type state struct {
	Phase job.Phase // for colour and shape
	Word  string
	Means string
}

// state puts a phase into words. What the API behind job.DTS tells of is the check before a migration, so its
// words are the check's, and none of them says that anything was migrated.
func (c *catalog) state(p job.Provider, phase job.Phase) state {
	own := func(group string) string {
		if text, ok := c.texts[group+"."+string(p)+"."+string(phase)]; ok {
			return text
		}
		return c.word(group, phase)
	}
	return state{phase, own("phase"), own("means")}
}

// lagText writes how far a copy is behind.
func (r row) lagText(c *catalog) string {
	switch {
	case r.Lag == nil:
		return ""
	case r.Lag.Seconds == nil:
		return c.T("lag.mb", *r.Lag.Megabytes)
	}
	return c.Span(time.Duration(*r.Lag.Seconds) * time.Second)
}

// unseen is what a job is in before the first poll that worked: no phase yet.
func (c *catalog) unseen(means string) state { return state{job.Pending, c.T("phase.unseen"), means} }

// stateOf is j's state. Of a job that no poll has seen yet it says why.
func (v *visit) stateOf(j job.Job, now time.Time) state {
	if j.Latest != nil {
		return v.text.state(j.Key.Provider, j.Phase)
	}
	switch n := j.Polling.NextAt; {
	case j.Polling.LastError != nil:
		return v.text.unseen(v.text.T("unseen.failed", v.text.word("kind", j.Polling.LastError.Kind)))
	case j.Paused:
		return v.text.unseen(v.text.T("unseen.paused"))
	case n != nil && n.After(now):
		return v.text.unseen(v.text.T("unseen.later"))
	}
	return v.text.unseen(v.text.T("unseen.due"))
}

// moment is an instant told by how far it is from now. A script keeps the words true while the page is open.
type moment struct {
	stamp
	Words   string
	Pattern string // the words with {0} in place of how far
}

// moment writes the text of key with how far t is from now.
func (c *catalog) moment(key string, t, now time.Time) moment {
	return moment{at(t), c.T(key, c.Span(now.Sub(t).Abs())), c.T(key, "{0}")}
}

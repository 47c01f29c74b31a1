package job

import "time"

// Spell is an unbroken time of one job in one phase.
type Spell struct {
	Phase Phase
	// From is the first poll that saw the phase, Until the first that saw another; Until is nil for the
	// spell that lasts.
	From  time.Time
	Until *time.Time
	Seq   int64 // the snapshot that began it
	// Message is that snapshot's text.
	Message string
}

// Spells joins snapshots, the oldest first, to spells. Snapshots that differ in other things than the
// phase belong to one spell.
func Spells(list []Snapshot) []Spell {
	var out []Spell
	for i := range list {
		s := &list[i]
		if n := len(out); n > 0 {
			if out[n-1].Phase == s.Phase {
				continue
			}
			until := s.FirstObservedAt
			out[n-1].Until = &until
		}
		out = append(out, Spell{Phase: s.Phase, From: s.FirstObservedAt, Seq: s.Seq, Message: s.Message})
	}
	return out
}

// IsOverdue reports whether j has been due for longer than Overdue.
func (j Job) IsOverdue(now time.Time) bool {
	return j.Polling.NextAt != nil && now.Sub(*j.Polling.NextAt) >= Overdue
}

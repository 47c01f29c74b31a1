package job

// Phase is migwatch's word for the state of a job. It is text everywhere, so that renumbering is impossible.
type Phase string

// The phases. Any phase may follow any phase: an upstream may run a job again.
const (
	Pending        Phase = "pending"         // known, not begun; also a job never seen
	Running        Phase = "running"         // at work
	ActionRequired Phase = "action_required" // stands still until a person acts
	Succeeded      Phase = "succeeded"       // done, nothing lost
	Partial        Phase = "partial"         // done, some records failed
	Failed         Phase = "failed"          // done, and it did not work
	Canceled       Phase = "canceled"        // ended by a person
	Missing        Phase = "missing"         // the upstream knows no such job
	Unknown        Phase = "unknown"         // a word we do not know, or an answer that contradicts itself
)

// Phases lists every phase, in the order they are shown.
var Phases = []Phase{Pending, Running, ActionRequired, Succeeded, Partial, Failed, Canceled, Missing, Unknown}

// Valid reports whether p is one of Phases.
func (p Phase) Valid() bool {
	for _, q := range Phases {
		if p == q {
			return true
		}
	}
	return false
}

// Final reports whether a job in phase p has come to its end.
func (p Phase) Final() bool {
	switch p {
	case Succeeded, Partial, Failed, Canceled, Missing:
		return true
	}
	return false
}

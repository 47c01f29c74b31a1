package job

import "time"

// Retention is the age after which rows of final jobs are forgotten; 0 keeps them.
type Retention struct {
	Snapshots, Events time.Duration
}

// Finals lists the phases in which a job has come to its end.
func Finals() []Phase {
	var finals []Phase
	for _, p := range Phases {
		if p.Final() {
			finals = append(finals, p)
		}
	}
	return finals
}

package poller

import (
	"time"

	"migwatch/internal/job"
)

// BreakSettling has settling call first before it decides; restore ends that. Not for parallel tests.
func BreakSettling(first func(c job.Claim, seen *job.Observation)) (restore func()) {
	whole := settle
	settle = func(c job.Claim, seen *job.Observation, err error, now time.Time) job.Outcome {
		first(c, seen)
		return whole(c, seen, err, now)
	}
	return func() { settle = whole }
}

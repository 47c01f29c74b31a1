package job

import (
	"hash/fnv"
	"strconv"
	"time"
)

// The schedule. Intervals are from one poll to the next.
const (
	soonest      = 30 * time.Second // between polls of a job that moves
	slowest      = 5 * time.Minute  // between polls of a job that has not moved for long
	stretch      = 4                // an unchanged job is polled after a fourth of the time it has stood still
	afterFinal   = 15 * time.Minute // between polls of a final DTS job that may be run anew
	finalWindow  = 24 * time.Hour   // for how long after its last change
	firstRetry   = 30 * time.Second
	slowestRetry = 15 * time.Minute
	slowRecheck  = time.Hour // for what only a person can mend
	finalRetries = 5         // failed polls in a row at a job that would not be polled by itself
)

// Overdue is how long after it was due a job counts as overdue: two of its slowest intervals.
const Overdue = 2 * slowest

// chinaStandardTime is UTC+8 without daylight saving: where WeChat's day begins.
var chinaStandardTime = time.FixedZone("UTC+8", 8*60*60)

// next says when to poll again after a poll that succeeded; nil is never. A pause is the store's to
// keep: it may begin and end while the job is polled.
func next(j Job, now time.Time) *time.Time {
	var wait time.Duration
	still := now.Sub(j.Latest.FirstObservedAt)
	switch {
	case !j.Phase.Final():
		wait = min(max(still/stretch, soonest), slowest)
	case j.reruns() && still < finalWindow:
		wait = afterFinal
	default:
		return nil
	}
	return later(now, wait+jitter(j.Key, 0, wait/10))
}

// retry says when to poll again after a poll that failed; nil is never.
func retry(j Job, kind Kind, told time.Duration, now time.Time) *time.Time {
	if j.rests(now) && j.Polling.Failures >= finalRetries {
		return nil
	}
	n := j.Polling.Failures
	var wait time.Duration
	switch kind {
	case Quota:
		midnight := NextQuotaDay(now)
		return later(midnight, jitter(j.Key, n, 10*time.Minute))
	case Forbidden, Invalid:
		wait = slowRecheck
	case Throttled:
		wait = doubled(max(told, time.Second), n, max(slowestRetry, told))
	default:
		wait = doubled(firstRetry, n, slowestRetry)
	}
	wait = max(wait, told)
	return later(now, wait+jitter(j.Key, n, wait/5))
}

// rests reports whether j would not be polled again by itself.
func (j Job) rests(now time.Time) bool {
	if !j.Phase.Final() || j.Latest == nil {
		return false
	}
	return !j.reruns() || now.Sub(j.Latest.FirstObservedAt) >= finalWindow
}

// reruns reports whether the final job j may be run again as the same job: a check always, a migration or a
// sync that did not work.
func (j Job) reruns() bool {
	switch j.Key.Provider {
	case DTS:
		return true
	case DTSMigration, DTSSync:
		return j.Phase == Failed || j.Phase == Missing
	}
	return false
}

// Resume says when to poll a job that is no longer paused: at once, unless it rests.
func (j Job) Resume(now time.Time) *time.Time {
	if j.rests(now) {
		return nil
	}
	return later(now, 0)
}

// NextQuotaDay is the instant WeChat's daily quota starts anew: the next midnight in UTC+8.
func NextQuotaDay(now time.Time) time.Time {
	y, m, d := now.In(chinaStandardTime).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, chinaStandardTime).UTC()
}

// doubled is first × 2^(n-1), most at most.
func doubled(first time.Duration, n int64, most time.Duration) time.Duration {
	wait := first
	for i := int64(1); i < n && wait < most; i++ {
		wait *= 2
	}
	return min(wait, most)
}

// jitter spreads jobs that would come due together over spread. It is a hash, not a dice roll, so
// that a run can be repeated.
func jitter(k Key, failures int64, spread time.Duration) time.Duration {
	ms := spread.Milliseconds()
	if ms <= 0 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(k.String() + "#" + strconv.FormatInt(failures, 10)))
	return time.Duration(h.Sum64()%uint64(ms)) * time.Millisecond
}

func later(now time.Time, wait time.Duration) *time.Time {
	t := now.Add(wait).UTC().Truncate(time.Millisecond)
	return &t
}

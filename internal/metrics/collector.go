package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"migwatch/internal/job"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("migwatch_"+name, help, labels, nil)
}

var (
	buildInfo = desc("build_info", "The running build; always 1.", "version")

	jobs       = desc("jobs", "Watched jobs by provider and phase.", "provider", "phase")
	paused     = desc("paused_jobs", "Watched jobs that are paused.")
	overdue    = desc("overdue_jobs", "Jobs that have been due for longer than ten minutes.")
	lag        = desc("lag_seconds", "The largest lag of a place's migrations and syncs, among those that copy increments.", "provider", "scope")
	failing    = desc("failing_jobs", "Jobs whose last poll failed, by the kind of failure.", "kind")
	longestDue = desc("longest_due_seconds", "How long the job that is due longest has been due; 0 where none is.")
	oldestPoll = desc("oldest_look_timestamp_seconds", "The last poll of the job that was polled longest ago, among those polled by themselves.")

	troubles    = desc("troubles", "Jobs whose polls failed for one reason when that was told as trouble; absent when it is over.", "provider", "scope", "kind")
	sinkBehind  = desc("sink_behind_events", "Events that a sink has still to be told, or to pass over.", "kind", "name")
	sinkFails   = desc("sink_failures", "Sendings to a sink that failed in a row.", "kind", "name")
	sinkStopped = desc("sink_stopped", "Whether a sink's address is gone or wrong, so that nothing is sent until it changes.", "kind", "name")
	sinkTold    = desc("sink_told_events_total", "Events that a sink took.", "kind", "name")
	sinkDropped = desc("sink_dropped_events_total", "Events that were given up.", "kind", "name")

	lastTick     = desc("last_tick_timestamp_seconds", "When the last tick ended; absent before the first.")
	tickDuration = desc("last_tick_duration_seconds", "How long the last tick took.")
	tickLooks    = desc("last_tick_jobs", "Jobs that the last tick claimed, by what became of them.", "result")
	tickDue      = desc("last_tick_due_jobs", "Jobs that were still due at the end of the last tick.")

	ticks   = desc("ticks_total", "Ticks that ended.")
	claimed = desc("claimed_jobs_total", "Jobs that ticks claimed, by what became of them.", "result")
	changed = desc("changed_looks_total", "Polls that saw something new.")

	refused = desc("refused_requests_total", "Requests that this process refused: with a wrong API key, and ticket pushes that are not to be believed.", "what")

	pushes = desc("budget_pushes_total", "How often an upstream's refusal held a budget back.", "budget")
	pushed = desc("budget_pushed_seconds", "How long a budget is still held back by an upstream's refusal.", "budget")
)

// collector shows one reading of the store.
type collector struct {
	st      job.Stats
	refused Refused
	version string
	now     time.Time
}

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{buildInfo, jobs, paused, overdue, lag, failing, longestDue, oldestPoll,
		lastTick, tickDuration, tickLooks, tickDue, ticks, claimed, changed, refused, pushes, pushed,
		troubles, sinkBehind, sinkFails, sinkStopped, sinkTold, sinkDropped} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(buildInfo, 1, c.version)
	c.collectJobs(gauge)
	c.collectTick(gauge)
	t := c.st.Totals
	counter(ticks, t.Ticks)
	counter(changed, t.Changed)
	for _, r := range results(t.Recorded, t.Failed, t.Released, t.Lost) {
		counter(claimed, r.n, r.name)
	}
	counter(refused, c.refused.Keys, "key")
	counter(refused, c.refused.Pushes, "push")
	c.collectTelling(gauge, counter)
	for _, b := range c.st.Budgets {
		counter(pushes, b.Pushes, b.Name)
		left := 0.0
		if b.PushedUntil != nil {
			left = max(0, b.PushedUntil.Sub(c.now).Seconds())
		}
		gauge(pushed, left, b.Name)
	}
}

func (c collector) collectTelling(gauge gauger, counter func(d *prometheus.Desc, v int64, labels ...string)) {
	for _, t := range c.st.Troubles {
		place := job.PlaceOf(t.Budget)
		gauge(troubles, float64(t.Jobs), string(place.Provider), place.Scope, string(t.Kind))
	}
	names := map[[2]string]bool{} // people may give one to two sinks; a series is one's
	for _, k := range c.st.SinkStates {
		if names[[2]string{k.Kind, k.Name}] {
			k.Name += "-" + k.ID[:8]
		}
		names[[2]string{k.Kind, k.Name}] = true
		stopped := 0.0
		if k.Stopped {
			stopped = 1
		}
		gauge(sinkBehind, float64(k.Behind), k.Kind, k.Name)
		gauge(sinkFails, float64(k.Failures), k.Kind, k.Name)
		gauge(sinkStopped, stopped, k.Kind, k.Name)
		counter(sinkTold, k.Told, k.Kind, k.Name)
		counter(sinkDropped, k.Dropped, k.Kind, k.Name)
	}
}

type gauger func(d *prometheus.Desc, v float64, labels ...string)

func (c collector) collectJobs(gauge gauger) {
	for _, p := range job.Providers {
		for _, phase := range job.Phases {
			gauge(jobs, float64(c.st.Jobs[p][phase]), string(p), string(phase))
		}
	}
	gauge(paused, float64(c.st.Paused))
	gauge(overdue, float64(c.st.Overdue))
	for _, l := range c.st.Lags {
		gauge(lag, float64(l.Seconds), string(l.Provider), l.Scope)
	}
	for _, k := range job.Kinds {
		gauge(failing, float64(c.st.ByKind[k]), string(k))
	}
	due := 0.0
	if c.st.OldestAt != nil {
		due = max(0, c.now.Sub(*c.st.OldestAt).Seconds())
	}
	gauge(longestDue, due)
	if c.st.OldestPollAt != nil {
		gauge(oldestPoll, seconds(*c.st.OldestPollAt))
	}
}

func (c collector) collectTick(gauge gauger) {
	t := c.st.LastTick
	if t == nil {
		return
	}
	gauge(lastTick, seconds(t.FinishedAt))
	gauge(tickDuration, t.FinishedAt.Sub(t.StartedAt).Seconds())
	gauge(tickDue, float64(t.Due))
	for _, r := range results(t.Recorded, t.Failed, t.Released, t.Lost) {
		gauge(tickLooks, float64(r.n), r.name)
	}
}

type result struct {
	name string
	n    int64
}

// results add up to what was claimed.
func results(recorded, failed, released, lost int64) []result {
	return []result{{"recorded", recorded}, {"failed", failed}, {"released", released}, {"lost", lost}}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

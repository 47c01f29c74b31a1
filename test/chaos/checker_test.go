package chaos

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checker holds a history against the invariants of docs/reliability.md and lists what breaks them.
type checker struct {
	history
	found []string
}

// check gives a line for everything that is wrong; each begins with the invariant's name.
func check(h history) []string {
	c := &checker{history: h}
	c.limitsHold()
	c.onePollPerEpoch()
	c.looksAreRemembered()
	c.allAreFound()
	c.snapshotsAreWhole()
	c.latestIsLast()
	c.eventsTellEveryChange()
	c.eventsCanBeFollowed()
	c.nothingSecretShows()
	c.nothingIsLeft()
	c.allAreLookedAtAgain()
	return c.found
}

func (c *checker) wrong(invariant, format string, args ...any) {
	c.found = append(c.found, invariant+" "+fmt.Sprintf(format, args...))
}

// limitsHold is I1, counted anew: the upstream's own counting is a second opinion. Seconds in which the
// upstream's process stood still are left out: what it notes then is when it woke.
func (c *checker) limitsHold() {
	times := map[string][]time.Time{}
	for _, a := range c.arrivals {
		if c.stalled(a.at) {
			continue
		}
		times[a.budget] = append(times[a.budget], a.at)
		if a.limited {
			c.wrong("I1", "%s was refused at %s: too many in a second", a.key, a.at.Format(time.StampMilli))
		}
	}
	for budget, at := range times {
		if n := peak(at); n > c.limits[budget] {
			c.wrong("I1", "%d polls in one second on %s, which allows %d: %s", n, budget, c.limits[budget], crowded(at, n))
		}
	}
}

// stalled reports whether the upstream stood still in the second that ends at at.
func (c *checker) stalled(at time.Time) bool {
	return slices.ContainsFunc(c.stalls, func(s stall) bool {
		return !at.Before(s.From) && at.Sub(s.To) < time.Second+pulse+worstWake
	})
}

// peak is the most instants within any second.
func peak(at []time.Time) int {
	slices.SortFunc(at, time.Time.Compare)
	most, from := 0, 0
	for to := range at {
		for at[to].Sub(at[from]) >= time.Second {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// crowded tells how the n polls of the first full second lay, in ms: who was late shows.
func crowded(at []time.Time, n int) string {
	for from := range at[:len(at)-n+1] {
		if at[from+n-1].Sub(at[from]) < time.Second {
			var out strings.Builder
			for _, t := range at[max(0, from-2):min(len(at), from+n+2)] {
				fmt.Fprintf(&out, " %+d", t.Sub(at[from]).Milliseconds())
			}
			return out.String()
		}
	}
	return ""
}

// onePollPerEpoch is I2. The upstream is not told the epoch. But every poll needs a claim of its own
// before it, so at no time may a job have had more polls than claims; and no epoch is claimed or written
// twice, or written by one that no longer holds it.
func (c *checker) onePollPerEpoch() {
	claims, records := map[[2]int64]int{}, map[[2]int64]int{}
	for _, d := range c.deeds {
		at := [2]int64{d.job, d.epoch}
		switch d.what {
		case "claim":
			if claims[at]++; claims[at] > 1 {
				c.wrong("I2", "job %d, epoch %d was claimed twice", d.job, d.epoch)
			}
		case "record", "failed":
			if records[at]++; records[at] > 1 {
				c.wrong("I2", "job %d, epoch %d was written twice", d.job, d.epoch)
			}
			if d.epoch != d.held {
				c.wrong("I2", "job %d was written by epoch %d while epoch %d held it", d.job, d.epoch, d.held)
			}
			if claims[at] == 0 {
				c.wrong("I2", "job %d, epoch %d was written and never claimed", d.job, d.epoch)
			}
		}
	}
	polls := c.polls()
	deeds := byJob(c.deeds, func(d deed) int64 { return d.job })
	for _, j := range c.jobs {
		c.leasesHold(j, deeds[j.id])
		if c.listed {
			continue // one call is a poll of many jobs
		}
		c.pollsHaveClaims(j, polls[j.key], deeds[j.id])
		if n := len(polls[j.key]); c.calm && n != 1 {
			c.wrong("I2", "%s was polled %d times, not once", j.key, n)
		}
	}
}

// polls are the arrivals of each job that were answered, or would have been.
func (c *checker) polls() map[string][]arrival {
	out := map[string][]arrival{}
	for _, a := range c.arrivals {
		out[a.key] = append(out[a.key], a)
	}
	return out
}

// clockError is how far two readings of this machine's clock may be apart: SQLite computes its
// milliseconds in floating point.
const clockError = 2

// pollsHaveClaims matches the n-th poll of a job with its n-th claim that was not given back, and the
// n-th thing remembered with the n-th poll that was answered.
func (c *checker) pollsHaveClaims(j jobRow, polls []arrival, deeds []deed) {
	claimed := instants(deeds, "claim")
	recorded := instants(deeds, "record")
	var answered []int64
	for n, a := range polls {
		if n >= len(claimed) || claimed[n] > milliseconds(a.at)+clockError {
			c.wrong("I2", "%s: poll %d at %s has no claim before it", j.key, n+1, a.at.Format(time.StampMilli))
			break
		}
		if a.verdict == "ok" {
			answered = append(answered, milliseconds(a.at))
		}
	}
	for n, at := range recorded {
		if n >= len(answered) || answered[n] > at+clockError {
			c.wrong("I3", "%s: record %d at %d has no answered poll before it: %v", j.key, n+1, at, answered)
			break
		}
	}
}

// leasesHold wants each claim to come when the one before it had ended: written, given back, or run out.
func (c *checker) leasesHold(j jobRow, deeds []deed) {
	ends := map[int64]int64{} // epoch: when its claim ended
	for _, d := range deeds {
		switch end, known := ends[d.epoch]; {
		case d.what == "claim":
			ends[d.epoch] = d.until
		case known:
			ends[d.epoch] = min(end, d.at)
		}
	}
	for _, d := range deeds {
		if before, known := ends[d.epoch-1]; d.what == "claim" && known && d.at+clockError < before {
			c.wrong("I2", "%s: epoch %d was claimed %d ms before the claim of epoch %d ended", j.key, d.epoch, before-d.at, d.epoch-1)
			return
		}
	}
}

func instants(deeds []deed, what string) []int64 {
	var out []int64
	for _, d := range deeds {
		if d.what == what {
			out = append(out, d.at)
		}
	}
	slices.Sort(out)
	return out
}

// looksAreRemembered is I3: what was recorded, by the database's account, is what the snapshots count, job
// by job and snapshot by snapshot; and what an invocation's answer acknowledged is there.
func (c *checker) looksAreRemembered() {
	type place struct{ job, seq int64 }
	recorded := map[place]int64{}
	var all, failed int64
	for _, d := range c.deeds {
		switch d.what {
		case "record":
			recorded[place{d.job, d.seq}]++
			all++
		case "failed":
			failed++
		}
	}
	asked := map[string]string{} // the request IDs of answered polls, and whose they are
	for _, a := range c.arrivals {
		if a.verdict == "ok" {
			asked[a.requestID] = a.key
			if c.listed { // a call is a poll of many jobs of its place
				asked[a.requestID] = a.budget
			}
		}
	}
	keys := map[int64]string{}
	for _, j := range c.jobs {
		keys[j.id] = j.key
		if c.listed {
			keys[j.id] = j.key[:strings.LastIndexByte(j.key, '/')]
		}
	}
	for _, s := range c.snapshots {
		at := place{s.job, s.seq}
		if n := recorded[at]; n != s.count {
			c.wrong("I3", "%s: snapshot %d has %d observations, %d polls were recorded for it", keys[s.job], s.seq, s.count, n)
		}
		delete(recorded, at)
		// WeChat names a request in refusals only.
		if whose := asked[s.requestID]; whose != keys[s.job] && !(s.requestID == "" && strings.HasPrefix(keys[s.job], "wechat/")) {
			c.wrong("I3", "%s: snapshot %d is of request %s, which was a poll of %q", keys[s.job], s.seq, s.requestID, whose)
		}
		if !c.listed {
			delete(asked, s.requestID)
		}
	}
	for at, n := range recorded {
		c.wrong("I3", "%s: %d polls were recorded for snapshot %d, which is not there", keys[at.job], n, at.seq)
	}
	if c.reports.recorded > all {
		c.wrong("I3", "%d polls were acknowledged as recorded, %d are", c.reports.recorded, all)
	}
	if c.reports.failed > failed {
		c.wrong("I3", "%d failed polls were acknowledged, %d are recorded", c.reports.failed, failed)
	}
	if changed := int64(len(c.snapshots)); c.reports.changed > changed {
		c.wrong("I3", "%d new snapshots were acknowledged, %d are there", c.reports.changed, changed)
	}
	for _, text := range c.history.wrong {
		c.wrong("I3", "a report does not add up: %s", text)
	}
}

// allAreFound is what I3 is for discoveries: each job that the lists name is watched, once, and none is said to be
// missing because a page lacked it.
func (c *checker) allAreFound() {
	if !c.listed {
		return
	}
	watched := map[string]int{}
	for _, j := range c.jobs {
		watched[j.key]++
	}
	for _, k := range c.keys {
		if n := watched[k]; n != 1 {
			c.wrong("I3", "%s is watched %d times, not once", k, n)
		}
	}
	for _, s := range c.snapshots {
		if s.phase == "missing" {
			c.wrong("I3", "job %d is said to be missing", s.job)
		}
	}
}

// snapshotsAreWhole is I4.
func (c *checker) snapshotsAreWhole() {
	of := byJob(c.snapshots, func(s snapshotRow) int64 { return s.job })
	for job, list := range of {
		for i, s := range list {
			if s.seq != int64(i)+1 {
				c.wrong("I4", "job %d: snapshot %d comes where %d is due", job, s.seq, i+1)
			}
			if s.first > s.last || s.count < 1 {
				c.wrong("I4", "job %d: snapshot %d lasts from %d to %d with %d observations", job, s.seq, s.first, s.last, s.count)
			}
			if i == 0 {
				continue
			}
			if before := list[i-1]; s.content == before.content {
				c.wrong("I4", "job %d: snapshots %d and %d are the same", job, before.seq, s.seq)
			} else if s.first < before.last {
				c.wrong("I4", "job %d: snapshot %d begins at %d, before %d ends at %d", job, s.seq, s.first, before.seq, before.last)
			}
		}
	}
}

// latestIsLast is I5.
func (c *checker) latestIsLast() {
	of := byJob(c.snapshots, func(s snapshotRow) int64 { return s.job })
	known := map[int64]bool{}
	for _, j := range c.jobs {
		known[j.id] = true
		list := of[j.id]
		if len(list) == 0 {
			if j.seq != 0 || j.phase != "pending" {
				c.wrong("I5", "%s is %s at seq %d without any snapshot", j.key, j.phase, j.seq)
			}
			continue
		}
		if last := list[len(list)-1]; j.seq != last.seq || j.phase != last.phase {
			c.wrong("I5", "%s is %s at seq %d, its last snapshot is %s at %d", j.key, j.phase, j.seq, last.phase, last.seq)
		}
		if j.recordedEpoch > j.epoch {
			c.wrong("I5", "%s recorded epoch %d and is at %d", j.key, j.recordedEpoch, j.epoch)
		}
	}
	for job := range of {
		if !known[job] {
			c.wrong("I5", "job %d has snapshots and is not there", job)
		}
	}
}

// eventsTellEveryChange is I6: read beside each other, snapshots and events tell the same story.
func (c *checker) eventsTellEveryChange() {
	snapshots := byJob(c.snapshots, func(s snapshotRow) int64 { return s.job })
	events := byJob(c.events, func(e eventRow) int64 { return e.job })
	for _, j := range c.jobs {
		var want, got []string
		phase, since := "pending", int64(0)
		for _, s := range snapshots[j.id] {
			if s.phase != phase {
				want = append(want, fmt.Sprintf("%s>%s seq %d at %d", phase, s.phase, s.seq, s.first))
				phase, since = s.phase, s.first
			}
		}
		for _, e := range events[j.id] {
			got = append(got, fmt.Sprintf("%s>%s seq %d at %d", e.from, e.to, e.seq, e.at))
		}
		if !slices.Equal(want, got) {
			c.wrong("I6", "%s changed %v, its events tell %v", j.key, want, got)
		}
		if since > 0 && since != j.changedAt {
			c.wrong("I6", "%s is %s since %d, its row says %d", j.key, phase, since, j.changedAt)
		}
	}
}

// eventsCanBeFollowed is the rest of I6: IDs without gaps, and a follower who missed none, saw none
// twice, and was never shown one that was taken back.
func (c *checker) eventsCanBeFollowed() {
	for i, e := range c.events {
		if e.id != int64(i)+1 {
			c.wrong("I6", "event %d comes where %d is due", e.id, i+1)
			break
		}
	}
	if n := int64(len(c.events)); n != c.lastEvent {
		c.wrong("I6", "%d events are there, %d IDs were given out", n, c.lastEvent)
	}
	for i, id := range c.followed {
		if id != int64(i)+1 {
			c.wrong("I6", "who followed the events saw %d where %d is due", id, i+1)
			break
		}
	}
	if int64(len(c.followed)) > c.lastEvent {
		c.wrong("I6", "who followed the events saw %d, there are %d", len(c.followed), c.lastEvent)
	}
}

// nothingSecretShows is I7.
func (c *checker) nothingSecretShows() {
	for _, s := range c.secrets {
		quoted := strings.Trim(strconv.Quote(s), `"`)
		for place, text := range c.texts {
			for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), quoted} {
				if strings.Contains(text, form) {
					c.wrong("I7", "%s shows %q", place, form)
					break
				}
			}
		}
	}
}

// nothingIsLeft is I8.
func (c *checker) nothingIsLeft() {
	for _, what := range c.left {
		c.wrong("I8", "left: %s", what)
	}
	for place, text := range c.texts {
		for _, word := range []string{"goroutine ", "panic:", "fatal error:", "DATA RACE", `"level":"ERROR","msg":"a poll panicked"`} {
			if strings.Contains(text, word) {
				c.wrong("I8", "%s has %q", place, word)
			}
		}
	}
}

// allAreLookedAtAgain is I9.
func (c *checker) allAreLookedAtAgain() {
	if c.healed.at.IsZero() {
		return
	}
	healed, last := milliseconds(c.healed.at), milliseconds(c.healed.at.Add(c.healed.limit))
	polled := map[int64]bool{}
	for _, d := range c.deeds {
		if d.what == "record" && d.at >= healed && d.at <= last {
			polled[d.job] = true
		}
	}
	for _, j := range c.jobs {
		if !polled[j.id] {
			c.wrong("I9", "%s was due and not polled within %v of healing", j.key, c.healed.limit)
		}
	}
	for _, s := range c.sweeps {
		if s.sweptAt < healed || s.sweptAt > last {
			c.wrong("I9", "the list of %s was not read to its end within %v of healing, but at %d", s.place, c.healed.limit, s.sweptAt)
		}
	}
}

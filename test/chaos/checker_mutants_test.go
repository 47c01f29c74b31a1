package chaos

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func after(ms int64) int64 { return noon.UnixMilli() + ms }

func come(ms int64, key, request string) arrival {
	return arrival{at: noon.Add(time.Duration(ms) * time.Millisecond), budget: "dts/ap-x", key: key, verdict: "ok", requestID: request}
}

// sound is a history in which nothing is wrong: job 1 was polled three times by three claims, one
// claim given back among them, and job 2 once and once in vain.
func sound() history {
	return history{
		limits: map[string]int{"dts/ap-x": 2},
		arrivals: []arrival{
			come(100, "dts/ap-x/1", "r1"), come(700, "dts/ap-x/2", "r2"), come(1200, "dts/ap-x/1", "r3"), come(1900, "dts/ap-x/1", "r4"),
			{at: noon.Add(2500 * time.Millisecond), budget: "dts/ap-x", key: "dts/ap-x/2", verdict: "InternalError", requestID: "r5"},
		},
		jobs: []jobRow{
			{id: 1, key: "dts/ap-x/1", phase: "succeeded", seq: 2, epoch: 4, recordedEpoch: 4, changedAt: after(1250)},
			{id: 2, key: "dts/ap-x/2", phase: "running", seq: 1, epoch: 2, recordedEpoch: 2, changedAt: after(750)},
		},
		snapshots: []snapshotRow{
			{job: 1, seq: 1, phase: "running", content: "a", requestID: "r1", first: after(150), last: after(150), count: 1},
			{job: 1, seq: 2, phase: "succeeded", content: "b", requestID: "r3", first: after(1250), last: after(1950), count: 2},
			{job: 2, seq: 1, phase: "running", content: "a", requestID: "r2", first: after(750), last: after(750), count: 1},
		},
		events: []eventRow{
			{id: 1, job: 1, seq: 1, at: after(150), from: "pending", to: "running"},
			{id: 2, job: 2, seq: 1, at: after(750), from: "pending", to: "running"},
			{id: 3, job: 1, seq: 2, at: after(1250), from: "running", to: "succeeded"},
		},
		lastEvent: 3,
		deeds: []deed{
			{at: after(0), until: after(4000), job: 1, epoch: 1, held: 1, what: "claim"}, {at: after(150), job: 1, epoch: 1, held: 1, what: "record", seq: 1},
			{at: after(600), until: after(4600), job: 2, epoch: 1, held: 1, what: "claim"}, {at: after(750), job: 2, epoch: 1, held: 1, what: "record", seq: 1},
			{at: after(800), until: after(4800), job: 1, epoch: 2, held: 2, what: "claim", seq: 1}, {at: after(850), job: 1, epoch: 2, held: 2, what: "release", seq: 1},
			{at: after(900), until: after(4900), job: 1, epoch: 3, held: 3, what: "claim", seq: 1}, {at: after(1250), job: 1, epoch: 3, held: 3, what: "record", seq: 2},
			{at: after(1800), until: after(5800), job: 1, epoch: 4, held: 4, what: "claim", seq: 2}, {at: after(1950), job: 1, epoch: 4, held: 4, what: "record", seq: 2},
			{at: after(2400), until: after(6400), job: 2, epoch: 2, held: 2, what: "claim", seq: 1}, {at: after(2550), job: 2, epoch: 2, held: 2, what: "failed", seq: 1},
		},
		followed: []int64{1, 2, 3},
		reports:  totals{claimed: 5, recorded: 3, changed: 3, failed: 1, released: 1},
		healed:   healing{at: noon.Add(-time.Second), limit: time.Minute},
		texts:    map[string]string{"the log": "nothing to see"},
		secrets:  []string{"canary+secret"},
	}
}

func TestCheckerExcusesTheUpstreamsOwnStalls(t *testing.T) {
	h := sound()
	h.arrivals[2].at = h.arrivals[0].at.Add(999 * time.Millisecond)
	h.stalls = []stall{{noon.Add(time.Second), noon.Add(1080 * time.Millisecond)}}
	if found := check(h); len(found) > 0 {
		t.Error(found)
	}
	h.stalls = []stall{{noon.Add(5 * time.Second), noon.Add(6 * time.Second)}}
	if found := check(h); len(found) == 0 {
		t.Error("a stall at another time excuses a crowd")
	}
}

// TestCheckerFinds breaks a sound history in every way an invariant can be broken, once each.
func TestCheckerFinds(t *testing.T) {
	if found := check(sound()); len(found) > 0 {
		t.Fatalf("a sound history is found wanting: %v", found)
	}
	for _, test := range []struct {
		name, invariant string
		spoil           func(h *history)
	}{
		{"three polls in a second", "I1", func(h *history) { h.arrivals[2].at = h.arrivals[0].at.Add(999 * time.Millisecond) }},
		{"a refused poll", "I1", func(h *history) { h.arrivals[1].limited = true }},
		{"a poll without a claim", "I2", func(h *history) { h.arrivals[2].key = "dts/ap-x/2"; h.arrivals[3].key = "dts/ap-x/2" }},
		{"two polls of one claim", "I2", func(h *history) {
			h.arrivals = append(h.arrivals, come(3500, "dts/ap-x/1", "r6"), come(4600, "dts/ap-x/1", "r7"))
		}},
		{"an epoch claimed twice", "I2", func(h *history) { h.deeds[6].epoch, h.deeds[6].held = 2, 2 }},
		{"claimed while another holds it", "I2", func(h *history) { h.deeds[8].at = after(1200) }},
		{"no fence: the old epoch writes", "I2", func(h *history) { h.deeds[9].held = 5 }},
		{"an epoch not consumed: written twice", "I2", func(h *history) { h.deeds = append(h.deeds, h.deeds[9]) }},
		{"written and never claimed", "I2", func(h *history) { h.deeds[8].what = "release" }},
		{"polled twice where once was due", "I2", func(h *history) { h.calm = true }},
		{"recorded before it was polled", "I3", func(h *history) { h.deeds[1].at = after(50) }},
		{"a recorded poll lost", "I3", func(h *history) { h.snapshots[1].count = 1 }},
		{"a poll counted twice", "I3", func(h *history) { h.snapshots[0].count = 2 }},
		{"a lost snapshot", "I3", func(h *history) { h.snapshots = h.snapshots[:2]; h.jobs[1].seq, h.jobs[1].phase = 0, "pending" }},
		{"another job's answer", "I3", func(h *history) { h.snapshots[2].requestID = "r1" }},
		{"one answer for two snapshots", "I3", func(h *history) { h.snapshots[1].requestID = "r1" }},
		{"an acknowledged poll lost", "I3", func(h *history) { h.reports.recorded = 5 }},
		{"an acknowledged failure lost", "I3", func(h *history) { h.reports.failed = 2 }},
		{"an acknowledged snapshot lost", "I3", func(h *history) { h.reports.changed = 4 }},
		{"a report that does not add up", "I3", func(h *history) { h.wrong = []string{"{}"} }},
		{"a gap in seq", "I4", func(h *history) { h.snapshots[1].seq, h.jobs[0].seq, h.events[2].seq = 3, 3, 3 }},
		{"equal neighbours", "I4", func(h *history) { h.snapshots[1].content = "a" }},
		{"times go back", "I4", func(h *history) { h.snapshots[1].first = after(100) }},
		{"it ends before it begins", "I4", func(h *history) { h.snapshots[0].last = after(149) }},
		{"the row is behind", "I5", func(h *history) { h.jobs[0].seq = 1 }},
		{"the row says another phase", "I5", func(h *history) { h.jobs[0].phase = "running" }},
		{"a state without a snapshot", "I5", func(h *history) { h.snapshots = h.snapshots[:2] }},
		{"snapshots of nobody", "I5", func(h *history) { h.jobs = h.jobs[:1] }},
		{"a recorded epoch beyond the job's", "I5", func(h *history) { h.jobs[0].recordedEpoch = 9 }},
		{"an event lost", "I6", func(h *history) { h.events, h.lastEvent, h.followed = h.events[:2], 2, []int64{1, 2} }},
		{"an event twice", "I6", func(h *history) {
			h.events = append(h.events, h.events[2])
			h.events[3].id, h.lastEvent = 4, 4
		}},
		{"an event of another story", "I6", func(h *history) { h.events[2].from = "pending" }},
		{"a change at another time", "I6", func(h *history) { h.jobs[0].changedAt++ }},
		{"a gap in the event IDs", "I6", func(h *history) { h.events[2].id, h.lastEvent, h.followed = 4, 4, []int64{1, 2, 4} }},
		{"an ID given out in vain", "I6", func(h *history) { h.lastEvent = 4 }},
		{"a follower missed one", "I6", func(h *history) { h.followed = []int64{1, 3} }},
		{"a follower saw one twice", "I6", func(h *history) { h.followed = []int64{1, 2, 2} }},
		{"a follower saw one that was taken back", "I6", func(h *history) { h.followed = []int64{1, 2, 3, 4} }},
		{"a secret in the log", "I7", func(h *history) { h.texts["the log"] = "token=canary+secret" }},
		{"an escaped secret in the log", "I7", func(h *history) { h.texts["the log"] = "?access_token=canary%2Bsecret" }},
		{"a panic in the log", "I8", func(h *history) { h.texts["the log"] = "panic: runtime error" }},
		{"a process that remains", "I8", func(h *history) { h.left = []string{"process 1"} }},
		{"a job forgotten after healing", "I9", func(h *history) { h.healed.at = noon.Add(time.Second) }},
		{"a job polled too late", "I9", func(h *history) { h.healed.limit = 1500 * time.Millisecond }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := sound()
			test.spoil(&h)
			found := check(h)
			for _, line := range found {
				if strings.HasPrefix(line, test.invariant+" ") {
					return
				}
			}
			t.Errorf("want a breach of %s, found %v", test.invariant, found)
		})
	}
}

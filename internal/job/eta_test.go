package job_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"migwatch/internal/job"
)

// moved is what polls say of one job: minutes after the start, and the percentage, less than 0 for none.
type moved struct {
	minutes, percent int64
}

func walked(polls []moved) (j job.Job) {
	j = fresh(job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-1"})
	for _, m := range polls {
		seen := job.Observation{Phase: job.Running, Status: "running"}
		if m.percent >= 0 {
			seen.Progress = ptr(m.percent)
		}
		j = after(j, &seen, nil, start.Add(time.Duration(m.minutes)*time.Minute)).Job
	}
	return j
}

func TestETA(t *testing.T) {
	for name, c := range map[string]struct {
		polls []moved
		want  int64 // minutes after the start; 0: none
	}{
		"nothing":               {nil, 0},
		"one point":             {[]moved{{0, 10}}, 0},
		"two points":            {[]moved{{0, 10}, {1, 20}}, 0},
		"three points":          {[]moved{{0, 10}, {1, 20}, {2, 30}}, 9},
		"the pace of late":      {[]moved{{0, 0}, {10, 1}, {20, 2}, {21, 12}, {22, 22}}, 29},
		"stands for a while":    {[]moved{{0, 10}, {10, 20}, {20, 30}, {25, 30}}, 90},
		"stands still":          {[]moved{{0, 10}, {10, 20}, {20, 30}, {31, 30}}, 0},
		"goes on after a while": {[]moved{{0, 10}, {10, 20}, {20, 30}, {40, 30}, {50, 50}}, 116},
		"goes back":             {[]moved{{0, 10}, {1, 20}, {2, 30}, {3, 5}}, 0},
		"anew after going back": {[]moved{{0, 10}, {1, 20}, {2, 5}, {3, 10}, {4, 20}}, 14},
		"is there":              {[]moved{{0, 80}, {1, 90}, {2, 100}}, 0},
		"no longer told":        {[]moved{{0, 10}, {1, 20}, {2, 30}, {3, -1}}, 0},
	} {
		var got int64
		if eta := walked(c.polls).ETA; eta != nil {
			got = int64(eta.Sub(start) / time.Minute)
		}
		if got != c.want {
			t.Errorf("%s: in %d minutes, want %d", name, got, c.want)
		}
	}
	j := walked([]moved{{0, 10}, {1, 20}, {2, 30}})
	if end := after(j, &job.Observation{Phase: job.Failed, Status: "failed", Progress: ptr[int64](31)}, nil, start.Add(3*time.Minute)).Job; end.ETA != nil || end.Pace != nil {
		t.Error("a job that is over has an ETA")
	}
	if failed := after(j, nil, &job.PollError{Kind: job.Transient}, start.Add(3*time.Minute)).Job; failed.ETA == nil {
		t.Error("a poll that failed took the ETA away")
	}
}

// An ETA is never before the poll that gave it, and two points never give one.
func TestETAIsToCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var polls []moved
		at := int64(0)
		for range rapid.IntRange(1, 12).Draw(t, "polls") {
			at += rapid.Int64Range(1, 100).Draw(t, "wait")
			polls = append(polls, moved{at, rapid.Int64Range(-1, 100).Draw(t, "percent")})
			before := slices.Clone(polls)
			j := walked(polls)
			if !slices.Equal(before, polls) || len(j.Pace) > 2 {
				t.Fatal(j.Pace)
			}
			if j.ETA != nil && (len(polls) < 3 || len(j.Pace) < 2 || j.ETA.Before(j.Pace[1].At)) {
				t.Fatalf("%v after %v", j.ETA, polls)
			}
		}
	})
}

// What an upstream tells beside the state is kept with the job and adds no snapshot; a poll that failed leaves it.
func TestAboutIsNoNews(t *testing.T) {
	j := fresh(job.Key{Provider: job.DTSSync, Scope: "ap-shanghai", ID: "sync-1"})
	tell := func(seconds int64, minutes int) job.Outcome {
		return after(j, &job.Observation{Phase: job.Running, Status: "Running", Step: "sinker",
			About: &job.About{Name: "orders", Version: "2021-12-06", Lag: &job.Lag{Seconds: &seconds}}}, nil, start.Add(time.Duration(minutes)*time.Minute))
	}
	j = tell(5, 1).Job
	out := tell(7, 2)
	if out.Changed || out.Job.Latest.Observations != 2 || out.Job.Latest.About != nil || *out.Job.About.Lag.Seconds != 7 || !out.Job.About.Lag.At.Equal(start.Add(2*time.Minute)) {
		t.Errorf("%+v", out)
	}
	j = out.Job
	if failed := after(j, nil, &job.PollError{Kind: job.Transient}, start.Add(3*time.Minute)).Job; failed.About.Name != "orders" || failed.About.Lag == nil {
		t.Errorf("%+v", failed.About)
	}
	if other := after(j, &job.Observation{Phase: job.Running, Status: "Running", Step: "dumper"}, nil, start.Add(3*time.Minute)); !other.Changed || other.Job.About.Name != "orders" {
		t.Errorf("another step: %+v", other)
	}
}

// A migration that did not work may be started again; one that worked is never asked about again.
func TestWhatMayBeRunAgain(t *testing.T) {
	for provider, again := range map[job.Provider]map[job.Phase]bool{
		job.WeChat:       {},
		job.DTS:          {job.Succeeded: true, job.Failed: true, job.Missing: true},
		job.DTSMigration: {job.Failed: true, job.Missing: true},
		job.DTSSync:      {job.Failed: true, job.Missing: true},
	} {
		for _, phase := range []job.Phase{job.Succeeded, job.Failed, job.Canceled, job.Missing} {
			if provider == job.DTS && phase == job.Canceled {
				continue
			}
			j := fresh(job.Key{Provider: provider, Scope: "ap-shanghai", ID: "1"})
			if next := after(j, &job.Observation{Phase: phase}, nil, start).Job.Polling.NextAt; (next != nil) != again[phase] {
				t.Errorf("%s %s: next at %v", provider, phase, next)
			}
		}
	}
}

package job_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
)

func TestTroubles(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	opened := at(0)
	brewing := func(kind job.Kind) job.Trouble {
		return job.Trouble{Budget: "wechat", Kind: kind, Since: at(0), Jobs: 1}
	}
	open := brewing(job.Transient)
	open.OpenedAt = &opened
	fails := func(kind job.Kind, jobs, failures int64) []job.Failing {
		return []job.Failing{{Budget: "wechat", Kind: kind, Jobs: jobs, Failures: failures}}
	}
	type changes = map[string]int
	for name, test := range map[string]struct {
		known   []job.Trouble
		failing []job.Failing
		after   time.Duration
		now     int
		want    changes
	}{
		"all is well":                            {nil, nil, 10 * time.Minute, 0, changes{}},
		"one poll fails":                         {nil, fails(job.Transient, 1, 1), 10 * time.Minute, 0, changes{"begun": 1}},
		"it passes by itself":                    {[]job.Trouble{brewing(job.Transient)}, nil, 10 * time.Minute, 9, changes{"passed": 1}},
		"it lasts, but not for long":             {[]job.Trouble{brewing(job.Transient)}, fails(job.Transient, 40, 9), 10 * time.Minute, 9, changes{}},
		"it lasts":                               {[]job.Trouble{brewing(job.Transient)}, fails(job.Transient, 40, 9), 10 * time.Minute, 10, changes{"opened": 40}},
		"it is told once":                        {[]job.Trouble{open}, fails(job.Transient, 40, 9), 10 * time.Minute, 90, changes{}},
		"it is over":                             {[]job.Trouble{open}, nil, 10 * time.Minute, 90, changes{"closed": 1}},
		"another kind takes over":                {[]job.Trouble{open}, fails(job.Protocol, 3, 1), 10 * time.Minute, 90, changes{"closed": 1, "begun": 3}},
		"a key is refused once":                  {nil, fails(job.Credentials, 7, 1), 10 * time.Minute, 0, changes{"begun": 7}},
		"a key is refused twice":                 {[]job.Trouble{brewing(job.Credentials)}, fails(job.Credentials, 7, 2), 10 * time.Minute, 1, changes{"opened": 7}},
		"a key was refused twice before we came": {nil, fails(job.Forbidden, 7, 2), 10 * time.Minute, 0, changes{"begun": 7, "opened": 7}},
		"everything is told at once":             {nil, fails(job.Throttled, 2, 1), 0, 0, changes{"begun": 2, "opened": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			c := job.Troubles(test.known, test.failing, test.after, at(test.now))
			got := changes{}
			for word, list := range map[string][]job.Trouble{"begun": c.Begun, "opened": c.Opened, "closed": c.Closed, "passed": c.Passed} {
				for _, one := range list {
					got[word] += int(one.Jobs)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTroubleAndStuckEvents(t *testing.T) {
	trouble := job.Trouble{Budget: "dts/ap-shanghai", Kind: job.Forbidden, Jobs: 40, Code: "AuthFailure", Message: "no permission"}
	place := job.Key{Provider: job.DTS, Scope: "ap-shanghai"}
	want := job.Event{Type: job.TroubleEvent, Key: place, From: job.Clear, To: "forbidden", At: start, Jobs: 40, Message: "AuthFailure no permission"}
	if diff := cmp.Diff(want, trouble.Event(false, start)); diff != "" {
		t.Error(diff)
	}
	want.From, want.To = want.To, want.From
	if diff := cmp.Diff(want, trouble.Event(true, start)); diff != "" {
		t.Error(diff)
	}
	forty := int64(40)
	j := job.Job{Key: dtsKey, Phase: job.Running, Latest: &job.Snapshot{Seq: 3, Observation: job.Observation{Phase: job.Running, Status: "running", Progress: &forty}, FirstObservedAt: start}}
	stuck := job.Event{Type: job.Stuck, Key: dtsKey, From: job.Running, To: job.Running, At: start.Add(time.Hour), Seq: 3, Jobs: 1,
		Message: "running at 40% shows nothing new since " + start.UTC().Format("2006-01-02 15:04 UTC")}
	if diff := cmp.Diff(stuck, job.StuckEvent(j, start.Add(time.Hour))); diff != "" {
		t.Error(diff)
	}
}

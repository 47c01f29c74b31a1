package job_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"migwatch/internal/job"
)

var (
	start     = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	wechatKey = job.Key{Provider: job.WeChat, Scope: "test2-4a89da", ID: "100071736"}
	dtsKey    = job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1kl0iy0v"}
)

func ptr[T any](v T) *T { return &v }

func fresh(k job.Key) job.Job {
	return job.Job{Key: k, Phase: job.Pending, WatchedAt: start, ChangedAt: start, Polling: job.Polling{NextAt: ptr(start)}}
}

// after polls once more, wait after now, and gives the outcome.
func after(j job.Job, seen *job.Observation, err error, now time.Time) job.Outcome {
	return job.Settle(job.Claim{Job: j, Epoch: 1, At: now}, seen, err, now)
}

func TestHistoryOfOneJob(t *testing.T) {
	j := fresh(wechatKey)
	now := start
	type step struct {
		seq, observations int64
		event             string
	}
	var got []step
	for _, seen := range []job.Observation{
		{Phase: job.Pending, Status: "waiting", RequestID: "1"},
		{Phase: job.Running, Status: "reading", RequestID: "2"},
		{Phase: job.Running, Status: "migrating", RequestID: "3"},
		{Phase: job.Running, Status: "migrating", RequestID: "4"},
		{Phase: job.Partial, Status: "success", RecordsFailed: ptr[int64](2), RequestID: "5"},
		{Phase: job.Running, Status: "migrating"}, // upstreams do run jobs again
	} {
		now = now.Add(time.Minute)
		out := after(j, &seen, nil, now)
		s := step{out.Job.Latest.Seq, out.Job.Latest.Observations, ""}
		if out.Event != nil {
			s.event = string(out.Event.From) + ">" + string(out.Event.To)
			if out.Event.Seq != out.Job.Latest.Seq || !out.Event.At.Equal(now) || !out.Job.ChangedAt.Equal(now) {
				t.Errorf("event %+v, changed at %v", out.Event, out.Job.ChangedAt)
			}
		}
		got = append(got, s)
		j = out.Job
	}
	want := []step{{1, 1, ""}, {2, 1, "pending>running"}, {3, 1, ""}, {3, 2, ""}, {4, 1, "running>partial"}, {5, 1, "partial>running"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" {
		t.Error(diff)
	}
}

func TestNextLook(t *testing.T) {
	final := func(p job.Phase) *job.Observation { return &job.Observation{Phase: p, Status: "x"} }
	stood := func(k job.Key, p job.Phase, still time.Duration) job.Job {
		j := fresh(k)
		j.Phase = p
		j.Latest = &job.Snapshot{Seq: 1, Observation: job.Observation{Phase: p, Status: "x"}, FirstObservedAt: start.Add(-still), LastObservedAt: start.Add(-time.Second), Observations: 9}
		return j
	}
	for _, test := range []struct {
		name        string
		j           job.Job
		seen        *job.Observation
		least, most time.Duration // most 0: never again
	}{
		{"first poll", fresh(dtsKey), final(job.Running), 30 * time.Second, 33 * time.Second},
		{"moving", stood(dtsKey, job.Running, time.Minute), final(job.Running), 30 * time.Second, 33 * time.Second},
		{"standing ten minutes", stood(dtsKey, job.Running, 10*time.Minute), final(job.Running), 150 * time.Second, 165 * time.Second},
		{"standing for days", stood(dtsKey, job.Unknown, 72*time.Hour), final(job.Unknown), 5 * time.Minute, 330 * time.Second},
		{"moves again", stood(dtsKey, job.Running, 72*time.Hour), &job.Observation{Phase: job.Running, Status: "y"}, 30 * time.Second, 33 * time.Second},
		{"WeChat final", fresh(wechatKey), final(job.Succeeded), 0, 0},
		{"WeChat failed", fresh(wechatKey), final(job.Failed), 0, 0},
		{"DTS final", fresh(dtsKey), final(job.Failed), 15 * time.Minute, 1001 * time.Second},
		{"DTS missing", fresh(dtsKey), final(job.Missing), 15 * time.Minute, 1001 * time.Second},
		{"DTS final for 23 h", stood(dtsKey, job.Succeeded, 23*time.Hour), final(job.Succeeded), 15 * time.Minute, 1001 * time.Second},
		{"DTS final for a day", stood(dtsKey, job.Succeeded, 24*time.Hour), final(job.Succeeded), 0, 0},
	} {
		next := after(test.j, test.seen, nil, start).Job.Polling.NextAt
		checkNext(t, test.name, next, test.least, test.most)
	}
}

func checkNext(t *testing.T, name string, next *time.Time, least, most time.Duration) {
	t.Helper()
	switch {
	case most == 0 && next != nil:
		t.Errorf("%s: polled again after %v, want never", name, next.Sub(start))
	case most == 0:
	case next == nil:
		t.Errorf("%s: never polled again", name)
	case next.Sub(start) < least || next.Sub(start) > most:
		t.Errorf("%s: again after %v, want %v to %v", name, next.Sub(start), least, most)
	}
}

func TestRetry(t *testing.T) {
	at := func(failures int64, j job.Job) job.Job {
		j.Polling.Failures, j.Polling.LastError = failures, &job.Failure{Code: "C", Repeats: failures}
		return j
	}
	last := func(f job.Failure) job.Job { // the last of nine failures
		j := at(9, fresh(dtsKey))
		j.Polling.LastError = &f
		return j
	}
	done := fresh(wechatKey)
	done.Phase, done.Latest = job.Succeeded, &job.Snapshot{Seq: 1, Observation: job.Observation{Phase: job.Succeeded}, FirstObservedAt: start, LastObservedAt: start}
	midnight := time.Date(2026, 3, 1, 16, 0, 0, 0, time.UTC).Sub(start) // 00:00 in UTC+8
	for _, test := range []struct {
		name        string
		j           job.Job
		err         job.PollError
		kind        job.Kind
		least, most time.Duration
	}{
		{"first", fresh(dtsKey), job.PollError{Kind: job.Transient}, job.Transient, 30 * time.Second, 36 * time.Second},
		{"third", at(2, fresh(dtsKey)), job.PollError{Kind: job.Protocol}, job.Protocol, 2 * time.Minute, 144 * time.Second},
		{"hundredth", at(99, fresh(dtsKey)), job.PollError{Kind: job.Credentials}, job.Credentials, 15 * time.Minute, 18 * time.Minute},
		{"transient, slowly", fresh(dtsKey), job.PollError{Kind: job.Transient, RetryAfter: 2 * time.Minute}, job.Transient, 2 * time.Minute, 144 * time.Second},
		{"throttled as told", fresh(wechatKey), job.PollError{Kind: job.Throttled, RetryAfter: time.Minute}, job.Throttled, time.Minute, 72 * time.Second},
		{"throttled for long", fresh(wechatKey), job.PollError{Kind: job.Throttled, RetryAfter: time.Hour}, job.Throttled, time.Hour, 72 * time.Minute},
		{"quota", fresh(wechatKey), job.PollError{Kind: job.Quota}, job.Quota, midnight, midnight + 10*time.Minute},
		{"forbidden", fresh(dtsKey), job.PollError{Kind: job.Forbidden}, job.Forbidden, time.Hour, 72 * time.Minute},
		{"invalid", at(9, fresh(dtsKey)), job.PollError{Kind: job.Invalid}, job.Invalid, time.Hour, 72 * time.Minute},
		{"unlisted, third", at(2, fresh(dtsKey)), job.PollError{Kind: job.Transient, Unlisted: true}, job.Transient, 2 * time.Minute, 144 * time.Second},
		{"unlisted, fourth", at(3, fresh(dtsKey)), job.PollError{Kind: job.Transient, Unlisted: true}, job.Invalid, time.Hour, 72 * time.Minute},
		{"unlisted, after another code", last(job.Failure{Code: "D", Repeats: 9}), job.PollError{Kind: job.Transient, Unlisted: true}, job.Transient, 15 * time.Minute, 18 * time.Minute},
		{"unlisted, third after others", last(job.Failure{Code: "C", Repeats: 2}), job.PollError{Kind: job.Transient, Unlisted: true}, job.Transient, 15 * time.Minute, 18 * time.Minute},
		{"unlisted, fourth after others", last(job.Failure{Code: "C", Repeats: 3}), job.PollError{Kind: job.Transient, Unlisted: true}, job.Invalid, time.Hour, 72 * time.Minute},
		{"unlisted, invalid before it was counted", last(job.Failure{Code: "C", Kind: job.Invalid}), job.PollError{Kind: job.Transient, Unlisted: true}, job.Invalid, time.Hour, 72 * time.Minute},
		{"listed, often", at(9, fresh(dtsKey)), job.PollError{Kind: job.Transient}, job.Transient, 15 * time.Minute, 18 * time.Minute},
		{"final, asked for", done, job.PollError{Kind: job.Transient}, job.Transient, 30 * time.Second, 36 * time.Second},
		{"final, in vain", at(4, done), job.PollError{Kind: job.Transient}, job.Transient, 0, 0},
	} {
		test.err.Code, test.err.RequestID = "C", "R"
		out := after(test.j, nil, &test.err, start)
		p := out.Job.Polling
		checkNext(t, test.name, p.NextAt, test.least, test.most)
		want := &job.Failure{Kind: test.kind, Code: "C", RequestID: "R", At: start, Repeats: 1}
		if last := test.j.Polling.LastError; last != nil && last.Code == "C" {
			want.Repeats += last.Repeats
		}
		if diff := cmp.Diff(want, p.LastError); diff != "" || p.Failures != test.j.Polling.Failures+1 {
			t.Errorf("%s: %d failures, %s", test.name, p.Failures, diff)
		}
		if out.Changed || out.Polled || out.Event != nil || out.Job.Phase != test.j.Phase || out.Job.Latest != test.j.Latest {
			t.Errorf("%s: a failed poll changed the job: %+v", test.name, out)
		}
	}
}

func TestErrorsNobodyClassified(t *testing.T) {
	out := after(fresh(dtsKey), nil, errors.New("Post https://x/?access_token=canary: boom"), start)
	e := out.Job.Polling.LastError
	if e.Kind != job.Transient || e.Message == "" {
		t.Errorf("%+v", e)
	}
	if shown := fmt.Sprintf("%+v %v", e, out.Err); strings.Contains(shown, "canary") {
		t.Errorf("it shows what the cause holds: %s", shown)
	}
	if text := out.Err.Error(); text != "transient internal: the poll failed for a reason not known here" {
		t.Errorf("it prints %q", text)
	}
}

func TestResume(t *testing.T) {
	if next := fresh(dtsKey).Resume(start); next == nil || !next.Equal(start) {
		t.Errorf("a job never seen resumes at %v", next)
	}
	j := fresh(wechatKey)
	j.Phase, j.Latest = job.Failed, &job.Snapshot{Seq: 1, FirstObservedAt: start}
	if next := j.Resume(start); next != nil {
		t.Errorf("a final WeChat job resumes at %v", next)
	}
}

// TestSettleHolds states what holds for every sequence of polls: seq without gaps, neighbours differ,
// times ascend whatever the clock does, one event per change of phase, each poll in one snapshot.
func TestSettleHolds(t *testing.T) {
	seen := rapid.Custom(func(t *rapid.T) job.Observation {
		s := job.Observation{Phase: rapid.SampledFrom(job.Phases).Draw(t, "phase"), Status: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "status")}
		if rapid.Bool().Draw(t, "has progress") {
			s.Progress = ptr(rapid.Int64Range(0, 2).Draw(t, "progress"))
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		j := fresh(rapid.SampledFrom([]job.Key{wechatKey, dtsKey}).Draw(t, "key"))
		now, polls, observed := start, int64(0), int64(0)
		for range rapid.IntRange(1, 40).Draw(t, "polls") {
			now = now.Add(time.Duration(rapid.Int64Range(-90, 600).Draw(t, "seconds")) * time.Second)
			before := j
			var out job.Outcome
			if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
				out = after(j, nil, &job.PollError{Kind: rapid.SampledFrom(job.Kinds).Draw(t, "kind")}, now)
			} else {
				s := seen.Draw(t, "seen")
				out = after(j, &s, nil, now)
				polls++
				if !out.Job.Latest.Same(s) || out.Job.Phase != s.Phase {
					t.Fatalf("the newest snapshot is not what was seen: %+v, %+v", out.Job.Latest, s)
				}
			}
			j = out.Job
			if out.Changed {
				observed += j.Latest.Observations
				if before.Latest != nil && (j.Latest.Seq != before.Latest.Seq+1 || j.Latest.Same(before.Latest.Observation) || j.Latest.FirstObservedAt.Before(before.Latest.LastObservedAt)) {
					t.Fatalf("after %+v comes %+v", before.Latest, j.Latest)
				}
			} else if out.Polled {
				observed++
			}
			if (out.Event != nil) != (before.Phase != j.Phase) {
				t.Fatalf("from %s to %s with event %v", before.Phase, j.Phase, out.Event)
			}
			if next := j.Polling.NextAt; next != nil && !next.After(now) {
				t.Fatalf("due again at once: %v at %v", next, now)
			}
		}
		if polls != observed {
			t.Fatalf("%d polls, %d observations", polls, observed)
		}
	})
}

package storetest

import (
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// aboutIsKept: what is told of a job beside its state is there when it is read and claimed again, for one job
// alone and in a group, beside jobs of which nothing is told.
func aboutIsKept(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	k := func(id string) job.Key {
		return job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-" + id}
	}
	created, started := time.UnixMilli(1700000000123).UTC(), time.UnixMilli(1700000100000).UTC()
	told := func(percent int64) job.Observation {
		return job.Observation{Phase: job.Running, Status: "running", Step: "sinker", Progress: &percent, About: &job.About{
			Name: "订单 \"orders\" '; DROP TABLE jobs; -- " + strings.Repeat("长", 60), CreatedAt: &created, StartedAt: &started, Version: "2021-12-06",
			Lag: &job.Lag{Seconds: ptr[int64](2), Megabytes: ptr[int64](0)}}}
	}
	watch(t, s, k("a"), k("b"), k("c"))
	var want [3]job.Job
	for i, percent := range []int64{10, 20, 30} {
		var group []job.Outcome
		for n, id := range []string{"a", "b", "c"} {
			if _, err := s.PollNow(ctxOf(t), k(id)); err != nil {
				t.Fatal(err)
			}
			seen := told(percent)
			if id == "c" {
				seen.About, seen.Progress, seen.Step = nil, nil, ""
			}
			group = append(group, poll(t, s, k(id), &seen, nil, time.Duration(i)*time.Minute))
			want[n] = group[n].Job
		}
		record(t, s, group[0])
		record(t, s, group[1:]...)
	}
	for n, id := range []string{"a", "b", "c"} {
		got := get(t, s, k(id))
		got.Polling, want[n].Polling = job.Polling{}, job.Polling{}
		same(t, id, got, want[n])
	}
	if j := get(t, s, k("a")); j.ETA == nil || len(j.Pace) != 2 || j.About.Lag == nil || j.Latest.Step != "sinker" {
		t.Errorf("%+v", j)
	}
	if list := history(t, s, k("a")); len(list) != 3 || list[0].Step != "sinker" || list[0].About != nil {
		t.Errorf("%+v", list)
	}
	if _, err := s.PollNow(ctxOf(t), k("a")); err != nil {
		t.Fatal(err)
	}
	for _, c := range claim(t, s, k("a").Budget(), 10, time.Minute) {
		if c.Job.Key == k("a") && (c.Job.About.Name == "" || len(c.Job.Pace) != 2) {
			t.Errorf("a claim does not know %+v", c.Job)
		}
	}
}

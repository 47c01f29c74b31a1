package job_test

import (
	"errors"
	"testing"
	"time"

	"migwatch/internal/job"
)

func TestSwept(t *testing.T) {
	sweep := job.Sweep{Discovery: job.Discovery{Provider: job.DTSMigration, Scope: "ap-shanghai"}, At: start, Whole: true}
	for took, next := range map[time.Duration]time.Duration{0: 10 * time.Second, 2 * time.Second: 8 * time.Second, 6 * time.Second: 6 * time.Second, time.Minute: time.Minute} {
		now := start.Add(took)
		d := job.Swept(sweep, nil, false, now)
		if got := d.Polling.NextAt.Sub(now); got != next || !d.SweptAt.Equal(now) || !d.WholeAt.Equal(now) {
			t.Errorf("a sweep of %v: the next one in %v, want %v; %+v", took, got, next, d)
		}
	}
	sweep.Whole = false
	if d := job.Swept(sweep, nil, false, start); d.WholeAt != nil || d.SweptAt == nil {
		t.Errorf("%+v", d)
	}
	if d := job.Swept(sweep, nil, true, start); d.SweptAt != nil || !d.Polling.NextAt.Equal(start) {
		t.Errorf("cut: %+v", d)
	}
	d := job.Swept(sweep, &job.PollError{Kind: job.Forbidden, Code: "UnauthorizedOperation"}, false, start)
	if d.SweptAt != nil || d.Polling.Failures != 1 || d.Polling.LastError.Kind != job.Forbidden || d.Polling.NextAt.Sub(start) < time.Hour {
		t.Errorf("failed: %+v", d)
	}
}

func TestIsWhole(t *testing.T) {
	at := start
	for name, c := range map[string]struct {
		d    job.Discovery
		want bool
	}{
		"the first": {job.Discovery{}, true}, "soon after": {job.Discovery{WholeAt: &at}, false}, "with finished ones": {job.Discovery{WholeAt: &at, Finished: true}, true},
	} {
		if got := c.d.IsWhole(start.Add(time.Minute)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !(job.Discovery{WholeAt: &at}).IsWhole(start.Add(15 * time.Minute)) {
		t.Error("a quarter of an hour later")
	}
}

func TestCheckDiscovery(t *testing.T) {
	for _, c := range []struct {
		provider job.Provider
		scope    string
		field    string
	}{
		{job.DTSMigration, "ap-shanghai", ""}, {job.DTSSync, "ap-qingyuan", ""}, {job.DTS, "ap-shanghai", "provider"}, {job.WeChat, "env", "provider"},
		{job.DTSMigration, "shanghai", "scope"}, {job.DTSMigration, "prod@ap-shanghai", "scope"},
	} {
		err := job.CheckDiscovery(c.provider, c.scope)
		var bad *job.InvalidError
		if (err == nil) != (c.field == "") || err != nil && (!errors.As(err, &bad) || bad.Field != c.field) {
			t.Errorf("%s/%s: %v", c.provider, c.scope, err)
		}
	}
}

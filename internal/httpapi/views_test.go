package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/view"
)

func TestStamps(t *testing.T) {
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05.000Z"},
		{time.Date(2026, 1, 2, 3, 4, 5, 987_654_321, time.UTC), "2026-01-02T03:04:05.987Z"},
		{time.Date(2026, 1, 1, 3, 4, 5, 10_000_000, time.FixedZone("", 8*3600)), "2025-12-31T19:04:05.010Z"},
	} {
		if got := view.Stamp(test.at); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestFileViews(t *testing.T) {
	soon := exampleTime.Add(time.Millisecond)
	for _, test := range []struct {
		name string
		file job.File
		show bool
		want string
	}{
		{"shown", job.File{URL: secret.New("https://x/?a=1&b=2"), ExpiresAt: soon}, true, `{"available":true,"expires_at":"2026-03-01T08:00:00.001Z","url":"https://x/?a=1&b=2"}`},
		{"not allowed", job.File{URL: secret.New("https://x"), ExpiresAt: soon}, false, `{"available":true,"expires_at":"2026-03-01T08:00:00.001Z","url":null}`},
		{"at its end", job.File{URL: secret.New("https://x"), ExpiresAt: exampleTime}, true, `{"available":false,"expires_at":"2026-03-01T08:00:00.000Z","url":null}`},
		{"not kept", job.File{ExpiresAt: soon}, true, `{"available":true,"expires_at":"2026-03-01T08:00:00.001Z","url":null}`},
		{"kept as none", job.File{URL: secret.Text{}, ExpiresAt: soon}, true, `{"available":true,"expires_at":"2026-03-01T08:00:00.001Z","url":null}`},
		{"end unknown", job.File{URL: secret.New("https://x")}, true, `{"available":false,"expires_at":null,"url":null}`},
	} {
		got := strings.TrimSpace(string(encode(view.NewFile(test.file, exampleTime, test.show))))
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	j := exampleFailed()
	j.File = &job.File{URL: secret.New("https://x"), ExpiresAt: soon}
	if v := view.NewJob(j, exampleTime, true); v.File != nil {
		t.Error("a DTS job has a file")
	}
}

// Whatever is missing, the keys of the contract are there, in its order.
func TestEveryKeyIsAlwaysThere(t *testing.T) {
	for name, test := range map[string]struct {
		v    any
		want string
	}{
		"job":      {view.NewJob(job.Job{}, exampleTime, true), "provider scope job_id label paused name phase final watched_at changed_at created_at started_at ended_at lag eta latest file polling next_at last_attempt_at failures last_error"},
		"snapshot": {view.NewSnapshot(job.Snapshot{}), "seq phase status progress check_flag error_code message step records_succeeded records_failed request_id first_observed_at last_observed_at observations"},
		"event":    {view.NewEvent(job.Event{}), "id type provider scope job_id from to at seq message jobs"},
		"file":     {view.NewFile(job.File{}, exampleTime, true), "available expires_at url"},
		"failure":  {view.Failure{}, "kind code message request_id at"},
		"list":     {jobList{Items: []view.Job{}}, "items next_cursor"},
	} {
		var keys []string
		d := json.NewDecoder(strings.NewReader(string(encode(test.v))))
		for key := true; ; {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token := token.(type) {
			case json.Delim:
				key = true
			case string:
				if key {
					keys = append(keys, token)
				}
				key = !key
			default:
				key = true
			}
		}
		if got := strings.Join(keys, " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	var sum summaryView
	if err := json.Unmarshal(encode(viewSummary(job.Summary{})), &sum); err != nil {
		t.Fatal(err)
	}
	for _, p := range job.Providers {
		if len(sum.Jobs[p]) != len(job.Phases) {
			t.Errorf("%s: %v", p, sum.Jobs[p])
		}
	}
	if len(sum.FailingByKind) != len(job.Kinds) {
		t.Errorf("%v", sum.FailingByKind)
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct{ s, want string }{{"", ""}, {"abc", "abc"}, {"abcd", "abc…"}, {"订单号码", "订单号…"}} {
		if got := cut(test.s, 3); got != test.want {
			t.Errorf("%q: %q, want %q", test.s, got, test.want)
		}
	}
}

// What an upstream tells beside the state is shown as it is, and an ETA only while it is to come.
func TestViewAbout(t *testing.T) {
	at, seconds := exampleTime.Add(-time.Hour), int64(2)
	j := job.Job{Key: job.Key{Provider: job.DTSMigration}, ETA: &exampleTime, About: job.About{Name: "orders", CreatedAt: &at, StartedAt: &at, Lag: &job.Lag{Seconds: &seconds, At: at}},
		Latest: &job.Snapshot{Observation: job.Observation{Step: "sinker"}}}
	v := view.NewJob(j, exampleTime.Add(-time.Second), false)
	if *v.Name != "orders" || *v.CreatedAt != view.Stamp(at) || *v.StartedAt != view.Stamp(at) || v.EndedAt != nil || *v.Lag.Seconds != 2 || v.Lag.Megabytes != nil || v.Lag.At != view.Stamp(at) || *v.ETA != view.Stamp(exampleTime) || *v.Latest.Step != "sinker" {
		t.Errorf("%s", encode(v))
	}
	if v := view.NewJob(j, exampleTime, false); v.ETA != nil {
		t.Errorf("an ETA that is over: %s", *v.ETA)
	}
}

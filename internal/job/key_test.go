package job_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
)

func TestKeyValidate(t *testing.T) {
	for _, test := range []struct {
		provider job.Provider
		scope    string
		id       string
		wrong    string // the field named, "" for none
	}{
		{job.WeChat, "test2-4a89da", "100071736", ""},
		{job.WeChat, strings.Repeat("a", 64), "9223372036854775807", ""},
		{job.WeChat, strings.Repeat("a", 65), "1", "scope"},
		{job.WeChat, "-env", "1", "scope"},
		{job.WeChat, "env_1", "1", "scope"},
		{job.WeChat, "", "1", "scope"},
		{job.WeChat, "env", "0", "job_id"},
		{job.WeChat, "env", "-1", "job_id"},
		{job.WeChat, "env", "+1", "job_id"},
		{job.WeChat, "env", "01", "job_id"},
		{job.WeChat, "env", "9223372036854775808", "job_id"},
		{job.WeChat, "env", "1e3", "job_id"},
		{job.DTS, "ap-shanghai", "dts-dau5czmd", ""},
		{job.DTS, "ap-shanghai-fsi", "dts_1", ""},
		{job.DTS, "na-siliconvalley", "x", ""},
		{job.DTS, "shanghai", "dts-1", "scope"},
		{job.DTS, "AP-shanghai", "dts-1", "scope"},
		{job.DTS, "ap-shanghai-", "dts-1", "scope"},
		{job.DTS, "ap-" + strings.Repeat("a", 62), "dts-1", "scope"},
		{job.DTS, "ap-shanghai\n", "dts-1", "scope"},
		{job.DTS, "ap-shanghai", "dts/1", "job_id"},
		{job.DTS, "ap-shanghai", "dts-\x00", "job_id"},
		{job.DTS, "ap-shanghai", "дтс", "job_id"},
		{job.DTSMigration, "ap-shanghai", "dts-dau5czmd", ""},
		{job.DTSMigration, "prod@ap-shanghai", "dts-dau5czmd", "scope"},
		{job.DTSMigration, "env_1", "dts-dau5czmd", "scope"},
		{job.DTSSync, "ap-qingyuan", "sync-btso140", ""},
		{job.DTSSync, "ap-qingyuan", "sync/1", "job_id"},
		{"dns", "ap-shanghai", "dts-1", "provider"},
	} {
		err := job.Key{Provider: test.provider, Scope: test.scope, ID: test.id}.Validate()
		var invalid *job.InvalidError
		switch {
		case test.wrong == "" && err != nil:
			t.Errorf("%s/%s/%s: %v", test.provider, test.scope, test.id, err)
		case test.wrong != "" && (!errors.As(err, &invalid) || invalid.Field != test.wrong || !strings.HasPrefix(err.Error(), test.wrong)):
			t.Errorf("%s/%s/%q: %v, want a complaint about %s", test.provider, test.scope, test.id, err, test.wrong)
		}
	}
}

func TestPhases(t *testing.T) {
	final := map[job.Phase]bool{job.Succeeded: true, job.Partial: true, job.Failed: true, job.Canceled: true, job.Missing: true}
	for _, p := range job.Phases {
		if !p.Valid() || p.Final() != final[p] {
			t.Errorf("%s: valid %v, final %v", p, p.Valid(), p.Final())
		}
	}
	if job.Phase("done").Valid() || job.Phase("").Final() {
		t.Error("a word of nobody's is a phase")
	}
}

func TestNextQuotaDay(t *testing.T) {
	for at, want := range map[string]string{
		"2026-03-01T15:59:59.999Z": "2026-03-01T16:00:00Z",
		"2026-03-01T16:00:00Z":     "2026-03-02T16:00:00Z",
		"2026-12-31T20:00:00Z":     "2027-01-01T16:00:00Z",
	} {
		now, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := job.NextQuotaDay(now).Format(time.RFC3339); got != want {
			t.Errorf("after %s comes %s, want %s", at, got, want)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for _, k := range []job.Key{{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}, {Provider: job.DTSSync, Scope: "ap-beijing", ID: "sync-1"}, {Provider: job.WeChat, Scope: "env-1", ID: "7"}} {
		want := job.Key{Provider: k.Provider, Scope: k.Scope}
		if k.Provider == job.WeChat { // all its environments share one budget
			want.Scope = ""
		}
		if got := job.PlaceOf(k.Budget()); got != want {
			t.Errorf("%s is of %+v, want %+v", k.Budget(), got, want)
		}
	}
}

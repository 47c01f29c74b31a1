package emulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

const lists = `
dts-migration ap-shanghai dts-aaaaaaa1 "orders"
  0s checking
  5s checkNotPass "it is not empty"
  10s running 40%
  20s readyComplete 100% lag=2
  30s success 100%
dts-migration ap-shanghai dts-oldold01
  0s 8 99% lag=3
dts-migration ap-shanghai dts-bulk-%04d x 300
  0s running 10%
dts-sync ap-shanghai sync-btso140 "a sync"
  0s Running 100% lag=1 behind=7
  10s ResumableErr "the source is away"
`

// listed is an answer of a list.
type listed struct {
	Response struct {
		TotalCount int
		JobList    []struct {
			JobID     string `json:"JobId"`
			JobName   string
			Status    any
			BriefMsg  string
			StartTime string
			EndTime   string
			StepInfo  struct {
				StepInfo []struct {
					StepID  string `json:"StepId"`
					Status  string
					Percent int
				}
				SecondsBehindMaster int
			}
		}
		Error *struct{ Code string }
	}
}

// asked calls one of DTS's actions.
func asked(t *testing.T, url, action, version, body string, at time.Time) (listed, string) {
	t.Helper()
	req := dtsRequest(t, url, permanent, "ap-shanghai", body, at)
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", version)
	signRequest(req, permanent, body)
	a := do(t, req)
	var out listed
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return out, a.body
}

func TestLists(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, lists), DTS: DTSOptions{Credentials: []Credential{permanent}, PerSecond: -1}})
	by := func(action, version, body string) listed {
		t.Helper()
		out, _ := asked(t, server.URL, action, version, body, clock.Now())
		return out
	}
	one := func() listed {
		return by("DescribeMigrationJobs", "2021-12-06", `{"JobId":"dts-aaaaaaa1"}`)
	}
	for _, want := range []string{"checking", "checkNotPass", "running", "readyComplete", "success"} {
		got := one().Response
		if got.TotalCount != 1 || len(got.JobList) != 1 || got.JobList[0].Status != want || got.JobList[0].JobName != "orders" {
			t.Fatalf("%+v, want %s", got, want)
		}
		j := got.JobList[0]
		if ended := j.EndTime != never; ended != (want == "success") || (j.StartTime != never) != (want != "checking" && want != "checkNotPass") {
			t.Errorf("%s: started %s, ended %s", want, j.StartTime, j.EndTime)
		}
		switch steps := j.StepInfo.StepInfo; {
		case want == "running" && (steps[0].Status != "running" || steps[0].Percent != 40):
			t.Errorf("%+v", steps)
		case want == "readyComplete" && (steps[0].Status != "finished" || steps[1].Status != "running" || j.StepInfo.SecondsBehindMaster != 2):
			t.Errorf("%+v", j.StepInfo)
		}
		if want == "checkNotPass" {
			_, body := asked(t, server.URL, "DescribeMigrationCheckJob", "2021-12-06", `{"JobId":"dts-aaaaaaa1"}`, clock.Now())
			if !strings.Contains(body, `"CheckFlag":"checkNotPass"`) || !strings.Contains(body, `"FailureReason":"it is not empty"`) {
				t.Error(body)
			}
		}
		clock.pass(map[string]time.Duration{"checking": 5 * time.Second, "checkNotPass": 5 * time.Second}[want])
		if want == "running" || want == "readyComplete" {
			clock.pass(10 * time.Second)
		}
	}
	if got := by("DescribeMigrationJobs", "2021-12-06", `{"JobId":"dts-oldold01"}`); got.Response.TotalCount != 0 {
		t.Errorf("2021 knows what only 2018 does: %+v", got)
	}
	if got := by("DescribeMigrateJobs", "2018-03-30", `{"JobId":"dts-oldold01"}`); got.Response.TotalCount != 1 || fmt.Sprint(got.Response.JobList[0].Status) != "8" {
		t.Errorf("%+v", got)
	}
	if got := by("DescribeSyncJobs", "2021-12-06", `{"JobIds":["sync-btso140","sync-none"]}`); got.Response.TotalCount != 1 || got.Response.JobList[0].Status != "Running" {
		t.Errorf("%+v", got)
	}
	if got := e.Polls(DTSMigration, "ap-shanghai", "dts-aaaaaaa1"); got != 5 {
		t.Errorf("%d polls", got)
	}
}

func TestListPages(t *testing.T) {
	_, server, clock := begin(t, Options{Script: script(t, lists), DTS: DTSOptions{Credentials: []Credential{permanent}, PerSecond: -1}})
	seen := map[string]bool{}
	for offset := 0; ; offset += 100 {
		got, _ := asked(t, server.URL, "DescribeMigrationJobs", "2021-12-06", fmt.Sprintf(`{"Limit":100,"Offset":%d}`, offset), clock.Now())
		if got.Response.TotalCount != 301 {
			t.Fatalf("%d jobs", got.Response.TotalCount)
		}
		for _, j := range got.Response.JobList {
			seen[j.JobID] = true
		}
		if len(got.Response.JobList) < 100 {
			break
		}
	}
	if len(seen) != 301 {
		t.Errorf("%d jobs on the pages", len(seen))
	}
	for body, code := range map[string]string{
		`{"Limit":0}`: "InvalidParameterValue", `{"Limit":101}`: "InvalidParameterValue", `{"Offset":-1}`: "InvalidParameter", `{"Status":["resumableErr"]}`: "InvalidParameterValue",
		`{"JobIds":["x"]}`: "UnknownParameter", `{"Limit":"1"}`: "InvalidParameter", `{"Status":["running"]}`: "",
	} {
		got, _ := asked(t, server.URL, "DescribeMigrationJobs", "2021-12-06", body, clock.Now())
		if e := got.Response.Error; (e == nil) != (code == "") || e != nil && e.Code != code {
			t.Errorf("%s: %+v, want %s", body, e, code)
		}
	}
}

// Each action has a limit of its own in each region.
func TestEachActionHasItsLimit(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, lists), DTS: DTSOptions{Credentials: []Credential{permanent}}})
	for range 20 {
		for _, call := range [][3]string{{"DescribeMigrationJobs", "2021-12-06", `{"JobId":"dts-aaaaaaa1"}`}, {"DescribeSyncJobs", "2021-12-06", `{"JobIds":["sync-btso140"]}`}, {"DescribeMigrateJobs", "2018-03-30", `{"JobId":"dts-oldold01"}`}} {
			if got, _ := asked(t, server.URL, call[0], call[1], call[2], clock.Now()); got.Response.Error != nil {
				t.Fatalf("%s: %+v", call[0], got.Response.Error)
			}
		}
	}
	if got, _ := asked(t, server.URL, "DescribeMigrationJobs", "2021-12-06", `{"JobId":"dts-aaaaaaa1"}`, clock.Now()); got.Response.Error == nil || got.Response.Error.Code != "RequestLimitExceeded" {
		t.Errorf("%+v", got)
	}
	if e.Peak(DTSMigration, "ap-shanghai") != 21 || e.Peak(DTSSync, "ap-shanghai") != 20 || e.Refused(DTSMigration) != 1 {
		t.Errorf("peaks %d and %d, %d refused", e.Peak(DTSMigration, "ap-shanghai"), e.Peak(DTSSync, "ap-shanghai"), e.Refused(DTSMigration))
	}
}

func TestListFaults(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, lists), DTS: DTSOptions{Credentials: []Credential{permanent}}})
	ask := func() listed {
		got, _ := asked(t, server.URL, "DescribeMigrationJobs", "2021-12-06", `{"JobId":"dts-aaaaaaa1"}`, clock.Now())
		return got
	}
	e.Fail(DTSMigration, "", "", Fault{Do: "error", Code: "ActionOffline"})
	if got := ask(); got.Response.Error == nil || got.Response.Error.Code != "ActionOffline" {
		t.Errorf("%+v", got)
	}
	e.Heal(DTSMigration)
	e.Fail(DTSMigration, "ap-shanghai", "dts-aaaaaaa1", Fault{Do: "missing"})
	if got := ask(); got.Response.Error != nil || got.Response.TotalCount != 0 {
		t.Errorf("a job that is gone is no error in a list: %+v", got)
	}
}

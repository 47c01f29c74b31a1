package dts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
)

var (
	aMigration = job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-aaaaaaa1"}
	aSync      = job.Key{Provider: job.DTSSync, Scope: "ap-shanghai", ID: "sync-btso140"}
)

// actions answers by action, and notes what was asked.
type actions struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // action and body
	answer map[string]string
}

func newActions(t *testing.T, answer map[string]string) *actions {
	a := &actions{answer: answer}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		action := r.Header.Get("X-TC-Action")
		a.asked = append(a.asked, action+" "+string(body))
		want := "2021-12-06"
		if action == "DescribeMigrateJobs" || action == "DescribeMigrateCheckJob" {
			want = "2018-03-30"
		}
		if r.Header.Get("X-TC-Version") != want || r.Header.Get("X-TC-Region") != "ap-shanghai" {
			t.Errorf("%s in version %s", action, r.Header.Get("X-TC-Version"))
		}
		text, ok := a.answer[action]
		if !ok {
			t.Errorf("nobody asked for %s", action)
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *actions) poll(t *testing.T, j job.Job) (job.Observation, []string, error) {
	t.Helper()
	a.mu.Lock()
	a.asked = nil
	a.mu.Unlock()
	seen, err := newClient(t, a.URL, dts.Static(first)).Poll(t.Context(), j, nil)
	return seen, a.asked, err
}

// listOf is an answer whose list has these items.
func listOf(items ...string) string {
	return `{"Response":{"TotalCount":` + string(rune('0'+len(items))) + `,"JobList":[` + strings.Join(items, ",") + `],"RequestId":"r"}}`
}

const none = `{"Response":{"TotalCount":0,"JobList":[],"RequestId":"r"}}`

func on(t *testing.T, text string) *time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	at = at.UTC()
	return &at
}

// The official samples, shortened, and answers made from the field tables, with the reading that the fields'
// pages and the samples themselves give.
func TestSamples(t *testing.T) {
	const secrets = `"SrcInfo":{"Info":[{"Host":"CANARY","User":"CANARY","Password":"CANARY","TmpSecretKey":"CANARY"}]},"DstInfo":{"Ip":"CANARY","Password":"CANARY"},`
	for name, c := range map[string]struct {
		key    job.Key
		answer map[string]string
		want   job.Observation
	}{
		"fresh, 2018": {aMigration, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": listOf(`{` + secrets + `"JobId":"dts-aaaaaaa1","JobName":"a job","Status":1,"Detail":{"StepAll":0,"StepNow":0,"Progress":"0","CurrentStepProgress":"0","MasterSlaveDistance":0,"SecondsBehindMaster":0,"StepInfo":[]},"CreateTime":"2018-05-24 15:06:03","StartTime":"0000-00-00 00:00:00","EndTime":"0000-00-00 00:00:00","ErrorInfo":[],"SrcInfoMulti":[],"Tags":[]}`)},
			job.Observation{Phase: job.Pending, Status: "1", RequestID: "r", About: &job.About{Name: "a job", Version: "2018-03-30", CreatedAt: on(t, "2018-05-24T15:06:03+08:00")}}},
		"waits to be completed, 2018": {aMigration, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": listOf(`{"JobId":"dts-aaaaaaa1","Status":8,"Detail":{"StepAll":3,"StepNow":3,"Progress":"99","CurrentStepProgress":"","MasterSlaveDistance":0,"SecondsBehindMaster":2,"StepInfo":[{"StepNo":3,"StepId":"sync","Status":3,"StartTime":null}]},"ErrorInfo":null}`)},
			job.Observation{Phase: job.ActionRequired, Status: "8", Step: "sync", Progress: n(99), RequestID: "r", About: &job.About{Version: "2018-03-30", Lag: &job.Lag{Seconds: n(2), Megabytes: n(0)}}}},
		"failed, 2018": {aMigration, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": listOf(`{"JobId":"dts-aaaaaaa1","Status":"10","Detail":{"Progress":"40"},"ErrorInfo":[{"ErrorLog":"1045: access denied","HelpDoc":"x"},{"ErrorLog":"GRANT ALL ON *.* TO CANARY","HelpDoc":""}]}`)},
			job.Observation{Phase: job.Failed, Status: "10", Progress: n(40), Message: "1045: access denied", RequestID: "r", About: &job.About{Version: "2018-03-30"}}},
		"waits to be completed": {aMigration, map[string]string{"DescribeMigrationJobs": listOf(`{` + secrets + `"JobId":"dts-aaaaaaa1","Status":"readyComplete","StepInfo":{"StepAll":3,"StepNow":3,"MasterSlaveDistance":0,"SecondsBehindMaster":0,"StepInfo":[{"StepId":"dumper","Status":"finished","Percent":100},{"StepId":"loader","Status":"finished","Percent":100},{"StepId":"sinker","Status":"running","Percent":0}]},"CompareTask":{"CompareTaskId":"dts-aaaaaaa2-cmp-bbbbbbbb","Status":"consistent"},"TradeInfo":{"TradeStatus":"normal"},"EndTime":"0000-00-00 00:00:00","ExpectRunTime":""}`)},
			job.Observation{Phase: job.ActionRequired, Status: "readyComplete", Step: "sinker", Progress: n(100), RequestID: "r", About: &job.About{Version: "2021-12-06", Lag: &job.Lag{Seconds: n(0), Megabytes: n(0)}}}},
		"copies": {aMigration, map[string]string{"DescribeMigrationJobs": listOf(`{"JobId":"dts-other","Status":"failed"}`, `{"JobId":"dts-aaaaaaa1","Status":"Running","StartTime":"2026-02-06T11:18:05+08:00","StepInfo":{"SecondsBehindMaster":7,"StepInfo":[{"StepId":"dumper","Status":"success","Percent":"100"},{"StepId":"loader","Status":"running","Percent":"41"},{"StepId":"sinker","Status":"notStarted"}]}}`)},
			job.Observation{Phase: job.Running, Status: "Running", Step: "loader", Progress: n(70), RequestID: "r", About: &job.About{Version: "2021-12-06", StartedAt: on(t, "2026-02-06T11:18:05+08:00")}}},
		"is checked": {aMigration, map[string]string{"DescribeMigrationJobs": listOf(`{"JobId":"dts-aaaaaaa1","Status":"checking","StepInfo":{"StepAll":12,"StepNow":12,"StepInfo":[{"StepId":"ConnectDBCheck","Status":"finished","Percent":100},{"StepId":"OptimizeCheck","Status":"running","Percent":0}]}}`)},
			job.Observation{Phase: job.Pending, Status: "checking", RequestID: "r", About: &job.About{Version: "2021-12-06"}}},
		"its check did not pass": {aMigration, map[string]string{
			"DescribeMigrationJobs":     listOf(`{"JobId":"dts-aaaaaaa1","Status":"checkNotPass","BriefMsg":"check failed"}`),
			"DescribeMigrationCheckJob": `{"Response":{"Status":"success","CheckFlag":"checkNotPass","BriefMsg":"…","StepInfo":[{"StepId":"DstEmptyCheck","StepStatus":"failed","HasSkipped":false,"StepMessage":"not empty","DetailCheckItems":[{"CheckResult":"failed","FailureReason":"table t exists","Solution":"drop it","ErrorLog":["GRANT CANARY"]},{"CheckResult":"pass"}]},{"StepId":"OptimizeCheck","StepStatus":"failed","HasSkipped":true,"DetailCheckItems":[{"CheckResult":"failed","FailureReason":"skipped"}]},{"StepId":"BinlogParamCheck","StepStatus":"blocked"},{"StepId":"SrcPrivilegeCheck","StepStatus":"warning","HasSkipped":false}]}}`},
			job.Observation{Phase: job.ActionRequired, Status: "checkNotPass", Message: "check failed — DstEmptyCheck: not empty — table t exists: drop it", RequestID: "r", About: &job.About{Version: "2021-12-06"}}},
		"failed": {aMigration, map[string]string{
			"DescribeMigrationJobs":   listOf(`{"JobId":"dts-aaaaaaa1","Status":"failed","BriefMsg":"stopped"}`),
			"DescribeMigrationDetail": `{"Response":{"ErrorInfo":[{"Code":"E1","Solution":"free some space","ErrorLog":"CANARY","HelpDoc":"x"}]}}`},
			job.Observation{Phase: job.Failed, Status: "failed", Message: "stopped — E1: free some space", RequestID: "r", About: &job.About{Version: "2021-12-06"}}},
		"a sync in its steady state": {aSync, map[string]string{"DescribeSyncJobs": listOf(`{` + secrets + `"JobId":"sync-btso140","JobName":"s","Status":"Running","TradeStatus":"Normal","Detail":{"StepAll":4,"StepNow":4,"Progress":-1,"CurrentStepProgress":0,"SecondsBehindMaster":0,"MasterSlaveDistance":-1,"StepInfos":[{"StepId":"schema-init","Status":"finished","Progress":-1,"Errors":null},{"StepId":"sinker","Status":"running","Progress":-1}],"ErrInfo":{"Message":"","Reason":"","Solution":""}},"SrcAccessType":"noProxy","SrcRegion":"ap-qingyuan","CreateTime":""}`)},
			job.Observation{Phase: job.Running, Status: "Running", Step: "sinker", RequestID: "r", About: &job.About{Name: "s", Version: "2021-12-06", Lag: &job.Lag{Seconds: n(0)}}}},
		"a sync with an error": {aSync, map[string]string{"DescribeSyncJobs": listOf(`{"JobId":"sync-btso140","Status":"ResumableErr","Detail":{"StepInfos":null,"ErrInfo":{"Message":"lost the source","Reason":"network","Solution":"open the port"}}}`)},
			job.Observation{Phase: job.ActionRequired, Status: "ResumableErr", Message: "network — lost the source — open the port", RequestID: "r", About: &job.About{Version: "2021-12-06"}}},
		"gone":                {aMigration, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": `{"Response":{"TotalCount":0,"JobList":null,"RequestId":"r"}}`}, job.Observation{Phase: job.Missing, Status: "not_listed", RequestID: "r"}},
		"a sync that is gone": {aSync, map[string]string{"DescribeSyncJobs": `{"Response":{"TotalCount":0,"JobList":null,"RequestId":"r"}}`}, job.Observation{Phase: job.Missing, Status: "not_listed", RequestID: "r"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen, _, err := newActions(t, c.answer).poll(t, job.Job{Key: c.key})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, seen); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if all, _ := json.Marshal(seen); strings.Contains(string(all), "CANARY") {
				t.Errorf("a secret in %s", all)
			}
		})
	}
}

// Every word of the contract's table, in any case, and the numbers of 2018.
func TestMigrationPhases(t *testing.T) {
	for phase, words := range map[job.Phase]string{
		job.Pending: "creating created checking readyRun", job.Running: "running completing stopping pausing resuming RUNNING",
		job.ActionRequired: "checkPass checkNotPass readyComplete manualPaused resumableErr READYCOMPLETE", job.Succeeded: "success", job.Failed: "failed error",
		job.Canceled: "canceled", job.Unknown: "unknown somethingNew 7",
	} {
		for _, word := range strings.Fields(words) {
			a := newActions(t, map[string]string{"DescribeMigrationJobs": listOf(`{"JobId":"dts-aaaaaaa1","Status":"` + word + `"}`), "DescribeMigrationDetail": `{"Response":{"x":1}}`, "DescribeMigrationCheckJob": `{"Response":{"x":1}}`})
			if seen, _, err := a.poll(t, job.Job{Key: aMigration}); err != nil || seen.Phase != phase || seen.Status != word {
				t.Errorf("%s is %s %s, %v; want %s", word, seen.Phase, seen.Status, err, phase)
			}
		}
	}
	for phase, numbers := range map[job.Phase]string{job.Pending: "1 3", job.Running: "7 11 12", job.ActionRequired: "4 5 8", job.Succeeded: "9", job.Failed: "10", job.Unknown: "2 23 0"} {
		for _, number := range strings.Fields(numbers) {
			a := newActions(t, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": listOf(`{"JobId":"dts-aaaaaaa1","Status":` + number + `}`)})
			if seen, _, err := a.poll(t, job.Job{Key: aMigration}); err != nil || seen.Phase != phase || seen.Status != number {
				t.Errorf("%s is %s %s, %v; want %s", number, seen.Phase, seen.Status, err, phase)
			}
		}
	}
	for phase, words := range map[job.Phase]string{
		job.Pending: "UnInitialized Initialized Checking ReadyRunning", job.Running: "Running Pausing Resuming Resetting Stopping running",
		job.ActionRequired: "CheckPass CheckNotPass Paused ResumableErr", job.Failed: "Failed", job.Canceled: "Stopped Released", job.Unknown: "Unknown New",
	} {
		for _, word := range strings.Fields(words) {
			a := newActions(t, map[string]string{"DescribeSyncJobs": listOf(`{"JobId":"sync-btso140","Status":"` + word + `"}`)})
			if seen, _, err := a.poll(t, job.Job{Key: aSync}); err != nil || seen.Phase != phase {
				t.Errorf("%s is %s, %v; want %s", word, seen.Phase, err, phase)
			}
		}
	}
}

// The reason is asked for once: a poll that sees the same takes it from the newest snapshot.
func TestReasonIsAskedOnce(t *testing.T) {
	a := newActions(t, map[string]string{
		"DescribeMigrationJobs":   listOf(`{"JobId":"dts-aaaaaaa1","Status":"failed","BriefMsg":"stopped"}`),
		"DescribeMigrationDetail": `{"Response":{"ErrorInfo":[{"Code":"E1","Solution":"free some space"}]}}`,
	})
	if _, asked, _ := newActions(t, map[string]string{"DescribeSyncJobs": none}).poll(t, job.Job{Key: aSync}); len(asked) != 1 || asked[0] != `DescribeSyncJobs {"JobIds":["sync-btso140"]}` {
		t.Errorf("%q", asked)
	}
	seen, asked, err := a.poll(t, job.Job{Key: aMigration})
	if err != nil || len(asked) != 2 || asked[1] != `DescribeMigrationDetail {"JobId":"dts-aaaaaaa1"}` {
		t.Fatalf("%q, %v", asked, err)
	}
	again, asked, err := a.poll(t, job.Job{Key: aMigration, Latest: &job.Snapshot{Observation: seen}})
	if err != nil || len(asked) != 1 || !again.Same(seen) {
		t.Errorf("%q, %v, %q", asked, err, again.Message)
	}
	a.answer["DescribeMigrationDetail"] = refusal("InternalError", "busy") // which loses nothing
	if seen, _, err := a.poll(t, job.Job{Key: aMigration}); err != nil || seen.Phase != job.Failed || seen.Message != "stopped" {
		t.Errorf("%+v, %v", seen, err)
	}
}

// The version that answered last is asked first; one that a region does not serve is left out for a day; and a
// job is only missing where every version that is served says so.
func TestVersions(t *testing.T) {
	item := listOf(`{"JobId":"dts-aaaaaaa1","Status":7}`)
	a := newActions(t, map[string]string{"DescribeMigrationJobs": none, "DescribeMigrateJobs": item})
	names := func(asked []string) string {
		var out []string
		for _, s := range asked {
			action, _, _ := strings.Cut(s, " ")
			out = append(out, action)
		}
		return strings.Join(out, " ")
	}
	if _, asked, err := a.poll(t, job.Job{Key: aMigration}); err != nil || names(asked) != "DescribeMigrationJobs DescribeMigrateJobs" {
		t.Errorf("%s, %v", names(asked), err)
	}
	if _, asked, err := a.poll(t, job.Job{Key: aMigration, About: job.About{Version: "2018-03-30"}}); err != nil || names(asked) != "DescribeMigrateJobs" {
		t.Errorf("%s, %v", names(asked), err)
	}
	for _, code := range []string{"ActionOffline", "NoSuchVersion", "InvalidAction"} {
		versions, now := &dts.Versions{}, noon
		poll := func() (job.Observation, string, error) {
			a.asked = nil
			c, err := dts.New(dts.Options{BaseURL: a.URL, Transport: newTransport(t), Keys: dts.Static(first), Now: func() time.Time { return now }, Versions: versions})
			if err != nil {
				t.Fatal(err)
			}
			seen, err := c.Poll(t.Context(), job.Job{Key: aMigration}, nil)
			return seen, names(a.asked), err
		}
		a.answer = map[string]string{"DescribeMigrationJobs": refusal(code, "gone"), "DescribeMigrateJobs": item}
		if seen, asked, err := poll(); err != nil || seen.Phase != job.Running || asked != "DescribeMigrationJobs DescribeMigrateJobs" {
			t.Errorf("%s: %s %s, %v", code, seen.Phase, asked, err)
		}
		if _, asked, err := poll(); err != nil || asked != "DescribeMigrateJobs" {
			t.Errorf("%s, the next time: %s, %v", code, asked, err)
		}
		now = noon.Add(25 * time.Hour)
		if _, asked, _ := poll(); asked != "DescribeMigrationJobs DescribeMigrateJobs" {
			t.Errorf("%s, a day later: %s", code, asked)
		}
		a.answer["DescribeMigrateJobs"] = none
		if seen, _, err := poll(); err != nil || seen.Phase != job.Missing {
			t.Errorf("%s: %+v, %v", code, seen, err)
		}
		a.answer["DescribeMigrateJobs"] = refusal(code, "gone too")
		if e := pollError(t, second3(poll())); e.Kind != job.Invalid || e.Code != code {
			t.Errorf("neither version: %+v", e)
		}
		if e := pollError(t, second3(poll())); e.Code != "ActionOffline" {
			t.Errorf("neither version, known by now: %+v", e)
		}
	}
	a.answer = map[string]string{"DescribeMigrationJobs": refusal("InternalError", "busy"), "DescribeMigrateJobs": none}
	if _, asked, err := a.poll(t, job.Job{Key: aMigration}); err == nil || names(asked) != "DescribeMigrationJobs" {
		t.Errorf("a fault of one version was taken for an answer: %s, %v", names(asked), err)
	}
}

func second3(_ job.Observation, _ string, err error) error { return err }

func TestMigrationGarbage(t *testing.T) {
	for name, body := range map[string]string{
		"no list": `{"Response":{"RequestId":"r"}}`, "a list that is none": `{"Response":{"JobList":{}}}`, "no objects": `{"Response":{"JobList":[1]}}`,
		"no status": listOf(`{"JobId":"dts-aaaaaaa1"}`), "a status that is none": listOf(`{"JobId":"dts-aaaaaaa1","Status":{}}`), "an old answer": `{"Response":{"Status":"running"}}`,
	} {
		a := newActions(t, map[string]string{"DescribeMigrationJobs": body, "DescribeMigrateJobs": none})
		_, _, err := a.poll(t, job.Job{Key: aMigration})
		if e := pollError(t, err); e.Kind != job.Protocol {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

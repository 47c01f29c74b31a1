package dts

import (
	"strings"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

// What the items of the lists say. Addresses, users, passwords and temporary keys stand in SrcInfo and DstInfo,
// whole GRANT lines in ErrorLog of 2021: no line here names those fields.

// phases2021 are JobItem's words, in lower case.
var phases2021 = map[string]job.Phase{
	"creating": job.Pending, "created": job.Pending, "checking": job.Pending, "readyrun": job.Pending,
	"running": job.Running, "completing": job.Running, "stopping": job.Running, "pausing": job.Running, "resuming": job.Running,
	"checkpass": job.ActionRequired, "checknotpass": job.ActionRequired, "readycomplete": job.ActionRequired, "manualpaused": job.ActionRequired,
	"resumableerr": job.ActionRequired,
	"success":      job.Succeeded, "failed": job.Failed, "error": job.Failed, "canceled": job.Canceled,
}

// phases2018 are MigrateJobInfo's numbers.
var phases2018 = map[string]job.Phase{
	"1": job.Pending, "3": job.Pending, "7": job.Running, "11": job.Running, "12": job.Running,
	"4": job.ActionRequired, "5": job.ActionRequired, "8": job.ActionRequired, "9": job.Succeeded, "10": job.Failed,
}

// phasesSync are SyncJobInfo's words, in lower case.
var phasesSync = map[string]job.Phase{
	"uninitialized": job.Pending, "initialized": job.Pending, "checking": job.Pending, "readyrunning": job.Pending,
	"running": job.Running, "pausing": job.Running, "resuming": job.Running, "resetting": job.Running, "stopping": job.Running,
	"checkpass": job.ActionRequired, "checknotpass": job.ActionRequired, "paused": job.ActionRequired, "resumableerr": job.ActionRequired,
	"failed": job.Failed, "stopped": job.Canceled, "released": job.Canceled,
}

func phaseOf(words map[string]job.Phase, status string) job.Phase {
	if p, ok := words[strings.ToLower(status)]; ok {
		return p
	}
	return job.Unknown
}

// item2021 reads a JobItem of DescribeMigrationJobs.
func item2021(r reply, item cloudapi.Fields) (job.Observation, error) {
	status, err := r.status(item)
	if err != nil {
		return job.Observation{}, err
	}
	seen := job.Observation{Phase: phaseOf(phases2021, status), Status: status, Message: r.text(item, "BriefMsg"), About: r.about(item)}
	detail, _, _ := item.Object("StepInfo")
	s := stepsOf(detail, "StepInfo", "Percent")
	seen.Step, seen.Progress = s.at, s.progress()
	if seen.Phase == job.Succeeded {
		seen.Progress = ptr(100)
	}
	if seen.Phase == job.Running || strings.EqualFold(status, "readyComplete") {
		seen.About.Lag = s.lag(detail)
	}
	return seen, nil
}

// item2018 reads a MigrateJobInfo of DescribeMigrateJobs.
func item2018(r reply, item cloudapi.Fields) (job.Observation, error) {
	status, err := r.status(item)
	if err != nil {
		return job.Observation{}, err
	}
	seen := job.Observation{Phase: phaseOf(phases2018, status), Status: status, About: r.about(item)}
	detail, _, _ := item.Object("Detail")
	s := stepsOf(detail, "StepInfo", "")
	seen.Step = s.at
	if seen.Phase == job.Running || seen.Phase.Final() || status == "8" {
		seen.Progress = progress(detail)
	}
	if status == "8" || seen.Phase == job.Running {
		seen.About.Lag = s.lag(detail)
	}
	errors, _ := item.List("ErrorInfo")
	var reasons []string
	for _, e := range errors {
		if text := r.text(e, "ErrorLog"); text != "" && !strings.Contains(strings.ToLower(text), "grant ") {
			reasons = append(reasons, text)
		}
	}
	seen.Message = cloudapi.Clean(strings.Join(reasons, " — "), cloudapi.TextLimit)
	return seen, nil
}

// syncItem reads a SyncJobInfo of DescribeSyncJobs. Its overall progress is -1 where there is none, as in the
// steady state.
func syncItem(r reply, item cloudapi.Fields) (job.Observation, error) {
	status, err := r.status(item)
	if err != nil {
		return job.Observation{}, err
	}
	seen := job.Observation{Phase: phaseOf(phasesSync, status), Status: status, About: r.about(item)}
	detail, _, _ := item.Object("Detail")
	s := stepsOf(detail, "StepInfos", "Progress")
	seen.Step = s.at
	if seen.Phase == job.Running {
		seen.Progress, seen.About.Lag = progress(detail), s.lag(detail)
	}
	info, _, _ := detail.Object("ErrInfo")
	var said []string
	for _, text := range []string{r.text(detail, "Message"), r.text(info, "Reason"), r.text(info, "Message"), r.text(info, "Solution")} {
		if text != "" {
			said = append(said, text)
		}
	}
	seen.Message = cloudapi.Clean(strings.Join(said, " — "), cloudapi.TextLimit)
	return seen, nil
}

// about reads what all three items call alike.
func (r reply) about(item cloudapi.Fields) *job.About {
	at := func(key string) *time.Time { return instant(r.text(item, key)) }
	return &job.About{Name: r.text(item, "JobName"), CreatedAt: at("CreateTime"), StartedAt: at("StartTime"), EndedAt: at("EndTime")}
}

// beijing is where times without a zone are told.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// instant reads a time in either form; nil for one that is none, such as 0000-00-00 00:00:00.
func instant(text string) *time.Time {
	t, err := time.ParseInLocation(time.DateTime, text, beijing)
	if err != nil {
		t, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || t.Year() < 2000 {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// steps are the parts of a job's work.
type steps struct {
	at      string // the one that runs
	endless bool   // … which copies increments, and never ends by itself
	percent []int64
}

// stepsOf reads the steps in list; how far each is stands in its field percent. What cannot be read is left out.
func stepsOf(detail cloudapi.Fields, list, percent string) (s steps) {
	all, _ := detail.List(list)
	for _, step := range all {
		id, _ := step.Text("StepId")
		status, _ := step.Text("Status")
		id = cloudapi.Clean(id, statusLimit)
		if strings.HasSuffix(strings.ToLower(id), "check") {
			continue // of the check before, not of the work
		}
		endless := id == "sinker" || id == "sync"
		runs := strings.EqualFold(status, "running") || status == "3"
		if runs {
			s.at, s.endless = id, endless
		}
		if endless || percent == "" {
			continue
		}
		n, err := step.Int(percent)
		switch {
		case strings.EqualFold(status, "finished"), strings.EqualFold(status, "success"), strings.EqualFold(status, "skipped"):
			s.percent = append(s.percent, 100)
		case err == nil && n != nil && *n >= 0 && *n <= 100:
			s.percent = append(s.percent, *n)
		default:
			s.percent = append(s.percent, 0)
		}
	}
	return s
}

// progress is the mean of the steps that end; nil without any.
func (s steps) progress() *int64 {
	if len(s.percent) == 0 {
		return nil
	}
	sum := int64(0)
	for _, n := range s.percent {
		sum += n
	}
	return ptr(sum / int64(len(s.percent)))
}

// lag is only told while increments are copied; -1 is not known.
func (s steps) lag(detail cloudapi.Fields) *job.Lag {
	if !s.endless {
		return nil
	}
	known := func(key string) *int64 {
		if n, err := detail.Int(key); err == nil && n != nil && *n >= 0 {
			return n
		}
		return nil
	}
	lag := job.Lag{Seconds: known("SecondsBehindMaster"), Megabytes: known("MasterSlaveDistance")}
	if lag.Seconds == nil && lag.Megabytes == nil {
		return nil
	}
	return &lag
}

// detailReasons reads the errors of DescribeMigrationDetail: their codes, and what helps.
func detailReasons(r reply) (reasons []string) {
	list, _ := r.List("ErrorInfo")
	for _, e := range list {
		reasons = append(reasons, joined(r.text(e, "Code"), r.text(e, "Solution"))...)
	}
	return reasons
}

// checkReasons reads the steps of DescribeMigrationCheckJob that failed and were not skipped.
func checkReasons(r reply) (reasons []string) {
	list, _ := r.List("StepInfo")
	for _, step := range list {
		skipped, _ := step.Text("HasSkipped")
		if !strings.EqualFold(r.text(step, "StepStatus"), "failed") || skipped == "true" {
			continue
		}
		reasons = append(reasons, joined(r.text(step, "StepId"), r.text(step, "StepMessage"))...)
		items, _ := step.List("DetailCheckItems")
		for _, item := range items {
			if strings.EqualFold(r.text(item, "CheckResult"), "failed") {
				reasons = append(reasons, joined(r.text(item, "FailureReason"), r.text(item, "Solution"))...)
			}
		}
	}
	return reasons
}

// joined is "a: b", or what there is of it.
func joined(a, b string) []string {
	switch {
	case a == "" && b == "":
		return nil
	case a == "" || b == "":
		return []string{a + b}
	}
	return []string{a + ": " + b}
}

func ptr(n int64) *int64 { return &n }

package httpapi

import (
	"strconv"
	"time"

	"migwatch/internal/job"
)

// The views are the JSON of the API: every field is always there, what is unknown is null.

type jobView struct {
	Provider  job.Provider  `json:"provider" enum:"wechat,dts,dts-migration,dts-sync" example:"dts" doc:"the upstream API the job lives in"`
	Scope     string        `json:"scope" example:"ap-shanghai" doc:"the WeChat cloud environment ID, or the Tencent Cloud region"`
	JobID     string        `json:"job_id" example:"dts-1kl0iy0v" doc:"the upstream's own ID"`
	Label     string        `json:"label" maxLength:"200" doc:"a name of your own"`
	Paused    bool          `json:"paused" doc:"paused jobs are not looked at"`
	Name      *string       `json:"name" doc:"the upstream's own name of it; null where it tells none"`
	Phase     job.Phase     `json:"phase" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown" doc:"our word for the state; pending before the first look"`
	Final     bool          `json:"final" doc:"whether the phase is an end"`
	WatchedAt string        `json:"watched_at" format:"date-time" doc:"since when the job is watched"`
	ChangedAt string        `json:"changed_at" format:"date-time" doc:"in this phase since"`
	CreatedAt *string       `json:"created_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it was made"`
	StartedAt *string       `json:"started_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it was started"`
	EndedAt   *string       `json:"ended_at" format:"date-time" doc:"dts-migration, dts-sync: when the upstream says it ended"`
	Lag       *lagView      `json:"lag" doc:"dts-migration, dts-sync: how far the copy is behind, while it copies increments; else null"`
	ETA       *string       `json:"eta" format:"date-time" doc:"when 100 % would be reached at the pace of late; null where nothing can be said"`
	Latest    *snapshotView `json:"latest" doc:"the newest snapshot; null before the first look"`
	File      *fileView     `json:"file" doc:"the file of a finished WeChat export; else null"`
	Polling   pollingView   `json:"polling" doc:"how the looking goes; it never changes the phase"`
}

type lagView struct {
	Seconds   *int64 `json:"seconds" minimum:"0"`
	Megabytes *int64 `json:"megabytes" minimum:"0"`
	At        string `json:"at" format:"date-time" doc:"when it was seen"`
}

type snapshotView struct {
	Seq              int64     `json:"seq" minimum:"1" example:"4" doc:"counts a job's snapshots from 1 without gaps"`
	Phase            job.Phase `json:"phase" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown"`
	Status           string    `json:"status" example:"finished" doc:"the upstream's own word, untouched"`
	Progress         *int64    `json:"progress" minimum:"0" maximum:"100" doc:"percent"`
	CheckFlag        *int64    `json:"check_flag" doc:"dts: 0 not passed, 1 passed, 3 not checked"`
	ErrorCode        *int64    `json:"error_code" doc:"dts: the job's own error code"`
	Message          string    `json:"message" doc:"the job's own text"`
	Step             *string   `json:"step" example:"sinker" doc:"dts-migration, dts-sync: the upstream's ID of the step at work"`
	RecordsSucceeded *int64    `json:"records_succeeded" doc:"wechat: records that worked"`
	RecordsFailed    *int64    `json:"records_failed" doc:"wechat: records that failed"`
	RequestID        string    `json:"request_id" doc:"the upstream's ID of the first of these looks"`
	FirstObservedAt  string    `json:"first_observed_at" format:"date-time" doc:"the first look that saw this"`
	LastObservedAt   string    `json:"last_observed_at" format:"date-time" doc:"the last consecutive look that saw the same"`
	Observations     int64     `json:"observations" minimum:"1" doc:"how many looks saw it"`
}

type fileView struct {
	Available bool    `json:"available" doc:"whether the link is still valid"`
	ExpiresAt *string `json:"expires_at" format:"date-time"`
	URL       *string `json:"url" format:"uri" doc:"for admin keys only, while it is valid, and only where MIGWATCH_FILE_URLS is true; an answer that shows it is not to be stored"`
}

type pollingView struct {
	NextAt        *string      `json:"next_at" format:"date-time" doc:"when it is looked at next; null: not by itself"`
	LastAttemptAt *string      `json:"last_attempt_at" format:"date-time" doc:"the last look, failed or not"`
	Failures      int64        `json:"failures" minimum:"0" doc:"failed looks in a row"`
	LastError     *failureView `json:"last_error" doc:"the last look's failure; null after one that succeeded"`
}

type failureView struct {
	Kind      job.Kind `json:"kind" enum:"transient,throttled,quota,credentials,forbidden,invalid,protocol" doc:"what to do about it"`
	Code      string   `json:"code" example:"RequestLimitExceeded" doc:"the upstream's own code"`
	Message   string   `json:"message"`
	RequestID string   `json:"request_id" doc:"the upstream's ID of the call"`
	At        string   `json:"at" format:"date-time"`
}

type eventView struct {
	ID       string       `json:"id" example:"17" doc:"ascends; pass the last one you saw as after"`
	Provider job.Provider `json:"provider" enum:"wechat,dts,dts-migration,dts-sync"`
	Scope    string       `json:"scope"`
	JobID    string       `json:"job_id"`
	From     job.Phase    `json:"from" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown"`
	To       job.Phase    `json:"to" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown"`
	At       string       `json:"at" format:"date-time"`
	Seq      int64        `json:"seq" doc:"the snapshot that brought the change"`
	Message  string       `json:"message" doc:"that snapshot's text"`
}

type jobList struct {
	Items      []jobView `json:"items" nullable:"false"`
	NextCursor *string   `json:"next_cursor" doc:"pass as cursor for the next page; null on the last"`
}

type snapshotList struct {
	Items      []snapshotView `json:"items" nullable:"false"`
	NextCursor *string        `json:"next_cursor" doc:"pass as cursor for the next page; null on the last"`
}

type eventList struct {
	Items      []eventView `json:"items" nullable:"false"`
	NextCursor *string     `json:"next_cursor" doc:"pass as after for the next page; null when there is no more for now"`
}

type summaryView struct {
	Jobs          map[job.Provider]map[job.Phase]int64 `json:"jobs" doc:"watched jobs by provider and phase"`
	Watched       int64                                `json:"watched"`
	Paused        int64                                `json:"paused"`
	Overdue       int64                                `json:"overdue" doc:"jobs that have been due for more than ten minutes"`
	OldestDueAt   *string                              `json:"oldest_due_at" format:"date-time" doc:"when the job that is due longest came due; null: none is due"`
	Failing       int64                                `json:"failing" doc:"jobs whose last look failed"`
	FailingByKind map[job.Kind]int64                   `json:"failing_by_kind"`
	LastTick      *tickView                            `json:"last_tick" doc:"the last invocation of the poll function; null before the first"`
}

type tickView struct {
	StartedAt  string `json:"started_at" format:"date-time"`
	FinishedAt string `json:"finished_at" format:"date-time"`
	Claimed    int64  `json:"claimed" doc:"jobs taken to be looked at: recorded + failed + released + lost"`
	Recorded   int64  `json:"recorded" doc:"looks that were recorded"`
	Changed    int64  `json:"changed" doc:"looks that added a snapshot"`
	Failed     int64  `json:"failed" doc:"looks that failed"`
	Released   int64  `json:"released" doc:"jobs given back for want of time"`
	Lost       int64  `json:"lost" doc:"jobs another invocation took over"`
	Notified   int64  `json:"notified" doc:"messages sent"`
	Due        int64  `json:"due" doc:"jobs still due at the end"`
}

type statusView struct {
	Status string `json:"status" enum:"ok,ready"`
}

type healthView struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version" example:"1.0.0"`
}

// viewJob shows a file's URL only if showURL allows it.
func viewJob(j job.Job, now time.Time, showURL bool) jobView {
	v := jobView{
		Provider: j.Key.Provider, Scope: j.Key.Scope, JobID: j.Key.ID, Label: j.Label, Paused: j.Paused,
		Phase: j.Phase, Final: j.Phase.Final(), WatchedAt: stamp(j.WatchedAt), ChangedAt: stamp(j.ChangedAt),
		Polling: viewPolling(j.Polling),
	}
	viewAbout(&v, j, now)
	if j.Latest != nil {
		s := viewSnapshot(*j.Latest)
		v.Latest = &s
	}
	if j.File != nil && j.Key.Provider == job.WeChat {
		v.File = viewFile(*j.File, now, showURL)
	}
	return v
}

func viewPolling(p job.Polling) pollingView {
	v := pollingView{NextAt: stampIf(p.NextAt), LastAttemptAt: stampIf(p.LastAttemptAt), Failures: p.Failures}
	if e := p.LastError; e != nil {
		v.LastError = &failureView{Kind: e.Kind, Code: e.Code, Message: e.Message, RequestID: e.RequestID, At: stamp(e.At)}
	}
	return v
}

// viewAbout tells what the upstream tells beside the state. An ETA that is over says nothing.
func viewAbout(v *jobView, j job.Job, now time.Time) {
	a := j.About
	v.Name, v.CreatedAt, v.StartedAt, v.EndedAt = textIf(a.Name), stampIf(a.CreatedAt), stampIf(a.StartedAt), stampIf(a.EndedAt)
	if a.Lag != nil {
		v.Lag = &lagView{a.Lag.Seconds, a.Lag.Megabytes, stamp(a.Lag.At)}
	}
	if j.ETA != nil && j.ETA.After(now) {
		v.ETA = stampIf(j.ETA)
	}
}

func textIf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// viewFile takes a link without a known end for expired: nothing says that it still works.
func viewFile(f job.File, now time.Time, showURL bool) *fileView {
	v := &fileView{Available: now.Before(f.ExpiresAt)}
	if !f.ExpiresAt.IsZero() {
		v.ExpiresAt = stampIf(&f.ExpiresAt)
	}
	if showURL && v.Available && f.URL != nil {
		if u := f.URL.Reveal(); u != "" {
			v.URL = &u
		}
	}
	return v
}

func (v jobView) showsURL() bool { return v.File != nil && v.File.URL != nil }

func viewSnapshot(s job.Snapshot) snapshotView {
	return snapshotView{
		Seq: s.Seq, Phase: s.Phase, Status: s.Status, Progress: s.Progress, CheckFlag: s.CheckFlag, ErrorCode: s.ErrorCode,
		Message: s.Message, Step: textIf(s.Step), RecordsSucceeded: s.RecordsSucceeded, RecordsFailed: s.RecordsFailed, RequestID: s.RequestID,
		FirstObservedAt: stamp(s.FirstObservedAt), LastObservedAt: stamp(s.LastObservedAt), Observations: s.Observations,
	}
}

func viewEvent(e job.Event) eventView {
	return eventView{
		ID: strconv.FormatInt(e.ID, 10), Provider: e.Key.Provider, Scope: e.Key.Scope, JobID: e.Key.ID,
		From: e.From, To: e.To, At: stamp(e.At), Seq: e.Seq, Message: e.Message,
	}
}

// viewSummary has an entry for every provider, phase and kind, whatever the store left out.
func viewSummary(s job.Summary) summaryView {
	v := summaryView{
		Jobs: map[job.Provider]map[job.Phase]int64{}, Watched: s.Watched, Paused: s.Paused, Overdue: s.Overdue,
		OldestDueAt: stampIf(s.OldestAt), Failing: s.Failing, FailingByKind: map[job.Kind]int64{},
	}
	for _, p := range job.Providers {
		v.Jobs[p] = map[job.Phase]int64{}
		for _, phase := range job.Phases {
			v.Jobs[p][phase] = s.Jobs[p][phase]
		}
	}
	for _, k := range job.Kinds {
		v.FailingByKind[k] = s.ByKind[k]
	}
	if t := s.LastTick; t != nil {
		v.LastTick = &tickView{
			StartedAt: stamp(t.StartedAt), FinishedAt: stamp(t.FinishedAt), Claimed: t.Claimed, Recorded: t.Recorded,
			Changed: t.Changed, Failed: t.Failed, Released: t.Released, Lost: t.Lost, Notified: t.Notified, Due: t.Due,
		}
	}
	return v
}

// stamp is RFC 3339 in UTC with exactly three digits of a second.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func stampIf(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}

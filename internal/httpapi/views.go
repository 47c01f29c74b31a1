package httpapi

import (
	"migwatch/internal/job"
	"migwatch/internal/view"
)

// The views are the JSON of the API: every field is always there, what is unknown is null.

type jobList struct {
	Items      []view.Job `json:"items" nullable:"false"`
	NextCursor *string    `json:"next_cursor" doc:"pass as cursor for the next page; null on the last"`
}

type snapshotList struct {
	Items      []view.Snapshot `json:"items" nullable:"false"`
	NextCursor *string         `json:"next_cursor" doc:"pass as cursor for the next page; null on the last"`
}

type eventList struct {
	Items      []view.Event `json:"items" nullable:"false"`
	NextCursor *string      `json:"next_cursor" doc:"pass as after for the next page; null when there is no more for now"`
}

type summaryView struct {
	Jobs          map[job.Provider]map[job.Phase]int64 `json:"jobs" doc:"watched jobs by provider and phase"`
	Watched       int64                                `json:"watched"`
	Paused        int64                                `json:"paused"`
	Overdue       int64                                `json:"overdue" doc:"jobs that have been due for more than ten minutes"`
	OldestDueAt   *string                              `json:"oldest_due_at" format:"date-time" doc:"when the job that is due longest came due; null: none is due"`
	Failing       int64                                `json:"failing" doc:"jobs whose last poll failed"`
	FailingByKind map[job.Kind]int64                   `json:"failing_by_kind"`
	Troubles      []troubleView                        `json:"troubles" nullable:"false" doc:"what polls fail for, of those that were told as trouble and are not over, the oldest first"`
	SinksFailing  int64                                `json:"sinks_failing" doc:"sinks that are stopped, or whose last sending failed"`
	LastTick      *tickView                            `json:"last_tick" doc:"the last invocation of the poll function; null before the first"`
}

type troubleView struct {
	Provider job.Provider `json:"provider"`
	Scope    string       `json:"scope" doc:"the budget's: a region; empty where all scopes share one"`
	Kind     job.Kind     `json:"kind" enum:"transient,throttled,quota,credentials,forbidden,invalid,protocol"`
	Since    string       `json:"since" format:"date-time"`
	OpenedAt string       `json:"opened_at" format:"date-time" doc:"when it was told"`
	Jobs     int64        `json:"jobs" doc:"how many jobs it concerned then"`
	Code     string       `json:"code"`
	Message  string       `json:"message"`
}

type tickView struct {
	StartedAt  string `json:"started_at" format:"date-time"`
	FinishedAt string `json:"finished_at" format:"date-time"`
	Claimed    int64  `json:"claimed" doc:"jobs taken to be polled: recorded + failed + released + lost"`
	Recorded   int64  `json:"recorded" doc:"polls that were recorded"`
	Changed    int64  `json:"changed" doc:"polls that added a snapshot"`
	Failed     int64  `json:"failed" doc:"polls that failed"`
	Released   int64  `json:"released" doc:"jobs given back for want of time"`
	Lost       int64  `json:"lost" doc:"jobs another invocation took over"`
	Notified   int64  `json:"notified" doc:"events that sinks took"`
	Due        int64  `json:"due" doc:"jobs still due at the end"`
}

type statusView struct {
	Status string `json:"status" enum:"ok,ready"`
}

type healthView struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version" example:"1.0.0"`
}

// viewSummary has an entry for every provider, phase and kind, whatever the store left out.
func viewSummary(s job.Summary) summaryView {
	v := summaryView{
		Jobs: map[job.Provider]map[job.Phase]int64{}, Watched: s.Watched, Paused: s.Paused, Overdue: s.Overdue,
		OldestDueAt: view.StampIf(s.OldestAt), Failing: s.Failing, FailingByKind: map[job.Kind]int64{},
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
	v.SinksFailing, v.Troubles = s.Sinks, []troubleView{}
	for _, t := range s.Troubles {
		place := job.PlaceOf(t.Budget)
		v.Troubles = append(v.Troubles, troubleView{Provider: place.Provider, Scope: place.Scope, Kind: t.Kind, Since: view.Stamp(t.Since), OpenedAt: view.Stamp(*t.OpenedAt),
			Jobs: t.Jobs, Code: t.Code, Message: t.Message})
	}
	if t := s.LastTick; t != nil {
		v.LastTick = &tickView{
			StartedAt: view.Stamp(t.StartedAt), FinishedAt: view.Stamp(t.FinishedAt), Claimed: t.Claimed, Recorded: t.Recorded,
			Changed: t.Changed, Failed: t.Failed, Released: t.Released, Lost: t.Lost, Notified: t.Notified, Due: t.Due,
		}
	}
	return v
}

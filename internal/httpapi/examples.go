package httpapi

import (
	"time"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

// The examples of /openapi.json are made by the views, so that they cannot disagree with answers.

var exampleTime = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func exampleFailed() job.Job {
	progress, flag, code := int64(100), int64(0), int64(-1)
	key := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1kl0iy0v"}
	next := exampleTime.Add(15 * time.Minute)
	return job.Job{
		Key: key, Label: "orders", Phase: job.Failed, WatchedAt: exampleTime.Add(-time.Hour), ChangedAt: exampleTime,
		Latest: &job.Snapshot{
			Seq: 4, FirstObservedAt: exampleTime, LastObservedAt: exampleTime, Observations: 1,
			Observation: job.Observation{
				Phase: job.Failed, Status: "finished", Progress: &progress, CheckFlag: &flag, ErrorCode: &code,
				Message:   "The database table you selected does not exist. Please re-select.",
				RequestID: "67b4cfcf-6957-48ae-b7ef-ba33209895e3",
			},
		},
		Polling: job.Polling{NextAt: &next, LastAttemptAt: &exampleTime},
	}
}

func exampleWeChat() job.Job {
	done, failed := int64(3), int64(0)
	return job.Job{
		Key: job.Key{Provider: job.WeChat, Scope: "test2-4a89da", ID: "100071736"}, Phase: job.Succeeded,
		WatchedAt: exampleTime.Add(-2 * time.Hour), ChangedAt: exampleTime.Add(-time.Minute),
		Latest: &job.Snapshot{
			Seq: 3, FirstObservedAt: exampleTime.Add(-time.Minute), LastObservedAt: exampleTime.Add(-time.Minute), Observations: 1,
			Observation: job.Observation{Phase: job.Succeeded, Status: "success", Message: "Export completed.", RecordsSucceeded: &done, RecordsFailed: &failed},
		},
		File:    &job.File{ExpiresAt: exampleTime.Add(59 * time.Minute)},
		Polling: job.Polling{LastAttemptAt: &exampleTime},
	}
}

func exampleJob() any { return view.NewJob(exampleFailed(), exampleTime, false) }

func exampleNewJob() any {
	j := exampleFailed()
	return view.NewJob(job.Job{
		Key: j.Key, Label: j.Label, Phase: job.Pending, WatchedAt: exampleTime, ChangedAt: exampleTime,
		Polling: job.Polling{NextAt: &exampleTime},
	}, exampleTime, false)
}

func exampleJobs() any {
	j := exampleFailed()
	next := placeCursor(job.Place{ChangedAt: exampleTime, Row: 7}, digest())
	return jobList{
		Items:      []view.Job{view.NewJob(j, exampleTime, false), view.NewJob(exampleWeChat(), exampleTime, false)},
		NextCursor: &next,
	}
}

func exampleSnapshots() snapshotList {
	j := exampleFailed()
	progress := int64(40)
	before := job.Snapshot{
		Seq: 3, FirstObservedAt: exampleTime.Add(-5 * time.Minute), LastObservedAt: exampleTime.Add(-time.Minute), Observations: 7,
		Observation: job.Observation{Phase: job.Running, Status: "running", Progress: &progress, RequestID: "336448b0-2a45-4be4-8356-c245eab5784f"},
	}
	return snapshotList{Items: []view.Snapshot{view.NewSnapshot(*j.Latest), view.NewSnapshot(before)}}
}

func exampleHistory() any { return exampleSnapshots() }

func exampleCSV() any { return string(csvOf(exampleSnapshots().Items)) }

func exampleNDJSON() any {
	return string(exported(exampleSnapshots(), ndjsonType, job.Key{}).body)
}

func exampleEvents() any {
	j := exampleFailed()
	e := job.Event{ID: 17, Type: job.PhaseChanged, Jobs: 1, Key: j.Key, From: job.Running, To: job.Failed, At: exampleTime, Seq: 4, Message: j.Latest.Message}
	return eventList{Items: []view.Event{view.NewEvent(e)}}
}

func exampleSummary() any {
	return viewSummary(job.Summary{
		Jobs: map[job.Provider]map[job.Phase]int64{
			job.WeChat: {job.Succeeded: 1}, job.DTS: {job.Failed: 1, job.Running: 2},
		},
		Watched: 4, Failing: 1, ByKind: map[job.Kind]int64{job.Throttled: 1}, OldestAt: &exampleTime,
		Troubles: []job.Trouble{{Budget: "wechat", Kind: job.Forbidden, Since: exampleTime, OpenedAt: &exampleTime, Jobs: 40, Code: "61004", Message: "access clientip is not registered"}},
		LastTick: &job.Tick{
			StartedAt: exampleTime, FinishedAt: exampleTime.Add(412 * time.Millisecond),
			Claimed: 3, Recorded: 3, Changed: 2, Notified: 2,
		},
	})
}

func exampleHealth() any { return healthView{Status: "ok", Version: "1.0.0"} }

func exampleReady() any { return statusView{Status: "ready"} }

func exampleProblem(c code) *Problem {
	switch c {
	case codeInvalid:
		return invalidProblem(invalid("query.limit", "expected number <= 500"))
	case codeUnauthorized:
		return unauthorized()
	case codeNotReady:
		return notReady("the database is not migrated: run migwatch migrate")
	case codeInternal:
		return problem(c, internalDetail)
	}
	return problem(c, kinds[c].means)
}

package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"migwatch/internal/job"
)

const (
	snapshotsPerPage = 25
	// maxStory is how many of a job's newest snapshots the timeline and the curves show.
	maxStory = 500
)

// jobPage is the page of one job.
type jobPage struct {
	frame
	Row       row
	Job       job.Job
	Watched   stamp
	Times     []told  // the upstream's own
	Stuck     *moment // since when it shows nothing new, where that was told
	Console   string  // its page in the upstream's console
	Latest    *snapshotRow
	Timeline  *timeline
	Changes   []changeRow // newest first
	Chart     bool
	Snapshots []snapshotRow
	Older     string
	Newest    string
	File      *fileView
}

type snapshotRow struct {
	job.Snapshot
	State       state
	First, Last stamp
	Meter       meter
	Lasted      string
}

// CheckKey is the text for what the snapshot's check flag says.
func (s snapshotRow) CheckKey() string {
	switch {
	case s.CheckFlag == nil:
	case *s.CheckFlag == 0, *s.CheckFlag == 1, *s.CheckFlag == 3:
		return "job.check." + strconv.FormatInt(*s.CheckFlag, 10)
	}
	return "job.check.other"
}

// told is an instant that the upstream tells, by the key of its text.
type told struct {
	Key string
	At  stamp
}

// times are what the upstream tells of when the job was made, started and ended.
func times(a job.About) (list []told) {
	for _, t := range []struct {
		key string
		at  *time.Time
	}{{"job.created", a.CreatedAt}, {"job.started", a.StartedAt}, {"job.ended", a.EndedAt}} {
		if t.at != nil {
			list = append(list, told{t.key, at(*t.at)})
		}
	}
	return list
}

// consoles are the pages of Tencent Cloud's console that show one job.
var consoles = map[job.Provider]string{
	job.DTSMigration: "https://console.cloud.tencent.com/dts/migration",
	job.DTSSync:      "https://console.cloud.tencent.com/dts/replication",
}

// consoleOf is the page of the job in the upstream's console; "" where it has none.
func consoleOf(k job.Key) string {
	page, ok := consoles[k.Provider]
	if !ok {
		return ""
	}
	return page + "?" + url.Values{"region": {k.Scope}, "jobId": {k.ID}}.Encode()
}

type changeRow struct {
	From, To state
	At       stamp
	Ago      moment
	Message  string
}

type fileView struct {
	URL  string // "": not shown to this visit
	Why  string // … and the key of the text that says why
	Left *moment
}

func (u *UI) job(v *visit) error {
	k, err := keyOf(v.r)
	if err != nil {
		return err
	}
	s, err := v.store()
	if err != nil {
		return err
	}
	j, err := s.Job(v.r.Context(), k)
	if err != nil {
		return err
	}
	story, err := s.History(v.r.Context(), k, job.Span{}, maxStory)
	if err != nil {
		return err
	}
	p := jobPage{Job: j, Row: v.row(j, u.opt.Now()), Watched: at(j.WatchedAt), Times: times(j.About), Console: consoleOf(k), File: v.file(j)}
	p.frame = v.frame(p.Row.Name())
	if err := p.page(v, s, story); err != nil {
		return err
	}
	if j.Latest != nil {
		latest := v.snapshot(k.Provider, *j.Latest)
		p.Latest = &latest
		if j.Stuck {
			since := v.text.moment("ago", j.Latest.FirstObservedAt, u.opt.Now())
			p.Stuck = &since
		}
	}
	slices.Reverse(story)
	p.tell(v, story)
	v.render(http.StatusOK, "job", p)
	return nil
}

// page fills the table of snapshots; newest is what was read for the timeline.
func (p *jobPage) page(v *visit, s Store, newest []job.Snapshot) error {
	rows := newest
	if before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64); before > 1 {
		var err error
		if rows, err = s.History(v.r.Context(), p.Job.Key, job.Span{After: before}, snapshotsPerPage+1); err != nil {
			return err
		}
		p.Newest = p.Row.Href + "#snapshots"
	}
	if len(rows) > snapshotsPerPage {
		rows = rows[:snapshotsPerPage]
		p.Older = p.Row.Href + "?before=" + strconv.FormatInt(rows[snapshotsPerPage-1].Seq, 10) + "#snapshots"
	}
	for _, r := range rows {
		p.Snapshots = append(p.Snapshots, v.snapshot(p.Job.Key.Provider, r))
	}
	return nil
}

func (v *visit) snapshot(p job.Provider, s job.Snapshot) snapshotRow {
	return snapshotRow{s, v.text.state(p, s.Phase), at(s.FirstObservedAt), at(s.LastObservedAt), meterOf(p, s.Observation, s.Phase),
		v.text.Span(s.LastObservedAt.Sub(s.FirstObservedAt))}
}

// tell fills what comes from the story, the oldest first.
func (p *jobPage) tell(v *visit, story []job.Snapshot) {
	now := v.u.opt.Now()
	spells := job.Spells(story)
	whole := len(story) > 0 && story[0].Seq == 1
	p.Timeline = v.timeline(p.Job, spells, whole)
	for i, s := range spells {
		from := v.text.unseen("")
		if i > 0 {
			from = v.text.state(p.Job.Key.Provider, spells[i-1].Phase)
		}
		if i == 0 && (!whole || s.Phase == job.Pending) {
			continue
		}
		p.Changes = append(p.Changes, changeRow{from, v.text.state(p.Job.Key.Provider, s.Phase), at(s.From), v.text.moment("ago", s.From, now), s.Message})
	}
	slices.Reverse(p.Changes)
	p.Chart = drawable(story)
}

// drawable reports whether story has numbers enough for a curve.
func drawable(story []job.Snapshot) bool {
	numbers := 0
	for _, s := range story {
		if s.Progress != nil || s.RecordsSucceeded != nil || s.RecordsFailed != nil {
			numbers++
		}
	}
	return numbers > 1
}

// file tells of an export's file; its URL is a bearer credential, for admin keys only and never where
// no key is configured.
func (v *visit) file(j job.Job) *fileView {
	if j.File == nil {
		return nil
	}
	now := v.u.opt.Now()
	if !j.File.ExpiresAt.After(now) {
		return &fileView{Why: "file.expired"}
	}
	left := v.text.moment("file.left", j.File.ExpiresAt, now)
	f := &fileView{Left: &left}
	switch {
	case v.u.opt.Keys.Empty():
		f.Why = "file.nokeys"
	case !v.admin() || !v.keyed:
		f.Why = "file.admin"
	case !v.u.opt.FileURLs:
		f.Why = "file.off"
	case j.File.Sealed:
		f.Why = "file.sealed"
	case j.File.URL == nil:
		f.Why = "file.unkept"
	default:
		f.URL = j.File.URL.Reveal()
	}
	return f
}

// curves are the numbers of a job over time, one array each as the chart wants them. Each snapshot
// gives two points: the first poll that saw it and the last.
type curves struct {
	At        []float64 `json:"at"` // UTC seconds
	Progress  []*int64  `json:"progress"`
	Succeeded []*int64  `json:"succeeded"`
	Failed    []*int64  `json:"failed"`
}

func (u *UI) series(v *visit) error {
	k, err := keyOf(v.r)
	if err != nil {
		return err
	}
	s, err := v.store()
	if err != nil {
		return err
	}
	story, err := s.History(v.r.Context(), k, job.Span{}, maxStory)
	if err != nil {
		return err
	}
	slices.Reverse(story)
	body, err := json.Marshal(curvesOf(story))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, _ = v.w.Write(body)
	return nil
}

func curvesOf(story []job.Snapshot) curves {
	c := curves{At: []float64{}, Progress: []*int64{}, Succeeded: []*int64{}, Failed: []*int64{}}
	add := func(ms int64, s *job.Snapshot) {
		at := float64(ms) / 1000
		if n := len(c.At); n > 0 && at <= c.At[n-1] {
			return // the chart wants times that ascend
		}
		c.At = append(c.At, at)
		c.Progress = append(c.Progress, s.Progress)
		c.Succeeded = append(c.Succeeded, s.RecordsSucceeded)
		c.Failed = append(c.Failed, s.RecordsFailed)
	}
	for i := range story {
		s := &story[i]
		add(s.FirstObservedAt.UnixMilli(), s)
		add(s.LastObservedAt.UnixMilli(), s)
	}
	return c
}

package job

import (
	"fmt"
	"strings"
	"time"
)

// Trouble is that polls of one budget fail for one kind of reason. It is open once that was told.
type Trouble struct {
	Budget   string
	Kind     Kind
	Since    time.Time  // when it was first noticed
	OpenedAt *time.Time // nil: not told yet
	Jobs     int64      // whose polls fail so
	Code     string     // the newest failure's
	Message  string
}

// Failing is how the polls of one budget fail now for one kind of reason.
type Failing struct {
	Budget   string
	Kind     Kind
	Jobs     int64
	Failures int64 // in a row, of the job that has most
}

// atOnce are the kinds that seldom pass by themselves: they are told at the second failure in a row.
var atOnce = map[Kind]bool{Credentials: true, Forbidden: true}

// TroubleChanges are what is to be done about troubles: begun are noticed and not told yet, opened and closed are to be
// told, passed ended before they were told.
type TroubleChanges struct{ Begun, Opened, Closed, Passed []Trouble }

// Troubles compares what is known with what fails now. after is how long polls may fail before that is told.
func Troubles(known []Trouble, failing []Failing, after time.Duration, now time.Time) (c TroubleChanges) {
	type place struct {
		budget string
		kind   Kind
	}
	fails := map[place]Failing{}
	for _, f := range failing {
		fails[place{f.Budget, f.Kind}] = f
	}
	for _, t := range known {
		f, still := fails[place{t.Budget, t.Kind}]
		delete(fails, place{t.Budget, t.Kind})
		switch {
		case !still && t.OpenedAt != nil:
			c.Closed = append(c.Closed, t)
		case !still:
			c.Passed = append(c.Passed, t)
		case t.OpenedAt == nil && f.isTold(t.Since, after, now):
			t.Jobs = f.Jobs
			c.Opened = append(c.Opened, t)
		}
	}
	for _, f := range failing {
		if _, fresh := fails[place{f.Budget, f.Kind}]; fresh {
			t := Trouble{Budget: f.Budget, Kind: f.Kind, Since: now, Jobs: f.Jobs}
			c.Begun = append(c.Begun, t)
			if f.isTold(now, after, now) {
				c.Opened = append(c.Opened, t)
			}
		}
	}
	return c
}

func (f Failing) isTold(since time.Time, after time.Duration, now time.Time) bool {
	return now.Sub(since) >= after || atOnce[f.Kind] && f.Failures >= 2
}

// Event tells that t opened, or that it is over.
func (t Trouble) Event(over bool, at time.Time) Event {
	e := Event{Type: TroubleEvent, Key: PlaceOf(t.Budget), From: Clear, To: Phase(t.Kind), At: at, Jobs: t.Jobs}
	if over {
		e.From, e.To = e.To, e.From
	}
	e.Message = strings.TrimSpace(t.Code + " " + t.Message)
	return e
}

// StuckEvent tells that j shows nothing new, since its newest snapshot was first seen.
func StuckEvent(j Job, at time.Time) Event {
	progress := ""
	if p := j.Latest.Progress; p != nil {
		progress = fmt.Sprintf(" at %d%%", *p)
	}
	since := j.Latest.FirstObservedAt
	return Event{Type: Stuck, Key: j.Key, From: j.Phase, To: j.Phase, At: at, Seq: j.Latest.Seq, Jobs: 1,
		Message: fmt.Sprintf("%s%s shows nothing new since %s", j.Latest.Status, progress, since.UTC().Format("2006-01-02 15:04 UTC"))}
}

package store

import (
	"encoding/json"
	"fmt"

	"migwatch/internal/job"
)

// aboutDoc is the column about: what is told of a job beside its state, and how its progress moves. It changes
// with nearly every poll, nobody searches in it, and one column is written faster than a dozen.
type aboutDoc struct {
	Name    string     `json:"name,omitempty"`
	Created *int64     `json:"created,omitempty"`
	Started *int64     `json:"started,omitempty"`
	Ended   *int64     `json:"ended,omitempty"`
	Lag     *lagDoc    `json:"lag,omitempty"`
	Version string     `json:"version,omitempty"`
	Pace    [][2]int64 `json:"pace,omitempty"` // instant and percent
	ETA     *int64     `json:"eta,omitempty"`
}

type lagDoc struct {
	Seconds   *int64 `json:"s,omitempty"`
	Megabytes *int64 `json:"mb,omitempty"`
	At        int64  `json:"at"`
}

// aboutOf is the column's value; nil where there is nothing to tell.
func aboutOf(j job.Job) (any, error) {
	a := j.About
	doc := aboutDoc{Name: a.Name, Created: millisOrNil(a.CreatedAt), Started: millisOrNil(a.StartedAt), Ended: millisOrNil(a.EndedAt), Version: a.Version, ETA: millisOrNil(j.ETA)}
	if a.Lag != nil {
		doc.Lag = &lagDoc{a.Lag.Seconds, a.Lag.Megabytes, millis(a.Lag.At)}
	}
	for _, p := range j.Pace {
		doc.Pace = append(doc.Pace, [2]int64{millis(p.At), p.Progress})
	}
	text, err := json.Marshal(doc)
	if err != nil || string(text) == "{}" {
		return nil, err
	}
	return string(text), nil
}

// tellAbout puts the column's value into j.
func tellAbout(j *job.Job, column string) error {
	if column == "" {
		return nil
	}
	var doc aboutDoc
	if err := json.Unmarshal([]byte(column), &doc); err != nil {
		return fmt.Errorf("read about of %s: %w", j.Key, err)
	}
	j.About = job.About{Name: doc.Name, CreatedAt: instantOrNil(doc.Created), StartedAt: instantOrNil(doc.Started), EndedAt: instantOrNil(doc.Ended), Version: doc.Version}
	if doc.Lag != nil {
		j.About.Lag = &job.Lag{Seconds: doc.Lag.Seconds, Megabytes: doc.Lag.Megabytes, At: instant(doc.Lag.At)}
	}
	for _, p := range doc.Pace {
		j.Pace = append(j.Pace, job.Point{At: instant(p[0]), Progress: p[1]})
	}
	j.ETA = instantOrNil(doc.ETA)
	return nil
}

// lagOf is the column lag_seconds.
func lagOf(j job.Job) *int64 {
	if j.About.Lag == nil {
		return nil
	}
	return j.About.Lag.Seconds
}

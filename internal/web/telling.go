package web

import (
	"strings"
	"time"

	"migwatch/internal/job"
)

// troubleRow is what polls of one rate limit fail for.
type troubleRow struct {
	Provider job.Provider
	Scope    string
	Kind     job.Kind
	Jobs     int64
	Since    moment
	Said     string
}

// sinkRow is who is told what happens, and how that goes.
type sinkRow struct {
	job.SinkState
	Sent *moment // nil: nothing yet
}

func (v *visit) troubleRows(open []job.Trouble, now time.Time) (rows []troubleRow) {
	for _, t := range open {
		place := job.PlaceOf(t.Budget)
		rows = append(rows, troubleRow{place.Provider, place.Scope, t.Kind, t.Jobs, v.text.moment("ago", t.Since, now), strings.TrimSpace(t.Code + " " + t.Message)})
	}
	return rows
}

// sinkRows lists the sinks to whoever may do all: names and errors are not for everybody who may read.
func (v *visit) sinkRows(s Store, now time.Time) (rows []sinkRow, err error) {
	if !v.admin() {
		return nil, nil
	}
	list, err := s.Sinks(v.r.Context())
	for _, k := range list {
		r := sinkRow{SinkState: k}
		if k.SentAt != nil {
			sent := v.text.moment("ago", *k.SentAt, now)
			r.Sent = &sent
		}
		rows = append(rows, r)
	}
	return rows, err
}

package web

import (
	"errors"
	"time"

	"migwatch/internal/job"
)

// discoveryRow is a place that is watched as a whole.
type discoveryRow struct {
	Place   job.Key
	Jobs    int64
	Swept   *moment // nil: never to its end
	Paused  bool
	Failure *failure
	End     string // where the form to end it goes
}

func (v *visit) discoveryRows(all []job.Discovery, now time.Time) (rows []discoveryRow) {
	for _, d := range all {
		r := discoveryRow{Place: d.Key(), Jobs: d.Jobs, Paused: d.Paused, End: v.href("/discoveries/" + string(d.Provider) + "/" + d.Scope + "/end")}
		if d.SweptAt != nil {
			swept := v.text.moment("ago", *d.SweptAt, now)
			r.Swept = &swept
		}
		if e := d.Polling.LastError; e != nil {
			r.Failure = &failure{*e, v.text.moment("ago", e.At, now), d.Polling.Failures}
		}
		rows = append(rows, r)
	}
	return rows
}

// discover begins to watch the place that the form names as a whole.
func (v *visit) discover(f watchForm) error {
	s, err := v.store()
	if err != nil {
		return err
	}
	if _, _, err := s.Discover(v.r.Context(), f.Provider, f.Scope, job.DiscoveryChange{}); err != nil {
		return err
	}
	return v.redirect("/?done=discover")
}

func (u *UI) endDiscovery(v *visit) error {
	s, err := v.store()
	if err != nil {
		return err
	}
	err = s.Undiscover(v.r.Context(), job.Provider(v.r.PathValue("provider")), v.r.PathValue("scope"))
	if err != nil && !errors.Is(err, job.ErrNotDiscovered) { // somebody else was faster
		return err
	}
	return v.redirect("/?done=undiscover")
}

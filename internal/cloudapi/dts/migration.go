package dts

import (
	"errors"
	"strings"
	"sync"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

// notListed is the status of a job that no list has: DTS gives no code for it.
const notListed = "not_listed"

// switchFor is how long a version that a region does not serve is left out there.
const switchFor = 24 * time.Hour

// Versions remembers which versions of the API a region does not serve, over the ticks of one process. The zero
// value knows of none.
type Versions struct {
	mu   sync.Mutex
	gone map[string]time.Time // region and version, and until when
}

func (v *Versions) isGone(region, version string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return now.Before(v.gone[region+" "+version])
}

func (v *Versions) setGone(region, version string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gone == nil {
		v.gone = map[string]time.Time{}
	}
	v.gone[region+" "+version] = now.Add(switchFor)
}

// clock is the client's time; without one, what is gone stays so.
func (c *Client) clock() (now time.Time) {
	if c.now != nil {
		now = c.now()
	}
	return now
}

// unserved reports whether err says that the version or its action is not served: no job's fault.
func unserved(err error) bool {
	var e *job.PollError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "ActionOffline", "NoSuchVersion", "InvalidAction":
		return true
	}
	return false
}

// migration asks for a migration by its ID: first in the version that answered last, then in the other. It is
// missing where no version that is served lists it.
func (l polling) migration() (job.Observation, error) {
	now := l.clock()
	order := []string{version2021, version2018}
	if l.job.About.Version == version2018 {
		order = []string{version2018, version2021}
	}
	var last error
	gone := job.Observation{Phase: job.Missing, Status: notListed}
	served := false
	for _, version := range order {
		if l.versions.isGone(l.job.Key.Scope, version, now) {
			continue
		}
		seen, found, err := l.listed(version)
		switch {
		case unserved(err):
			l.versions.setGone(l.job.Key.Scope, version, now)
			last = err
			continue
		case err != nil:
			return job.Observation{}, err
		case found:
			return seen, nil
		}
		served, gone.RequestID = true, seen.RequestID
	}
	if served {
		return gone, nil
	}
	if last == nil {
		last = &job.PollError{Kind: job.Invalid, Code: "ActionOffline", Message: "neither version of DTS's API is served in this region"}
	}
	return job.Observation{}, last
}

// listed asks one version's list for the job.
func (l polling) listed(version string) (seen job.Observation, found bool, err error) {
	op, read := describeMigration, item2021
	if version == version2018 {
		op, read = describeOldMigration, item2018
	}
	r, err := l.call(op, request{JobID: &l.job.Key.ID})
	if err != nil {
		_, missed := missing(err)
		if missed {
			err = nil
		}
		return job.Observation{}, false, err
	}
	item, err := l.find(r)
	if err != nil || item == nil {
		return job.Observation{RequestID: r.requestID}, false, err
	}
	seen, err = read(r, item)
	if err != nil {
		return job.Observation{}, false, r.answer.Garbage("bad_field", err.Error())
	}
	seen.RequestID, seen.About.Version = r.requestID, version
	if version == version2021 {
		l.explain(&seen)
	}
	return seen, true, nil
}

// explained are the statuses, in lower case, whose reason another action tells.
var explained = map[string]operation{
	"failed": describeDetail, "error": describeDetail, "resumableerr": describeDetail, "checknotpass": describeNewCheck,
}

// find gives the job's own item of a list, nil where there is none.
func (l polling) find(r reply) (cloudapi.Fields, error) {
	list, err := r.List("JobList")
	if err != nil {
		return nil, r.answer.Garbage("bad_field", err.Error())
	}
	for _, item := range list {
		if id, err := item.Text("JobId"); err == nil && id == l.job.Key.ID {
			return item, nil
		}
	}
	if !r.Has("JobList") && !r.Has("TotalCount") {
		return nil, r.answer.Garbage("bad_field", "neither JobList nor TotalCount")
	}
	return nil, nil
}

// explain adds to what was seen of a job that failed, or whose check did not pass, why that is so and what
// helps. It is asked once; a poll that sees the same again takes it from the newest snapshot. That it could not
// be asked is no reason to lose what was seen.
func (l polling) explain(seen *job.Observation) {
	op, ok := explained[strings.ToLower(seen.Status)]
	if !ok {
		return
	}
	read := detailReasons
	if op == describeNewCheck {
		read = checkReasons
	}
	if last := l.job.Latest; last != nil && last.Status == seen.Status && len(last.Message) > len(seen.Message) && strings.HasPrefix(last.Message, seen.Message) {
		seen.Message = last.Message
		return
	}
	r, err := l.call(op, request{JobID: &l.job.Key.ID})
	if err != nil {
		return
	}
	reasons := read(r)
	if seen.Message != "" {
		reasons = append([]string{seen.Message}, reasons...)
	}
	seen.Message = cloudapi.Clean(strings.Join(reasons, " — "), cloudapi.TextLimit)
}

// sync asks for a sync by its ID.
func (l polling) sync() (job.Observation, error) {
	r, err := l.call(describeSync, request{JobIDs: []string{l.job.Key.ID}})
	if err != nil {
		if seen, ok := missing(err); ok {
			return seen, nil
		}
		return job.Observation{}, err
	}
	item, err := l.find(r)
	if err != nil {
		return job.Observation{}, err
	}
	if item == nil {
		return job.Observation{Phase: job.Missing, Status: notListed, RequestID: r.requestID}, nil
	}
	seen, err := syncItem(r, item)
	if err != nil {
		return job.Observation{}, r.answer.Garbage("bad_field", err.Error())
	}
	seen.RequestID, seen.About.Version = r.requestID, version2021
	return seen, nil
}

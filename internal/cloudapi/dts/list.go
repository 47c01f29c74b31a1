package dts

import (
	"context"
	"strings"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

// pageSize is how many jobs a page has; DTS gives no more.
const pageSize = 100

// moving are the statuses that a filter may name of jobs that are not over. DescribeMigrationJobs answers more words
// than it takes as a filter, so that only a sweep of all jobs finds every one.
var moving = map[job.Provider][]string{
	job.DTSMigration: {"created", "checking", "checkPass", "checkNotPass", "readyRun", "running", "readyComplete", "stopping", "completing"},
	job.DTSSync: {"UnInitialized", "Initialized", "Checking", "CheckPass", "CheckNotPass", "ReadyRunning", "Running", "Pausing", "Paused", "Stopping",
		"ResumableErr", "Resuming", "Resetting"},
}

// List reads the list of place's jobs from the from-th on, the oldest first: what is made meanwhile comes at the end
// and moves nobody else's place. It hands each page to page, with how many jobs were read by then, and ends with the
// list or with page's error. Not whole, it asks only for jobs in a state that moves. Each call waits at gate. Its
// error is what gate or page returned, or a *job.PollError.
func (c *Client) List(ctx context.Context, place job.Key, from int64, whole bool, gate func(context.Context) error, page func(found []job.Found, read int64) error) error {
	l := polling{Client: c, ctx: ctx, job: job.Job{Key: place}, gate: gate}
	for {
		r, version, err := l.page(from, whole)
		if err != nil {
			return err
		}
		list, err := r.List("JobList")
		if err != nil || !r.Has("JobList") && !r.Has("TotalCount") {
			return r.answer.Garbage("bad_field", "no list of jobs")
		}
		from += int64(len(list))
		if err := page(l.found(r, list, version), from); err != nil {
			return err
		}
		if len(list) < pageSize {
			return nil
		}
	}
}

// page asks for one page, in the version that is served.
func (l polling) page(from int64, whole bool) (r reply, version string, err error) {
	body := request{Limit: ptr(pageSize), Offset: &from, OrderSeq: word("asc")}
	if !whole {
		body.Status = moving[l.job.Key.Provider]
	}
	if l.job.Key.Provider == job.DTSSync {
		body.Order, body.OrderSeq = word("CreateTime"), word("ASC")
		r, err = l.call(describeSync, body)
		return r, version2021, err
	}
	now := l.clock()
	if !l.versions.isGone(l.job.Key.Scope, version2021, now) {
		if r, err = l.call(describeMigration, body); !unserved(err) {
			return r, version2021, err
		}
		l.versions.setGone(l.job.Key.Scope, version2021, now)
	}
	r, err = l.call(describeOldMigration, request{Limit: body.Limit, Offset: &from, Order: word("CreateTime"), OrderSeq: word("ASC")})
	return r, version2018, err
}

// found reads the items of a page. One that cannot be read is left out: it is asked for by its ID, which says why.
func (l polling) found(r reply, list []cloudapi.Fields, version string) (out []job.Found) {
	read := item2021
	switch {
	case l.job.Key.Provider == job.DTSSync:
		read = syncItem
	case version == version2018:
		read = item2018
	}
	for _, item := range list {
		k := l.job.Key
		k.ID, _ = item.Text("JobId")
		seen, err := read(r, item)
		if err != nil || k.Validate() != nil {
			continue
		}
		seen.RequestID, seen.About.Version = r.requestID, version
		_, ask := explained[strings.ToLower(seen.Status)]
		out = append(out, job.Found{Key: k, Observation: seen, Ask: ask && version == version2021 && k.Provider == job.DTSMigration})
	}
	return out
}

func word(s string) *string { return &s }

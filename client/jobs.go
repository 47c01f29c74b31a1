package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// jobsPath is the root of all jobs.
const jobsPath = "/v1/jobs"

// JobFilter chooses jobs. A zero field chooses all.
type JobFilter struct {
	Provider string
	Scope    string
	Phases   []Phase
	Query    string // part of the job ID, the scope or the label, ASCII case ignored
	PageSize int    // 1–500; 0: the server's default, 50
}

func (f JobFilter) values(cursor string) url.Values {
	q := values("provider", f.Provider, "scope", f.Scope, "q", f.Query, "cursor", cursor)
	for _, p := range f.Phases {
		q.Add("phase", string(p))
	}
	return paged(q, f.PageSize)
}

// values leaves out what is empty.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func paged(q url.Values, size int) url.Values {
	if size != 0 {
		q.Set("limit", strconv.Itoa(size))
	}
	return q
}

// Jobs lists all jobs that f chooses, the most recently changed first, page by page as the loop goes
// on. An error ends the list. A job that changes meanwhile may come twice or not at all.
func (c *Client) Jobs(ctx context.Context, f JobFilter) iter.Seq2[Job, error] {
	return each(func(cursor string) (Page[Job], error) { return c.JobsPage(ctx, f, cursor) })
}

// JobsPage is one page of Jobs; cursor is Next of the page before, or "".
func (c *Client) JobsPage(ctx context.Context, f JobFilter, cursor string) (Page[Job], error) {
	var page Page[Job]
	err := c.get(ctx, jobsPath, f.values(cursor), &page)
	return page, err
}

// each walks pages.
func each[T any](page func(cursor string) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		cursor := ""
		for {
			p, err := page(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" || p.Next == cursor {
				return
			}
			cursor = p.Next
		}
	}
}

// Job is one watched job; Code(err) is CodeJobNotFound where there is none.
func (c *Client) Job(ctx context.Context, k Key) (Job, error) {
	var j Job
	err := c.get(ctx, jobsPath+k.path(), nil, &j)
	return j, err
}

// JobIfChanged is Job for those who have it already: with the etag of an earlier answer, changed is
// false and j zero while the job is the same. An etag of "" always gets the job.
func (c *Client) JobIfChanged(ctx context.Context, k Key, etag string) (j Job, newTag string, changed bool, err error) {
	r := call{method: http.MethodGet, path: jobsPath + k.path(), header: http.Header{}}
	if etag != "" {
		r.header.Set("If-None-Match", etag)
	}
	res, err := c.open(ctx, r, http.StatusNotModified)
	if err != nil {
		return Job{}, "", false, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified {
		return Job{}, etag, false, nil
	}
	err = c.decode(res, &j)
	return j, res.Header.Get("ETag"), err == nil, err
}

// Change is what Watch sets; nil leaves as it is.
type Change struct {
	Label  *string `json:"label,omitempty"` // 200 characters at most
	Paused *bool   `json:"paused,omitempty"`
}

// Watch begins to watch a job, due at once, or changes what is set about it. created tells which. It
// needs an admin key.
func (c *Client) Watch(ctx context.Context, k Key, change Change) (j Job, created bool, err error) {
	res, err := c.open(ctx, call{method: http.MethodPut, path: jobsPath + k.path(), body: change})
	if err != nil {
		return Job{}, false, err
	}
	defer res.Body.Close()
	err = c.decode(res, &j)
	return j, res.StatusCode == http.StatusCreated, err
}

// Unwatch stops watching a job and forgets its history. It needs an admin key.
func (c *Client) Unwatch(ctx context.Context, k Key) error {
	return c.do(ctx, call{method: http.MethodDelete, path: jobsPath + k.path()}, nil)
}

// PollNow makes a job due now, final or not; the next tick polls it. Code(err) is CodeJobPaused
// where it is paused. It needs an admin key.
func (c *Client) PollNow(ctx context.Context, k Key) (Job, error) {
	var j Job
	err := c.do(ctx, call{method: http.MethodPost, path: jobsPath + k.path() + "/poll"}, &j)
	return j, err
}

// EventFilter chooses events. A zero field chooses all.
type EventFilter struct {
	After    string // the ID of the last event that was seen
	Provider string
	Scope    string
	JobID    string
	Types    []string      // "phase", "stuck", "trouble"
	Wait     time.Duration // how long the server waits for an event where there is none yet, in whole seconds; 25 s at most
	PageSize int           // 1–500; 0: the server's default, 50
}

// Events lists what happened, the oldest first, until there is no more for now. Who goes on with
// After set to the last one's ID misses none.
func (c *Client) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return each(func(cursor string) (Page[Event], error) {
		if cursor != "" {
			f.After = cursor
		}
		return c.EventsPage(ctx, f)
	})
}

// EventsPage is one page of Events.
func (c *Client) EventsPage(ctx context.Context, f EventFilter) (Page[Event], error) {
	var page Page[Event]
	q := values("after", f.After, "provider", f.Provider, "scope", f.Scope, "job_id", f.JobID)
	for _, one := range f.Types {
		q.Add("type", one)
	}
	if f.Wait > 0 {
		q.Set("wait", strconv.Itoa(int(f.Wait/time.Second)))
	}
	err := c.get(ctx, "/v1/events", paged(q, f.PageSize), &page)
	return page, err
}

// Sinks lists where events are sent. It needs an admin key.
func (c *Client) Sinks(ctx context.Context) ([]Sink, error) {
	var list struct {
		Items []Sink `json:"items"`
	}
	err := c.get(ctx, "/v1/sinks", nil, &list)
	return list.Items, err
}

// Summary counts over all jobs and tells of the last tick.
func (c *Client) Summary(ctx context.Context) (Summary, error) {
	var s Summary
	err := c.get(ctx, "/v1/summary", nil, &s)
	return s, err
}

// Health asks whether the server is up. It needs no key.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.get(ctx, "/healthz", nil, &h)
	return h, err
}

// Ready asks whether the server's store can be reached and has its schema; nil is yes. The *Problem
// says what mends it. It needs no key.
func (c *Client) Ready(ctx context.Context) error { return c.get(ctx, "/readyz", nil, nil) }

// OpenAPI is the API's OpenAPI 3.1 document as JSON. It needs no key.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	var doc json.RawMessage
	err := c.get(ctx, "/openapi.json", nil, &doc)
	return doc, err
}

package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

func (a *API) listJobs(ctx context.Context, in *jobsInput) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	jobs, err := s.Jobs(ctx, in.chosen, in.after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	jobs, more := page(jobs, in.Limit)
	list := jobList{Items: make([]view.Job, 0, len(jobs))}
	cache := cacheReads
	for _, j := range jobs {
		v := a.view(ctx, j.Job)
		if v.ShowsURL() {
			cache = cacheNever
		}
		list.Items = append(list.Items, v)
	}
	link := ""
	if more {
		next := placeCursor(jobs[len(jobs)-1].Place, in.of)
		list.NextCursor = &next
		link = nextLink(frameOf(ctx), "cursor", next)
	}
	rep := read(list)
	rep.cache, rep.link = cache, link
	return rep, nil
}

// page is what of limit+1 rows is on the page, and whether there is another.
func page[T any](rows []T, limit int) ([]T, bool) {
	if len(rows) > limit {
		return rows[:limit], true
	}
	return rows, false
}

// view shows file URLs to those who presented an admin key, where the settings allow it.
func (a *API) view(ctx context.Context, j job.Job) view.Job {
	return view.NewJob(j, a.opt.Now(), a.opt.FileURLs && frameOf(ctx).admin)
}

func (a *API) getJob(ctx context.Context, in *jobInput) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	j, err := s.Job(ctx, in.key())
	if err != nil {
		return nil, err
	}
	v := a.view(ctx, j)
	rep := read(v)
	if v.ShowsURL() {
		rep.cache = cacheNever
	}
	return rep.tagged(in.IfNoneMatch), nil
}

func (a *API) history(ctx context.Context, in *historyInput) (*reply, error) {
	format := negotiate(in.Accept)
	if format == "" {
		return nil, problem(codeNotAcceptable, "the history can be had as "+jsonType+", "+csvType+" or "+ndjsonType)
	}
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.History(ctx, in.key(), in.span, in.Limit+1)
	if err != nil {
		return nil, err
	}
	rows, more := page(rows, in.Limit)
	list := snapshotList{Items: make([]view.Snapshot, 0, len(rows))}
	for _, r := range rows {
		list.Items = append(list.Items, view.NewSnapshot(r))
	}
	link := ""
	if more {
		next := cursor{list: historyList, of: in.of, a: rows[len(rows)-1].Seq}.String()
		list.NextCursor = &next
		link = nextLink(frameOf(ctx), "cursor", next)
	}
	rep := exported(list, format, in.key())
	rep.link = link
	return rep, nil
}

func (a *API) events(ctx context.Context, in *eventsInput) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := a.await(ctx, s, in)
	if err != nil {
		return nil, err
	}
	rows, more := page(rows, in.Limit)
	list := eventList{Items: make([]view.Event, 0, len(rows))}
	for _, e := range rows {
		list.Items = append(list.Items, view.NewEvent(e))
	}
	link := ""
	if more {
		next := strconv.FormatInt(rows[len(rows)-1].ID, 10)
		list.NextCursor = &next
		link = nextLink(frameOf(ctx), "after", next)
	}
	rep := read(list)
	rep.link = link
	return rep, nil
}

func (a *API) summary(ctx context.Context, _ *struct{}) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	sum, err := s.Summary(ctx)
	if err != nil {
		return nil, err
	}
	return read(viewSummary(sum)), nil
}

func (a *API) watch(ctx context.Context, in *watchInput) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	j, created, err := s.Watch(ctx, in.key(), in.change())
	if err != nil {
		return nil, err
	}
	rep := a.written(ctx, http.StatusOK, j)
	if created {
		rep.status = http.StatusCreated
		rep.location = itself(frameOf(ctx))
	}
	return rep, nil
}

// written is the answer to what changed j.
func (a *API) written(ctx context.Context, status int, j job.Job) *reply {
	return &reply{status: status, contentType: jsonType, cache: cacheNever, body: encode(a.view(ctx, j))}
}

func (a *API) unwatch(ctx context.Context, in *JobPath) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	untold, err := s.Unwatch(ctx, in.key())
	if err != nil {
		return nil, err
	}
	if untold > 0 {
		a.opt.Log.Info("a job was unwatched before everybody was told of it", "job", in.key().String(), "events", untold)
	}
	return &reply{status: http.StatusNoContent, cache: cacheNever}, nil
}

func (a *API) pollNow(ctx context.Context, in *JobPath) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	j, err := s.PollNow(ctx, in.key())
	if err != nil {
		return nil, err
	}
	return a.written(ctx, http.StatusAccepted, j), nil
}

func (a *API) health(context.Context, *struct{}) (*reply, error) {
	v := healthView{Status: "ok", Version: a.opt.Version}
	return &reply{status: http.StatusOK, contentType: jsonType, cache: cacheNever, body: encode(v)}, nil
}

func (a *API) ready(ctx context.Context, _ *struct{}) (*reply, error) {
	if err := a.opt.Ready(ctx); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, contentType: jsonType, cache: cacheNever, body: encode(statusView{Status: "ready"})}, nil
}

type openAPIInput struct {
	IfNoneMatch string `header:"If-None-Match" doc:"ETags you have; 304 if one is current"`
}

func (a *API) openAPI(_ context.Context, in *openAPIInput) (*reply, error) {
	rep := &reply{status: http.StatusOK, contentType: jsonType, cache: "no-cache", body: a.document()}
	return rep.tagged(in.IfNoneMatch), nil
}

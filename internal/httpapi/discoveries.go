package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

const discoveryPath = "/v1/discoveries/{provider}/{scope}"

type discoveryView struct {
	Provider    job.Provider `json:"provider" enum:"dts-migration,dts-sync" example:"dts-migration" doc:"the upstream API that has the list"`
	Scope       string       `json:"scope" example:"ap-shanghai" doc:"the Tencent Cloud region"`
	Paused      bool         `json:"paused" doc:"a paused discovery finds nothing; its jobs are polled on"`
	Finished    bool         `json:"finished" doc:"whether it also watches jobs that were final when they were first listed"`
	WatchedAt   string       `json:"watched_at" format:"date-time" doc:"since when it is discovered"`
	Jobs        int64        `json:"jobs" doc:"watched jobs of this provider and scope"`
	LastSweepAt *string      `json:"last_sweep_at" format:"date-time" doc:"when a sweep last came to the end of the list; null before the first"`
	Polling     view.Polling `json:"polling" doc:"how the sweeps go, as a job has it"`
}

type discoveryList struct {
	Items      []discoveryView `json:"items" nullable:"false"`
	NextCursor *string         `json:"next_cursor" doc:"always null: the list is whole"`
}

func viewDiscovery(d job.Discovery) discoveryView {
	return discoveryView{
		Provider: d.Provider, Scope: d.Scope, Paused: d.Paused, Finished: d.Finished, WatchedAt: view.Stamp(d.WatchedAt), Jobs: d.Jobs,
		LastSweepAt: view.StampIf(d.SweptAt), Polling: view.NewPolling(d.Polling),
	}
}

// DiscoveryPath names a place that can be watched as a whole.
type DiscoveryPath struct {
	Provider string `path:"provider" enum:"dts-migration,dts-sync" example:"dts-migration" doc:"the upstream API that has the list"`
	Scope    string `path:"scope" example:"ap-shanghai" doc:"the region, [a-z]{2}-[a-z]+(-[a-z0-9]+)*"`
}

// Resolve checks the place.
func (in *DiscoveryPath) Resolve(huma.Context) []error {
	if !job.Provider(in.Provider).Valid() {
		return nil // huma has said so already
	}
	return wrong("path.", job.CheckDiscovery(job.Provider(in.Provider), in.Scope))
}

type discoverInput struct {
	DiscoveryPath
	Body *DiscoverBody `required:"false"`
}

// DiscoverBody is what a request to discover may set.
type DiscoverBody struct {
	_        struct{} `additionalProperties:"false"`
	Paused   *bool    `json:"paused,omitempty" nullable:"true" example:"false" doc:"true: find nothing for now; absent or null: unchanged"`
	Finished *bool    `json:"finished,omitempty" nullable:"true" example:"false" doc:"true: also jobs that were final before; absent or null: unchanged"`
}

func (a *API) listDiscoveries(ctx context.Context, _ *struct{}) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Discoveries(ctx)
	if err != nil {
		return nil, err
	}
	list := discoveryList{Items: make([]discoveryView, len(all))}
	for i, d := range all {
		list.Items[i] = viewDiscovery(d)
	}
	return read(list), nil
}

func (a *API) getDiscovery(ctx context.Context, in *DiscoveryPath) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	d, err := s.Discovery(ctx, job.Provider(in.Provider), in.Scope)
	if err != nil {
		return nil, err
	}
	return read(viewDiscovery(d)), nil
}

func (a *API) discover(ctx context.Context, in *discoverInput) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	var c job.DiscoveryChange
	if in.Body != nil {
		c = job.DiscoveryChange{Paused: in.Body.Paused, Finished: in.Body.Finished}
	}
	d, created, err := s.Discover(ctx, job.Provider(in.Provider), in.Scope, c)
	if err != nil {
		return nil, err
	}
	rep := &reply{status: http.StatusOK, contentType: jsonType, cache: cacheNever, body: encode(viewDiscovery(d))}
	if created {
		rep.status, rep.location = http.StatusCreated, itself(frameOf(ctx))
	}
	return rep, nil
}

func (a *API) undiscover(ctx context.Context, in *DiscoveryPath) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Undiscover(ctx, job.Provider(in.Provider), in.Scope); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent, cache: cacheNever}, nil
}

var (
	routeDiscoveries = route{
		id: "list-discoveries", method: http.MethodGet, path: "/v1/discoveries", tag: "discoveries",
		summary: "What is watched as a whole",
		answers: []success{{status: 200, means: "All discoveries.", body: discoveryList{}, headers: "Cache-Control Vary", example: exampleDiscoveries}},
	}
	routeDiscovery = route{
		id: "get-discovery", method: http.MethodGet, path: discoveryPath, tag: "discoveries",
		summary:  "One discovery, and how its sweeps go",
		answers:  []success{{status: 200, means: "The discovery.", body: discoveryView{}, headers: "Cache-Control Vary", example: exampleDiscovery}},
		problems: []code{codeDiscoveryNotFound},
	}
	routeDiscover = route{
		id: "discover", method: http.MethodPut, path: discoveryPath, tag: "discoveries",
		summary: "Watch every job of a region",
		about: "Idempotent. Every job that the upstream's list names is watched by itself from then on. A job that was unwatched is not brought back. " +
			"The body and both its fields are optional; what is absent stays as it is.",
		answers: []success{
			{status: 201, means: "The discovery is new, and due at once.", body: discoveryView{}, headers: "Location", example: exampleDiscovery},
			{status: 200, means: "The discovery was known.", body: discoveryView{}, example: exampleDiscovery},
		},
		problems: []code{codeTooLarge, codeMediaType, codeBadRequest, codeTimeout},
	}
	routeUndiscover = route{
		id: "undiscover", method: http.MethodDelete, path: discoveryPath, tag: "discoveries",
		summary:  "Discover no more; its jobs stay watched",
		answers:  []success{{status: 204, means: "It is ended."}},
		problems: []code{codeDiscoveryNotFound},
	}
)

func exampleDiscovery() any {
	return viewDiscovery(job.Discovery{Provider: job.DTSMigration, Scope: "ap-shanghai", WatchedAt: exampleTime, Jobs: 214, SweptAt: &exampleTime,
		Polling: job.Polling{NextAt: &exampleTime, LastAttemptAt: &exampleTime}})
}

func exampleDiscoveries() any {
	return discoveryList{Items: []discoveryView{exampleDiscovery().(discoveryView)}}
}

package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"migwatch/internal/view"
)

const jobPath = "/v1/jobs/{provider}/{scope}/{job_id}"

// maxBody is one byte more than a body may have: huma refuses what reaches its limit.
const maxBody = 64<<10 + 1

// newHuma mounts nothing by itself: no docs page, no schemas, no $schema links.
func newHuma(a *API, version string) huma.API {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI:    "3.1.0",
			Info:       &huma.Info{Title: "migwatch", Version: version},
			Components: &huma.Components{Schemas: registry},
		},
		Formats:       map[string]huma.Format{jsonType: {Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}, problemType: huma.DefaultJSONFormat},
		DefaultFormat: jsonType,
	}
	c.AllowAdditionalPropertiesByDefault = true // answers may grow; WatchBody says otherwise for itself
	return humago.New(doors{a}, c)
}

// routes registers all routes; documented, with everything that only OpenAPI tells.
func (a *API) routes(h huma.API, documented bool) {
	on(a, h, documented, routeJobs, a.listJobs)
	on(a, h, documented, routeJob, a.getJob)
	on(a, h, documented, routeHistory, a.history)
	on(a, h, documented, routeEvents, a.events)
	on(a, h, documented, routeSinks, a.listSinks)
	on(a, h, documented, routeSummary, a.summary)
	on(a, h, documented, routeWatch, a.watch)
	on(a, h, documented, routeUnwatch, a.unwatch)
	on(a, h, documented, routePoll, a.pollNow)
	on(a, h, documented, routeDiscoveries, a.listDiscoveries)
	on(a, h, documented, routeDiscovery, a.getDiscovery)
	on(a, h, documented, routeDiscover, a.discover)
	on(a, h, documented, routeUndiscover, a.undiscover)
	on(a, h, documented, routeHealth, a.health)
	on(a, h, documented, routeReady, a.ready)
	on(a, h, documented, routeOpenAPI, a.openAPI)
}

// route is one operation: what serves it, and what documents it.
type route struct {
	id, method, path string
	tag              string
	summary, about   string
	answers          []success
	problems         []code // beside those that every route of its kind can give
}

// on registers one route. Its answer is written by its reply, its error by Fail; huma reads and checks
// the request.
func on[I any](a *API, h huma.API, documented bool, r route, handle func(context.Context, *I) (*reply, error)) {
	op := huma.Operation{OperationID: r.id, Method: r.method, Path: r.path, Hidden: !documented, MaxBodyBytes: maxBody}
	if documented {
		describe(h, &op, r)
	}
	huma.Register(h, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		rep, err := handle(ctx, in)
		return &huma.StreamResponse{Body: func(c huma.Context) {
			request, w := humago.Unwrap(c)
			if err != nil {
				a.Fail(w, request, err)
				return
			}
			rep.write(w)
		}}, nil
	})
}

var (
	routeJobs = route{
		id: "list-jobs", method: http.MethodGet, path: "/v1/jobs", tag: "jobs",
		summary: "List watched jobs",
		about:   "The most recently changed first. Follow `next_cursor`, or the `Link` header, until it is null.",
		answers: []success{{status: 200, means: "A page of jobs.", body: jobList{}, headers: "Cache-Control Vary Link", example: exampleJobs}},
	}
	routeJob = route{
		id: "get-job", method: http.MethodGet, path: jobPath, tag: "jobs",
		summary: "One job with its latest snapshot",
		about:   "Has an `ETag`; with it in `If-None-Match` the answer is 304 while nothing has changed.",
		answers: []success{
			{status: 200, means: "The job.", body: view.Job{}, headers: "Cache-Control Vary ETag", example: exampleJob},
			{status: 304, means: "The job is as the client has it.", headers: "Cache-Control Vary ETag"},
		},
		problems: []code{codeJobNotFound},
	}
	routeHistory = route{
		id: "get-history", method: http.MethodGet, path: jobPath + "/history", tag: "jobs",
		summary: "A job's snapshots",
		about: "Newest first unless `order=asc`. With `Accept: text/csv` or `application/x-ndjson` the same rows and pages, the next page in `Link`. " +
			"In CSV null is an empty cell, and a text that begins with `=`, `+`, `-`, `@` (or the full-width one), tab, CR or LF gets a leading `'` so that no spreadsheet runs it; numbers stay numbers.",
		answers: []success{{
			status: 200, means: "A page of snapshots.", body: snapshotList{}, headers: "Cache-Control Vary Link", example: exampleHistory,
			texts: map[string]func() any{csvType: exampleCSV, ndjsonType: exampleNDJSON},
		}},
		problems: []code{codeJobNotFound, codeNotAcceptable},
	}
	routeEvents = route{
		id: "list-events", method: http.MethodGet, path: "/v1/events", tag: "events",
		summary: "What happened, over all jobs",
		about: "Oldest first: changes of phase, jobs that stand still for too long, and troubles of polling. With `wait` an answer that would be empty waits for so many seconds. A client that keeps the last event's `id` and passes it as `after` misses none, whatever commits beside it. " +
			"`next_cursor` is that ID when there are more now, else null.",
		answers: []success{{status: 200, means: "A page of events.", body: eventList{}, headers: "Cache-Control Vary Link", example: exampleEvents}},
	}
	routeSummary = route{
		id: "get-summary", method: http.MethodGet, path: "/v1/summary", tag: "jobs",
		summary: "Counts over all jobs, and the last tick",
		answers: []success{{status: 200, means: "The counts.", body: summaryView{}, headers: "Cache-Control Vary", example: exampleSummary}},
	}
	routeWatch = route{
		id: "watch-job", method: http.MethodPut, path: jobPath, tag: "jobs",
		summary: "Watch a job, or change its label or pause",
		about:   "Idempotent. A new job is due at once. The body and both its fields are optional; what is absent stays as it is.",
		answers: []success{
			{status: 201, means: "The job is new.", body: view.Job{}, headers: "Location", example: exampleNewJob},
			{status: 200, means: "The job was known.", body: view.Job{}, example: exampleJob},
		},
		problems: []code{codeTooLarge, codeMediaType, codeBadRequest, codeTimeout},
	}
	routeUnwatch = route{
		id: "unwatch-job", method: http.MethodDelete, path: jobPath, tag: "jobs",
		summary:  "Stop watching a job and forget its history",
		answers:  []success{{status: 204, means: "It is forgotten."}},
		problems: []code{codeJobNotFound},
	}
	routePoll = route{
		id: "poll-job", method: http.MethodPost, path: jobPath + "/poll", tag: "jobs",
		summary:  "Make a job due now, final or not",
		about:    "The next tick polls it. A finished WeChat export gets a fresh file URL that way.",
		answers:  []success{{status: 202, means: "It is due.", body: view.Job{}, example: exampleNewJob}},
		problems: []code{codeJobNotFound, codeJobPaused},
	}
	routeHealth = route{
		id: "get-health", method: http.MethodGet, path: "/healthz", tag: "service",
		summary: "Whether the process is up",
		answers: []success{{status: 200, means: "It is.", body: healthView{}, example: exampleHealth}},
	}
	routeReady = route{
		id: "get-readiness", method: http.MethodGet, path: "/readyz", tag: "service",
		summary:  "Whether the store is reachable and migrated",
		answers:  []success{{status: 200, means: "It is.", body: statusView{}, example: exampleReady}},
		problems: []code{codeNotReady},
	}
	routeOpenAPI = route{
		id: "get-openapi", method: http.MethodGet, path: "/openapi.json", tag: "service",
		summary: "This document",
		answers: []success{{status: 200, means: "OpenAPI 3.1.", body: map[string]any{}, headers: "ETag"}},
	}
)

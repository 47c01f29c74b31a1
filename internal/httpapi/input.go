package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

// The inputs say in tags what OpenAPI tells and huma checks; their Resolve checks the rest, so that a
// handler gets only what is valid. Embedded parts are exported because huma skips others.

// parameters are all query parameters of all routes; only phase may repeat.
var parameters = []string{"provider", "scope", "phase", "q", "limit", "cursor", "since", "until", "order", "after", "job_id", "type", "wait"}

// checkQuery refuses queries that two readers could read differently. Parameters that no route knows
// are let pass: gateways add some.
func checkQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalidProblem(invalid("query", "is not well formed"))
	}
	count := 0
	for name, values := range query {
		count += len(values)
		if !slices.Contains(parameters, name) {
			continue
		}
		if len(values) > 1 && name != "phase" && name != "type" {
			return invalidProblem(invalid("query."+name, "is given more than once"))
		}
		for _, v := range values {
			if errs := wrong("query.", job.CheckText(name, v)); errs != nil {
				return invalidProblem(errs...)
			}
		}
	}
	if count > maxParameters {
		return invalidProblem(invalid("query", "has more than "+strconv.Itoa(maxParameters)+" parameters"))
	}
	frameOf(r.Context()).query = query
	return nil
}

// unmarshal reads a body. encoding/json would put U+FFFD in the place of what is not UTF-8.
func unmarshal(body []byte, into any) error {
	if !utf8.Valid(body) {
		return errors.New("is not UTF-8")
	}
	return json.Unmarshal(body, into)
}

// JobPath names a job in the path.
type JobPath struct {
	Provider string `path:"provider" enum:"wechat,dts,dts-migration,dts-sync" example:"dts" doc:"the upstream API the job lives in"`
	Scope    string `path:"scope" example:"ap-shanghai" doc:"wechat: the cloud environment ID, [A-Za-z0-9][A-Za-z0-9-]{0,63}; the others: the region, [a-z]{2}-[a-z]+(-[a-z0-9]+)*"`
	JobID    string `path:"job_id" example:"dts-1kl0iy0v" doc:"wechat: a decimal number from 1 to 2^63-1; the others: [A-Za-z0-9][A-Za-z0-9_-]{0,63}"`
}

func (in *JobPath) key() job.Key {
	return job.Key{Provider: job.Provider(in.Provider), Scope: in.Scope, ID: in.JobID}
}

// Resolve checks the key.
func (in *JobPath) Resolve(huma.Context) []error {
	if !in.key().Provider.Valid() {
		return nil // huma has said so already
	}
	return wrong("path.", in.key().Validate())
}

// wrong is a *job.InvalidError as a place of the request.
func wrong(where string, err error) []error {
	var bad *job.InvalidError
	if errors.As(err, &bad) {
		return []error{invalid(where+bad.Field, bad.Reason)}
	}
	return nil
}

// JobFilter chooses jobs by where they live.
type JobFilter struct {
	Provider string `query:"provider" enum:"wechat,dts,dts-migration,dts-sync" doc:"only jobs of this upstream API"`
	Scope    string `query:"scope" doc:"only jobs of this WeChat environment or region"`
}

func (in *JobFilter) filter() job.Filter {
	return job.Filter{Provider: job.Provider(in.Provider), Scope: in.Scope}
}

// check takes a scope that could be one of the provider's, or of any if none is given.
func (in *JobFilter) check() []error {
	if in.Scope == "" {
		return nil
	}
	asWeChat := job.Key{Provider: job.WeChat, Scope: in.Scope, ID: "1"}.Validate()
	asDTS := job.Key{Provider: job.DTS, Scope: in.Scope, ID: "x"}.Validate()
	switch p := job.Provider(in.Provider); {
	case p == job.WeChat:
		return wrong("query.", asWeChat)
	case p.Valid():
		return wrong("query.", asDTS)
	}
	if asWeChat != nil && asDTS != nil {
		return []error{invalid("query.scope", "is neither a WeChat cloud environment ID nor a region")}
	}
	return nil
}

type jobsInput struct {
	JobFilter
	Phase  []string `query:"phase,explode" enum:"pending,running,action_required,succeeded,partial,failed,canceled,missing,unknown" nullable:"false" doc:"only jobs in this phase; may repeat"`
	Q      string   `query:"q" maxLength:"200" doc:"only jobs with this text in their ID, scope or label; ASCII case is ignored"`
	Limit  int      `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"how many to list at most"`
	Cursor string   `query:"cursor" maxLength:"512" doc:"next_cursor of the page before, with the same filters"`

	chosen job.Filter
	of     [8]byte
	after  *job.Place
}

// Resolve checks what huma cannot.
func (in *jobsInput) Resolve(c huma.Context) []error {
	errs := in.check()
	in.chosen = in.filter()
	in.chosen.Text = in.Q
	// Not in.Phase: huma drops them all when the first is empty.
	for _, p := range frameOf(c.Context()).query["phase"] {
		phase := job.Phase(p)
		switch {
		case p == "" || slices.Contains(in.chosen.Phases, phase):
		case phase.Valid():
			in.chosen.Phases = append(in.chosen.Phases, phase)
		case len(in.Phase) == 0:
			errs = append(errs, invalid("query.phase", "has an unknown phase"))
		}
	}
	slices.Sort(in.chosen.Phases)
	parts := []string{in.Provider, in.Scope, in.Q}
	for _, p := range in.chosen.Phases {
		parts = append(parts, string(p))
	}
	in.of = digest(parts...)
	if in.Cursor != "" {
		at, err := readCursor(in.Cursor, jobsList, in.of)
		if err != nil {
			return append(errs, invalid("query.cursor", err.Error()))
		}
		in.after = at.place()
	}
	return errs
}

type jobInput struct {
	JobPath
	IfNoneMatch string `header:"If-None-Match" doc:"ETags you have; 304 if one is current"`
}

type historyInput struct {
	JobPath
	Since  string `query:"since" format:"date-time" doc:"only what was the case at this instant or later (RFC 3339)"`
	Until  string `query:"until" format:"date-time" doc:"only what was the case before this instant (RFC 3339)"`
	Order  string `query:"order" enum:"asc,desc" default:"desc" doc:"asc: oldest first; desc: newest first"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"how many to list at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before, with the same filters"`
	Accept string `header:"Accept" hidden:"true"`

	span job.Span
	of   [8]byte
}

// Resolve checks what huma cannot.
func (in *historyInput) Resolve(c huma.Context) []error {
	errs := in.JobPath.Resolve(c)
	in.span = job.Span{Since: instant(in.Since), Until: instant(in.Until), Ascending: in.Order == "asc"}
	if in.Since != "" && in.Until != "" && !in.span.Since.Before(in.span.Until) {
		errs = append(errs, invalid("query.until", "is not after since"))
	}
	in.of = digest(in.key().String(), view.Stamp(in.span.Since), view.Stamp(in.span.Until), in.Order)
	if in.Cursor != "" {
		at, err := readCursor(in.Cursor, historyList, in.of)
		if err != nil || at.a < 1 {
			return append(errs, invalid("query.cursor", errCursor.Error()))
		}
		in.span.After = at.a
	}
	return errs
}

// instant is zero for what huma refuses.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

type eventsInput struct {
	JobFilter
	JobID string   `query:"job_id" maxLength:"64" doc:"only events of jobs with this ID"`
	Type  []string `query:"type,explode" enum:"phase,stuck,trouble" nullable:"false" doc:"only events of this type; may repeat"`
	Wait  int      `query:"wait" minimum:"0" maximum:"25" default:"0" doc:"seconds to wait for an event where there is none yet"`
	After string   `query:"after" pattern:"^[0-9]{1,19}$" patternDescription:"an event's ID" example:"17" doc:"the ID of the last event you saw; absent: from the beginning"`
	Limit int      `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"how many to list at most"`

	after  int64
	chosen job.Filter
}

// Resolve checks what huma cannot.
func (in *eventsInput) Resolve(c huma.Context) []error {
	errs := in.check()
	in.chosen = in.filter()
	in.chosen.ID = in.JobID
	for _, word := range frameOf(c.Context()).query["type"] { // not in.Type: huma drops them all when the first is empty
		switch one := job.EventType(word); {
		case word == "":
		case slices.Contains(job.EventTypes, one):
			in.chosen.Types = append(in.chosen.Types, one)
		case len(in.Type) == 0:
			errs = append(errs, invalid("query.type", "has an unknown type"))
		}
	}
	if in.After == "" {
		return errs
	}
	var err error
	if in.after, err = strconv.ParseInt(in.After, 10, 64); err != nil {
		errs = append(errs, invalid("query.after", "is not an event's ID"))
	}
	return errs
}

type watchInput struct {
	JobPath
	Body *WatchBody `required:"false"`
}

// WatchBody is what a request to watch may set.
type WatchBody struct {
	_      struct{} `additionalProperties:"false"`
	Label  *string  `json:"label,omitempty" maxLength:"200" nullable:"true" example:"orders" doc:"a name of your own; absent or null: unchanged"`
	Paused *bool    `json:"paused,omitempty" nullable:"true" example:"false" doc:"true: do not poll it; absent or null: unchanged"`
}

// Resolve checks what huma cannot.
func (in *watchInput) Resolve(c huma.Context) []error {
	errs := in.JobPath.Resolve(c)
	if in.Body != nil && in.Body.Label != nil {
		errs = append(errs, wrong("body.", job.CheckLabel(*in.Body.Label))...)
	}
	return errs
}

func (in *watchInput) change() job.Change {
	if in.Body == nil {
		return job.Change{}
	}
	return job.Change{Label: in.Body.Label, Paused: in.Body.Paused}
}

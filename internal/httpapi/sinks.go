package httpapi

import (
	"context"
	"net/http"

	"migwatch/internal/job"
	"migwatch/internal/view"
)

// sinkView shows how the telling of a sink goes. Its address is nowhere.
type sinkView struct {
	Kind         string         `json:"kind" example:"wecom" doc:"webhook, wecom, dingtalk, feishu, lark, slack, pagerduty or mail"`
	Name         string         `json:"name" example:"ops" doc:"name= of its address, or its kind and a part of a digest"`
	Filter       sinkFilterView `json:"filter"`
	Behind       int64          `json:"behind" doc:"events that it has still to be told, or to pass over"`
	Told         int64          `json:"told" doc:"events that it took"`
	Dropped      int64          `json:"dropped" doc:"events that were given up after three days"`
	Failures     int64          `json:"failures" doc:"failed sendings in a row"`
	FailingSince *string        `json:"failing_since" format:"date-time" doc:"null: the last sending worked"`
	NextAt       *string        `json:"next_at" format:"date-time" doc:"nothing is sent before; null: at once"`
	LastSentAt   *string        `json:"last_sent_at" format:"date-time" doc:"null: nothing was taken yet"`
	LastError    *string        `json:"last_error" doc:"why the last sending failed; null: it did not"`
	Stopped      bool           `json:"stopped" doc:"its address is gone or wrong: nothing is sent until that changes"`
	LastSeenAt   string         `json:"last_seen_at" format:"date-time" doc:"when it was last found in MIGWATCH_NOTIFY"`
}

type sinkFilterView struct {
	On       []string      `json:"on" nullable:"false" doc:"phases, stuck, trouble"`
	Provider *job.Provider `json:"provider" doc:"null: all"`
	Scope    *string       `json:"scope" doc:"null: all"`
}

type sinkList struct {
	Items      []sinkView `json:"items" nullable:"false"`
	NextCursor *string    `json:"next_cursor" doc:"always null: the list is whole"`
}

func viewSink(s job.SinkState) sinkView {
	v := sinkView{
		Kind: s.Kind, Name: s.Name, Filter: sinkFilterView{On: s.Filter.On}, Behind: s.Behind, Told: s.Told, Dropped: s.Dropped, Failures: s.Failures,
		FailingSince: view.StampIf(s.FailingSince), NextAt: view.StampIf(s.NextAt), LastSentAt: view.StampIf(s.SentAt), Stopped: s.Stopped, LastSeenAt: view.Stamp(s.SeenAt),
	}
	if s.Filter.Provider != "" {
		v.Filter.Provider = &s.Filter.Provider
	}
	if s.Filter.Scope != "" {
		v.Filter.Scope = &s.Filter.Scope
	}
	if s.Error != "" {
		v.LastError = &s.Error
	}
	return v
}

var routeSinks = route{
	id: "list-sinks", method: http.MethodGet, path: sinksPath, tag: "events",
	summary: "Where events are sent, and how that goes",
	about:   "For admin keys. No address and no secret is shown.",
	answers: []success{{status: 200, means: "The sinks.", body: sinkList{}, headers: "Cache-Control Vary", example: exampleSinks}},
}

const sinksPath = "/v1/sinks"

func (a *API) listSinks(ctx context.Context, _ *struct{}) (*reply, error) {
	s, err := a.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.Sinks(ctx)
	if err != nil {
		return nil, err
	}
	list := sinkList{Items: make([]sinkView, 0, len(rows))}
	for _, r := range rows {
		list.Items = append(list.Items, viewSink(r))
	}
	return read(list), nil
}

func exampleSinks() any {
	s := job.SinkState{Sink: job.Sink{Kind: "wecom", Name: "ops", Filter: job.SinkFilter{On: []string{"failed", "trouble"}}}, Behind: 2, Told: 40, Failures: 1,
		FailingSince: &exampleTime, SentAt: &exampleTime, Error: "45009: api freq out of limit", SeenAt: exampleTime}
	return sinkList{Items: []sinkView{viewSink(s)}}
}

package notify

import (
	"context"
	"net/http"
	"strings"

	"migwatch/internal/job"
	"migwatch/internal/sink"
	"migwatch/internal/view"
)

// severities are how bad the phases are that somebody is called for.
var severities = map[job.Phase]string{job.Failed: "critical", job.Missing: "error", job.Partial: "warning"}

// IsTold reports whether s wants to know of e. A pager also has to be told that what it called somebody for is over,
// whatever its filter says of that phase.
func IsTold(s sink.Sink, e job.Event) bool {
	if s.Kind == "pagerduty" && e.Type == job.PhaseChanged && severities[e.From] != "" {
		was := e
		was.To = e.From
		return s.Filter.Wants(e) || s.Filter.Wants(was)
	}
	return s.Filter.Wants(e)
}

// page sends one event to PagerDuty's Events API v2: somebody is called for a job that failed or is stuck and for
// troubles, and that is resolved by its key when it is over. Of anything else nothing is sent.
func (c *Client) page(ctx context.Context, s sink.Sink, m job.Told) error {
	e := m.Event
	action, severity, key := "trigger", "warning", "migwatch/"+e.Key.String()
	switch {
	case e.Type == testType:
		severity = "info"
	case e.Type == job.TroubleEvent && e.To == job.Clear:
		action, key = "resolve", key+string(e.From)
	case e.Type == job.TroubleEvent:
		severity, key = "error", key+string(e.To)
	case e.Type == job.Stuck:
	case severities[e.To] != "":
		severity = severities[e.To]
	case severities[e.From] != "" || e.From == job.Running: // a job that runs may be stuck
		action = "resolve"
	default:
		return nil
	}
	body := map[string]any{"routing_key": s.Key.Reveal(), "event_action": action, "dedup_key": cut(key, 255)}
	if action == "trigger" {
		text := c.text(s, m, 10_000)
		title, rest, _ := strings.Cut(text, "\n")
		body["payload"] = map[string]any{
			"summary": cut(title, 1024), "source": "migwatch", "severity": severity, "timestamp": view.Stamp(e.At),
			"component": string(e.Key.Provider), "group": e.Key.Scope, "class": string(e.Type), "custom_details": map[string]any{"text": rest},
		}
		if link := c.link(e.Key); link != "" {
			body["links"] = []any{map[string]any{"href": link, "text": "migwatch"}}
		}
	}
	if err := c.enqueue(ctx, s, body); err != nil || e.Type != testType {
		return err
	}
	return c.enqueue(ctx, s, map[string]any{"routing_key": s.Key.Reveal(), "event_action": "resolve", "dedup_key": body["dedup_key"]})
}

func (c *Client) enqueue(ctx context.Context, s sink.Sink, body map[string]any) error {
	a, err := c.post(ctx, s, s.URL.Reveal(), nil, encode(body))
	switch {
	case err != nil:
		return err
	case a.status == http.StatusAccepted:
		return nil
	case a.passing() || a.status < 400:
		return a.failed(s, Again)
	case strings.Contains(strings.ToLower(string(a.body)), "routing") || a.status == http.StatusForbidden:
		return a.failed(s, Gone)
	}
	return a.failed(s, Refused)
}

package notify

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"migwatch/internal/job"
	"migwatch/internal/sink"
	"migwatch/internal/view"
)

// payload is what a webhook gets.
type payload struct {
	Type      string `json:"type"` // migwatch.phase, migwatch.stuck, migwatch.trouble; migwatch.test
	Timestamp string `json:"timestamp"`
	Data      data   `json:"data"`
}

type data struct {
	view.Event
	Job *view.Job `json:"job"` // as read keys see it; null where it is no job's, or the job is watched no more
}

// webhook posts one event as Standard Webhooks does, signed with each secret: so one can be changed for another without
// a gap.
func (c *Client) webhook(ctx context.Context, s sink.Sink, m job.Told) error {
	now := c.Now()
	body := encode(payloadOf(m, c))
	id, seconds := "migwatch_"+strconv.FormatInt(m.Event.ID, 10), strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, one := range s.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(one.Reveal(), "whsec_"))
		if err != nil {
			return &Error{Class: Gone, Code: "secret", Message: "a secret is not base64"}
		}
		signatures = append(signatures, "v1,"+mac(string(key), id+"."+seconds+"."+string(body)))
	}
	a, err := c.post(ctx, s, s.URL.Reveal(), map[string]string{"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": strings.Join(signatures, " ")}, body)
	switch {
	case err != nil:
		return err
	case a.status/100 == 2:
		return nil
	case a.status == http.StatusGone:
		return a.failed(s, Gone)
	}
	return a.failed(s, Again) // a receiver under repair answers anything
}

func payloadOf(m job.Told, c *Client) payload {
	d := data{Event: view.NewEvent(m.Event)}
	if m.Job != nil {
		j := view.NewJob(*m.Job, c.Now(), false)
		d.Job = &j
	}
	return payload{Type: "migwatch." + string(m.Event.Type), Timestamp: d.At, Data: d}
}

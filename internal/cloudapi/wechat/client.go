package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// DefaultURL is the base of the official API.
const DefaultURL = "https://api.weixin.qq.com"

const statePath = "componenttcb/dbmigrationstate"

// Options are the parts of a Client.
type Options struct {
	BaseURL   string              // "": DefaultURL
	Transport *cloudapi.Transport // shared with other clients
	Tokens    Source              // nil: no token is configured, and every poll says so
	Now       func() time.Time    // when an answer was seen; a file without a signed end lives from then
}

// Client polls jobs. It is safe for concurrent use.
type Client struct {
	endpoint  *url.URL
	transport *cloudapi.Transport
	tokens    Source
	now       func() time.Time
}

// New makes a Client. The error does not show the URL.
func New(o Options) (*Client, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultURL
	}
	base, err := cloudapi.ParseBase(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("MIGWATCH_WECHAT_URL %w", err)
	}
	if o.Tokens == nil {
		o.Tokens = Unset{}
	}
	return &Client{endpoint: base.JoinPath(statePath), transport: o.Transport, tokens: o.Tokens, now: o.Now}, nil
}

// Poll asks once for the state of k, and once more with another token where the API calls the first
// one bad. Each call waits at gate when its connection is ready. The error is what gate returned, or a
// *job.PollError.
func (c *Client) Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error) {
	k := j.Key
	if err := check(k); err != nil {
		return job.Observation{}, err
	}
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return job.Observation{}, explain(err)
	}
	seen, err := c.ask(ctx, k, gate, token)
	refusal := tokenRefusal(err)
	if refusal == nil {
		return seen, err
	}
	c.tokens.Refused(ctx, token, refusal)
	another, tokenErr := c.tokens.Token(ctx)
	if errors.Is(tokenErr, errNoOther) {
		return job.Observation{}, err
	}
	if tokenErr != nil {
		return job.Observation{}, explain(tokenErr)
	}
	seen, err = c.ask(ctx, k, gate, another)
	if refusal := tokenRefusal(err); refusal != nil {
		c.tokens.Refused(ctx, another, refusal)
	}
	return seen, err
}

// ask makes one call.
func (c *Client) ask(ctx context.Context, k job.Key, gate func(context.Context) error, token secret.Text) (job.Observation, error) {
	// job_id is a number there. As json.Number it is written as it stands, however large.
	body, err := json.Marshal(struct {
		Env   string      `json:"env"`
		JobID json.Number `json:"job_id"`
	}{k.Scope, json.Number(k.ID)})
	if err != nil {
		return job.Observation{}, &job.PollError{Kind: job.Invalid, Code: "bad_key", Message: "the job's ID cannot be sent"}
	}
	u := *c.endpoint
	u.RawQuery = url.Values{"access_token": {token.Reveal()}}.Encode()
	answer, err := c.transport.Send(cloudapi.NewRequest(cloudapi.WithGate(ctx, gate), http.MethodPost, &u, body))
	if err != nil {
		return job.Observation{}, err
	}
	return read(answer, token, c.now())
}

func check(k job.Key) error {
	if k.Provider != job.WeChat {
		return &job.PollError{Kind: job.Invalid, Code: "bad_key", Message: "not a WeChat job"}
	}
	if err := k.Validate(); err != nil {
		return &job.PollError{Kind: job.Invalid, Code: "bad_key", Message: err.Error()}
	}
	return nil
}

// tokenRefusal gives err where it says that this very token is bad, which another token would mend.
func tokenRefusal(err error) *job.PollError {
	var e *job.PollError
	if errors.As(err, &e) {
		switch e.Code {
		case "40001", "40014", "42001":
			return e
		}
	}
	return nil
}

// explain makes a *job.PollError of a Source's error that is none: the store's, or the context's.
func explain(err error) error {
	var e *job.PollError
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &job.PollError{Kind: job.Transient, Code: "timeout", Message: "no WeChat token in time", Err: context.DeadlineExceeded}
	case errors.Is(err, context.Canceled):
		return &job.PollError{Kind: job.Transient, Code: "canceled", Message: "given up while waiting for a WeChat token", Err: context.Canceled}
	}
	return &job.PollError{Kind: job.Transient, Code: "token_store", Message: "the WeChat token could not be read from the database", Err: err}
}

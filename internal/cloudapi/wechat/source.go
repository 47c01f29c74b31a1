package wechat

import (
	"context"
	"errors"
	"sync"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// Source gives the component_access_token. It is safe for concurrent use, and remembers which tokens
// were refused: keep one for as long as its settings stay the same.
type Source interface {
	// Token gives the token to send. Its error stops the poll before any call.
	Token(ctx context.Context) (secret.Text, error)
	// Refused says that the API called exactly this token bad, and why. It changes nothing where the
	// source has another one by now; otherwise the next Token is another, or an error.
	Refused(ctx context.Context, bad secret.Text, why *job.PollError)
}

var (
	// errNoOther marks the error of a source that has nothing to offer but a token the API refuses.
	errNoOther = errors.New("wechat: no token but the refused one")

	errNoStatus = errors.New("no status")
)

// Unset is the source where no token is configured.
type Unset struct{}

// Token names the settings that would give one.
func (Unset) Token(context.Context) (secret.Text, error) {
	return secret.Text{}, &job.PollError{Kind: job.Credentials, Code: "no_token", Message: "no WeChat token: set " +
		"MIGWATCH_WECHAT_ACCESS_TOKEN, MIGWATCH_WECHAT_TOKEN_URL, or MIGWATCH_WECHAT_APPID with MIGWATCH_WECHAT_APPSECRET"}
}

// Refused does nothing: there was no token.
func (Unset) Refused(context.Context, secret.Text, *job.PollError) {}

// Fixed is the source of a token made elsewhere.
type Fixed struct {
	token secret.Text

	mu   sync.Mutex
	dead *job.PollError // set once the API refused the token
}

// NewFixed gives token until the API refuses it; then only a new Fixed with another token helps.
func NewFixed(token secret.Text) *Fixed { return &Fixed{token: token} }

// Token gives the token, or why it is of no use.
func (s *Fixed) Token(ctx context.Context) (secret.Text, error) {
	if s.token.IsZero() {
		return Unset{}.Token(ctx)
	}
	if !cloudapi.Sendable(s.token) {
		return secret.Text{}, &job.PollError{Kind: job.Credentials, Code: "bad_token",
			Message: "MIGWATCH_WECHAT_ACCESS_TOKEN has blanks or other characters no token has"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return secret.Text{}, s.dead
	}
	return s.token, nil
}

// Refused remembers that the token is of no use any more.
func (s *Fixed) Refused(_ context.Context, bad secret.Text, why *job.PollError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil && bad.Fingerprint() == s.token.Fingerprint() {
		s.dead = &job.PollError{Kind: job.Credentials, Code: why.Code, RequestID: why.RequestID, Err: errNoOther,
			Message: why.Message + "; no WeChat job is polled until MIGWATCH_WECHAT_ACCESS_TOKEN changes"}
	}
}

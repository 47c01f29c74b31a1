package wechat

import (
	"context"
	"errors"
	"net/http"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// errRefusedAgain marks the failure of a token service whose tokens the API refuses.
var errRefusedAgain = errors.New("wechat: the token service's token was refused before")

// fetch asks the service once.
func (s *Service) fetch(ctx context.Context) (secret.Text, time.Duration, error) {
	answer, err := s.transport.Send(cloudapi.NewRequest(ctx, http.MethodGet, s.url, nil))
	if err != nil {
		return secret.Text{}, 0, serviceFailure(err)
	}
	if answer.Status != http.StatusOK {
		e := answer.Garbage("", "")
		return secret.Text{}, 0, serviceError(job.Credentials, e.Code, "refused to answer: check its URL and the key in it")
	}
	token, life, err := readToken(answer)
	if err != nil {
		return secret.Text{}, 0, serviceError(job.Credentials, "bad_token_answer", "answered with "+err.Error())
	}
	return token, life, nil
}

// readToken reads the answer that a token service and WeChat's own endpoint share.
func readToken(a cloudapi.Answer) (secret.Text, time.Duration, error) {
	f, err := cloudapi.ParseFields(a.Body)
	if err != nil {
		return secret.Text{}, 0, err
	}
	text, err := f.String("component_access_token")
	if err != nil {
		return secret.Text{}, 0, err
	}
	token := secret.New(text)
	if !cloudapi.Sendable(token) {
		return secret.Text{}, 0, errors.New("no usable component_access_token")
	}
	seconds, err := f.Int("expires_in")
	if err != nil {
		return secret.Text{}, 0, err
	}
	if seconds == nil || *seconds <= 0 {
		return secret.Text{}, 0, errors.New("no positive expires_in")
	}
	life := longestLife
	if *seconds < int64(longestLife/time.Second) {
		life = time.Duration(*seconds) * time.Second
	}
	return token, life, nil
}

// serviceFailure says which service failed; nothing of its URL, whose path may be a secret too.
func serviceFailure(err error) error {
	e := job.AsPollError(err)
	kind := e.Kind
	if kind == job.Protocol {
		kind = job.Credentials
	}
	told := serviceError(kind, e.Code, "failed ("+e.Code+"): check that it runs and can be reached from here")
	told.RetryAfter, told.Err = e.RetryAfter, e.Err
	return told
}

func serviceError(kind job.Kind, code, what string) *job.PollError {
	return &job.PollError{Kind: kind, Code: code, Message: "the token service of MIGWATCH_WECHAT_TOKEN_URL " + what}
}

package wechat

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	renewBefore  = 10 * time.Minute // a token is renewed this long before its end
	shortLife    = 20 * time.Minute // one with less than this to live is renewed at half of it
	longestLife  = 24 * time.Hour   // no token says more; a service that does is not believed
	proven       = time.Minute      // a token refused sooner than this after it was got never worked
	firstPause   = 5 * time.Second  // after a service that failed, doubling
	refusedPause = time.Minute      // after a service that gave bad tokens, doubling
	longestPause = 10 * time.Minute
	fetchTimeout = 8 * time.Second // less than a poll's, so that one poll can tell what failed
)

// ServiceOptions are the parts of a Service.
type ServiceOptions struct {
	URL       secret.Text // MIGWATCH_WECHAT_TOKEN_URL; its query may hold a key
	Transport *cloudapi.Transport
	Now       func() time.Time
}

// Service is the source that asks a token service, which answers
// {"component_access_token":"…","expires_in":7200}. Many concurrent polls buy one token.
type Service struct {
	url       *url.URL
	transport *cloudapi.Transport
	now       func() time.Time
	turn      turn // held by the one caller that asks the service

	mu      sync.Mutex
	token   secret.Text // none before the first, and after a refusal
	got     time.Time
	renew   time.Time
	expires time.Time
	refused string         // the fingerprint of the last token the API refused
	why     *job.PollError // what the API said to it
	strikes int            // tokens in a row that never worked
	pauses  int            // failed questions in a row
	wait    time.Time      // the service is not asked before
	failure *job.PollError // why
}

// NewService makes a Service. The error does not show the URL.
func NewService(o ServiceOptions) (*Service, error) {
	u, err := url.Parse(o.URL.Reveal())
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("MIGWATCH_WECHAT_TOKEN_URL is not an http or https URL with a host")
	}
	u.Fragment, u.RawFragment = "", ""
	return &Service{url: u, transport: o.Transport, now: o.Now, turn: newTurn()}, nil
}

// Token gives the token at hand, or asks the service for one. While a token that is still good is
// being renewed, the others go on with it.
func (s *Service) Token(ctx context.Context) (secret.Text, error) {
	held, fresh, err := s.held()
	if fresh || err != nil {
		return held, err
	}
	if taken, err := s.turn.take(ctx, !held.IsZero()); !taken {
		return held, err
	}
	defer s.turn.give()
	held, fresh, err = s.held() // another caller may have been here meanwhile
	if fresh || err != nil {
		return held, err
	}
	return s.ask(ctx)
}

// held gives the token at hand; fresh says that the service need not, or may not, be asked.
func (s *Service) held() (held secret.Text, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.token.IsZero() && now.Before(s.expires) {
		held = s.token
	}
	switch {
	case !held.IsZero() && now.Before(s.renew):
		return held, true, nil
	case now.Before(s.wait) && !held.IsZero():
		return held, true, nil
	case now.Before(s.wait):
		e := *s.failure
		e.RetryAfter = s.wait.Sub(now)
		return secret.Text{}, false, &e
	}
	return held, false, nil
}

// ask asks the service and remembers what came of it.
func (s *Service) ask(ctx context.Context) (secret.Text, error) {
	bounded, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	token, life, err := s.fetch(bounded)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	switch {
	case errors.Is(err, context.Canceled):
		return secret.Text{}, err // the caller gave up; that says nothing of the service
	case err == nil && token.Fingerprint() == s.refused:
		err = s.stillRefused()
		fallthrough
	case err != nil:
		return s.pause(err, now)
	}
	early := renewBefore
	if life < shortLife {
		early = life / 2
	}
	s.token, s.got, s.expires, s.renew = token, now, now.Add(life), now.Add(life-early)
	s.pauses, s.failure, s.wait = 0, nil, time.Time{}
	return token, nil
}

// pause keeps the service from being hammered. A token that is still good outlives the failure.
func (s *Service) pause(err error, now time.Time) (secret.Text, error) {
	e := job.AsPollError(err)
	s.pauses++
	first := firstPause
	if errors.Is(e, errRefusedAgain) {
		first = refusedPause
	}
	pause := max(doubled(first, s.pauses), e.RetryAfter)
	s.wait, s.failure = now.Add(pause), e
	if !s.token.IsZero() && now.Before(s.expires) {
		return s.token, nil
	}
	told := *e
	told.RetryAfter = pause
	return secret.Text{}, &told
}

// Refused drops bad. The first refusal has the service asked again at once; a second token in a row
// that never worked has it wait, as then the service, or the platform, is what is wrong.
func (s *Service) Refused(_ context.Context, bad secret.Text, why *job.PollError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.IsZero() || bad.Fingerprint() != s.token.Fingerprint() {
		return
	}
	now := s.now()
	if now.Sub(s.got) >= proven {
		s.strikes = 0
	}
	s.strikes++
	s.refused, s.why, s.token = bad.Fingerprint(), why, secret.Text{}
	s.wait, s.failure = time.Time{}, nil
	if s.strikes > 1 {
		s.wait = now.Add(doubled(refusedPause, s.strikes-1))
		s.failure = s.stillRefused()
	}
}

// stillRefused is what polls fail with until the service has another token.
func (s *Service) stillRefused() *job.PollError {
	return &job.PollError{Kind: job.Credentials, Code: s.why.Code, RequestID: s.why.RequestID, Err: errRefusedAgain,
		Message: s.why.Message + "; the service at MIGWATCH_WECHAT_TOKEN_URL gives tokens that the API refuses: " +
			"see that it belongs to this platform and that nothing else renews its token"}
}

func doubled(first time.Duration, n int) time.Duration {
	for ; n > 1 && first < longestPause; n-- {
		first *= 2
	}
	return min(first, longestPause)
}

package dts

import (
	"context"
	"errors"
	"sync"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// Keys are one set of credentials, read together: a key of one set with a token of another signs
// nothing.
type Keys struct {
	SecretID  secret.Text
	SecretKey secret.Text
	Token     secret.Text // none with permanent keys
}

func (k Keys) fingerprint() string {
	return k.SecretID.Fingerprint() + k.SecretKey.Fingerprint() + k.Token.Fingerprint()
}

// Source gives credentials. It is safe for concurrent use.
type Source interface {
	// Keys gives the ones in use.
	Keys(ctx context.Context) (Keys, error)
	// Refresh reads them afresh where bad are still the ones in use, and gives what is in use then.
	Refresh(ctx context.Context, bad Keys) (Keys, error)
}

// Static gives the same keys always.
func Static(k Keys) Source { return static(k) }

type static Keys

func (s static) Keys(context.Context) (Keys, error)          { return Keys(s), nil }
func (s static) Refresh(context.Context, Keys) (Keys, error) { return Keys(s), nil }

// Snapshot reads credentials once, when they are first needed, and again when they are called stale.
// Make one for each tick: keys change between invocations.
func Snapshot(read func() (Keys, error)) Source { return &snapshot{read: read} }

type snapshot struct {
	read func() (Keys, error)

	mu   sync.Mutex
	have bool
	keys Keys
	err  error
}

func (s *snapshot) Keys(context.Context) (Keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.have {
		s.keys, s.err = s.read()
		s.have = true
	}
	return s.keys, s.err
}

func (s *snapshot) Refresh(_ context.Context, bad Keys) (Keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys.fingerprint() == bad.fingerprint() {
		s.keys, s.err = s.read()
		s.have = true
	}
	return s.keys, s.err
}

// usable turns credentials that cannot be sent into the error that says which setting is missing.
func usable(k Keys, err error) (Keys, error) {
	var e *job.PollError
	switch {
	case errors.As(err, &e):
		return Keys{}, err
	case err != nil:
		return Keys{}, &job.PollError{Kind: job.Credentials, Code: "no_credentials", Err: err,
			Message: "the Tencent Cloud credentials could not be read"}
	case k.SecretID.IsZero() || k.SecretKey.IsZero():
		return Keys{}, &job.PollError{Kind: job.Credentials, Code: "no_credentials", Message: "no Tencent Cloud credentials: " +
			"give the function a role that may call DTS, or set TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY " +
			"(and TENCENTCLOUD_SESSIONTOKEN with temporary keys)"}
	case !cloudapi.Sendable(k.SecretID), !cloudapi.Sendable(k.SecretKey), !k.Token.IsZero() && !cloudapi.Sendable(k.Token):
		return Keys{}, &job.PollError{Kind: job.Credentials, Code: "no_credentials", Message: "TENCENTCLOUD_SECRETID, " +
			"TENCENTCLOUD_SECRETKEY or TENCENTCLOUD_SESSIONTOKEN has blanks or other characters no key has"}
	}
	return k, nil
}

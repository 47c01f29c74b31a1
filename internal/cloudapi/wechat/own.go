package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	tokenPath = "cgi-bin/component/api_component_token"

	believed   = 15 * time.Second       // how long what the vault said is taken for true; an old token outlives its successor by far more
	pollEvery  = 200 * time.Millisecond // while another instance buys
	fewRefused = 16                     // refused tokens remembered here

	// A poll that set out to buy so often, and finds neither token nor reason in the vault, gives up:
	// whatever is wrong with the vault then, it must not buy on and on.
	buyTries = 4
)

// OwnOptions are the parts of an Own source.
type OwnOptions struct {
	BaseURL   string // "": DefaultURL
	AppID     string // the platform's component appid
	AppSecret secret.Text
	Transport *cloudapi.Transport
	Vault     Vault
	Now       func() time.Time // only for how much time passes; what time it is, the vault says
}

// Own is the source that buys tokens with the pushed verify ticket. Any number of instances share a
// vault, and buy one token between them.
type Own struct {
	endpoint  *url.URL
	appID     string
	secret    secret.Text
	app       string
	transport *cloudapi.Transport
	vault     Vault
	now       func() time.Time
	turn      turn // held by the one caller that talks to the vault

	mu      sync.Mutex
	token   secret.Text
	reload  time.Time // by now: token is taken without asking the vault before
	expires time.Time // by now
	refused map[string]bool
}

// NewOwn makes an Own source. The error does not show the URL.
func NewOwn(o OwnOptions) (*Own, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultURL
	}
	base, err := cloudapi.ParseBase(o.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("MIGWATCH_WECHAT_URL %w", err)
	}
	if o.AppID == "" || o.AppSecret.IsZero() {
		return nil, errors.New("MIGWATCH_WECHAT_APPID and MIGWATCH_WECHAT_APPSECRET must both be set")
	}
	return &Own{
		endpoint: base.JoinPath(tokenPath), appID: o.AppID, secret: o.AppSecret,
		app:       secret.New(o.AppID + "\n" + o.AppSecret.Reveal()).Fingerprint(),
		transport: o.Transport, vault: o.Vault, now: o.Now,
		turn: newTurn(), refused: map[string]bool{},
	}, nil
}

// Token gives the token at hand, or the vault's, or buys one, or waits for whoever does. While a
// token that is still good is being renewed, the others go on with it.
func (o *Own) Token(ctx context.Context) (secret.Text, error) {
	held, fresh := o.held()
	if fresh {
		return held, nil
	}
	if taken, err := o.turn.take(ctx, !held.IsZero()); !taken {
		return held, err
	}
	defer o.turn.give()
	if held, fresh = o.held(); fresh {
		return held, nil
	}
	for tries := buyTries; tries > 0; {
		token, did, err := o.step(ctx)
		if did == use || err != nil {
			return token, err
		}
		if err := ctx.Err(); err != nil {
			return secret.Text{}, err
		}
		if did == buy {
			tries--
		}
	}
	return secret.Text{}, &job.PollError{Kind: job.Transient, Code: "token_store", Message: "the WeChat token was bought and cannot be found"}
}

// held gives the token at hand; fresh says that the vault need not be asked.
func (o *Own) held() (held secret.Text, fresh bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if o.token.IsZero() || !now.Before(o.expires) {
		return secret.Text{}, false
	}
	return o.token, now.Before(o.reload)
}

// step reads the vault and does one thing about it.
func (o *Own) step(ctx context.Context) (token secret.Text, did action, err error) {
	v, version, read, err := o.view(ctx)
	if err != nil {
		return secret.Text{}, fail, err
	}
	switch d := decide(v); d.do {
	case use:
		o.keep(d.token, read.Add(min(d.renew.Sub(v.now), believed)), read.Add(d.until.Sub(v.now)))
		return d.token, use, nil
	case wait:
		return secret.Text{}, wait, pause(ctx, min(pollEvery, d.until.Sub(v.now)))
	case buy:
		return secret.Text{}, buy, o.buy(ctx, v, version, read)
	default:
		return secret.Text{}, fail, d.err
	}
}

// view reads the vault; read is when, by the process's clock, before the vault read its own.
func (o *Own) view(ctx context.Context) (v view, version int64, read time.Time, err error) {
	read = o.now()
	if v.ticket, v.ticketAt, err = o.vault.Ticket(ctx); err != nil {
		return view{}, 0, read, vaultError(err)
	}
	document, version, now, err := o.vault.Tokens(ctx)
	if err != nil {
		return view{}, 0, read, vaultError(err)
	}
	v.state, v.now, v.refused = unseal(document, o.app), now, map[string]bool{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for f := range o.refused {
		v.refused[f] = true
	}
	return v, version, read, nil
}

// keep remembers a token that is good for a while yet.
func (o *Own) keep(token secret.Text, reload, expires time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.token, o.reload, o.expires = token, reload, expires
}

// Refused notes that bad is of no use, for every instance. Whether that is worth a purchase is
// decided when a token is asked for: the vault may have another by then.
func (o *Own) Refused(ctx context.Context, bad secret.Text, why *job.PollError) {
	mark := bad.Fingerprint()
	o.mu.Lock()
	if len(o.refused) >= fewRefused {
		clear(o.refused)
	}
	o.refused[mark] = true
	if o.token.Fingerprint() == mark {
		o.token = secret.Text{}
	}
	o.mu.Unlock()
	for range 3 {
		v, version, _, err := o.view(ctx)
		s := v.state
		if err != nil || s.Token.Fingerprint() != mark || s.Refused == mark || v.now.Before(s.LeaseUntil) {
			return // not the one in use, known already, or being replaced by who must not be disturbed
		}
		s.Refused, s.Refusal = mark, note(why)
		document, err := s.seal()
		if err != nil {
			return
		}
		if swapped, err := o.vault.SwapTokens(ctx, version, document); swapped || err != nil {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// vaultError turns what a vault cannot do into words; other errors are explain's.
func vaultError(err error) error {
	var notReady *job.NotReadyError
	if errors.As(err, &notReady) {
		return &job.PollError{Kind: job.Credentials, Code: "no_vault", Message: notReady.Reason, Err: err}
	}
	return err
}

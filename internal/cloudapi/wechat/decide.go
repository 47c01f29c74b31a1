package wechat

import (
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	ticketLife  = 12 * time.Hour  // of a verify ticket
	outlives    = 5 * time.Minute // a token by its successor
	dailyLimit  = 14              // purchases in any 24 hours; a token each 110 minutes makes 13 or 14
	young       = time.Hour       // a token refused at this age was killed by another purchase than ours
	leaseTime   = 8 * time.Second // of a purchase; whoever waits goes on after it
	strikePause = 10 * time.Minute
	longestWait = 110 * time.Minute
)

type action int

const (
	use  action = iota // the token
	wait               // for whoever is buying
	buy
	fail
)

// decision is what to do about a token, given what the vault holds.
type decision struct {
	do    action
	token secret.Text
	until time.Time // token is good until then, or another buys, by the vault's clock
	renew time.Time // when the vault is to be asked again, if that is sooner
	err   *job.PollError
}

// view is what a decision is made from.
type view struct {
	state    ledger
	ticket   secret.Text
	ticketAt time.Time
	now      time.Time       // the vault's
	refused  map[string]bool // fingerprints of tokens the API refused here
}

// decide is the whole policy of an Own source. It is pure.
func decide(v view) decision {
	s := v.state
	current := v.alive(s.Token, s.ExpiresAt) && s.Token.Fingerprint() != s.Refused
	if current && v.now.Before(s.RenewAt) {
		return decision{do: use, token: s.Token, until: s.ExpiresAt, renew: s.RenewAt}
	}
	why := v.obstacle(!current)
	switch {
	case why == nil:
		return decision{do: buy}
	case current: // the old one does until its end
		return decision{do: use, token: s.Token, until: s.ExpiresAt, renew: s.ExpiresAt}
	case v.alive(s.Previous, s.PreviousUntil):
		return decision{do: use, token: s.Previous, until: s.PreviousUntil, renew: s.PreviousUntil}
	}
	return *why
}

func (v view) alive(t secret.Text, until time.Time) bool {
	return !t.IsZero() && v.now.Before(until) && !v.refused[t.Fingerprint()]
}

// obstacle says what stands against a purchase now; nil where nothing does. urgent: there is no
// token to go on with.
func (v view) obstacle(urgent bool) *decision {
	s := v.state
	failed := func(n failureNote, until time.Time) *decision {
		return &decision{do: fail, err: n.err(until.Sub(v.now))}
	}
	if v.now.Before(s.LeaseUntil) && s.LeaseUntil.Sub(v.now) <= leaseTime { // a longer one is a clock that stepped back
		return &decision{do: wait, until: s.LeaseUntil}
	}
	switch {
	case v.ticket.IsZero() && v.ticketAt.IsZero():
		return failed(noTicket, time.Time{})
	case v.ticket.IsZero():
		return failed(sealedTicket, time.Time{})
	case v.now.Sub(v.ticketAt) >= ticketLife:
		return failed(oldTicket, time.Time{})
	case !s.BadTicket.IsZero() && !v.ticketAt.After(s.BadTicket):
		return failed(s.TicketNote, time.Time{})
	case v.now.Before(s.NotBefore):
		return failed(s.Failure, s.NotBefore)
	}
	if bought := within(s.Bought, v.now); len(bought) >= dailyLimit {
		return failed(spent, bought[len(bought)-dailyLimit].Add(24*time.Hour))
	}
	if urgent && v.isRefused() {
		if next := s.BoughtAt.Add(strikeWait(s.Strikes)); v.now.Before(next) {
			return failed(v.refusal(), next)
		}
	}
	return nil
}

// isRefused reports whether the token was bought in vain, as opposed to having come to its end.
func (v view) isRefused() bool {
	s := v.state
	return !s.Token.IsZero() && v.now.Before(s.ExpiresAt) && (s.Token.Fingerprint() == s.Refused || v.refused[s.Token.Fingerprint()])
}

// refusal is what polls fail with while a token bought in vain is not yet replaced.
func (v view) refusal() failureNote {
	n := v.state.Refusal
	if n.Code == "" {
		n = failureNote{Kind: job.Credentials, Code: "40001", Message: "the access token is not valid"}
	}
	n.Message += "; the token bought last was refused so soon that something else must be buying tokens for the same " +
		"MIGWATCH_WECHAT_APPID: see that nothing does"
	return n
}

// strikeWait is how long after its purchase a refused token is replaced at the soonest: the first at
// once, then ever later, as two buyers that kill each other's tokens would buy without end.
func strikeWait(strikes int) time.Duration {
	if strikes == 0 {
		return 0
	}
	wait := strikePause
	for ; strikes > 1 && wait < longestWait; strikes-- {
		wait *= 2
	}
	return min(wait, longestWait)
}

// within keeps the instants of the 24 hours before now, in order.
func within(all []time.Time, now time.Time) []time.Time {
	var kept []time.Time
	for _, t := range all {
		if now.Sub(t) < 24*time.Hour {
			kept = append(kept, t)
		}
	}
	return kept
}

const pushHelp = "WeChat pushes one every ten minutes to the authorization event URL of the platform: see that it is this " +
	"server's /wechat/callback, and that MIGWATCH_WECHAT_CALLBACK_TOKEN and MIGWATCH_WECHAT_CALLBACK_AES_KEYS are the platform's"

var (
	noTicket     = failureNote{Kind: job.Credentials, Code: "no_ticket", Message: "no verify ticket has come yet; " + pushHelp}
	sealedTicket = failureNote{Kind: job.Credentials, Code: "ticket_sealed", Message: "a verify ticket is stored, but sealed with none of " +
		"MIGWATCH_ENCRYPTION_KEYS; both functions need the same"}
	oldTicket = failureNote{Kind: job.Credentials, Code: "ticket_too_old", Message: "the last verify ticket came more than 12 hours ago; " + pushHelp}
	spent     = failureNote{Kind: job.Credentials, Code: "purchases_spent", Message: "14 tokens were bought in 24 hours, more than one platform " +
		"needs: see that nothing else buys tokens for the same MIGWATCH_WECHAT_APPID"}
)

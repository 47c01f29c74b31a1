package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	answerTime = 5 * time.Second // for the purchase itself, within its lease
	saveTime   = 2 * time.Second // of the lease, to save what was bought
	leastLife  = time.Minute     // a token for less would have to be bought anew for every poll

	soonAgain   = 30 * time.Second // after a purchase that failed in passing, doubling
	laterAgain  = 15 * time.Minute
	mendAgain   = time.Hour   // after one that only a person can mend
	unclear     = time.Minute // after one that may have been made, doubling
	unclearMost = time.Hour
)

var (
	errLeaseOver = errors.New("wechat: the right to buy ended before the purchase began")
	errShortLife = errors.New("an expires_in of less than a minute")
)

// buy claims the right to buy, buys, and saves what came of it. It returns nil where the vault is to
// be read again: it has a token, or a reason, or another buyer.
func (o *Own) buy(ctx context.Context, v view, version int64, read time.Time) error {
	v.state.LeaseUntil = v.now.Add(leaseTime)
	if swapped, err := o.swap(ctx, version, v.state); err != nil || !swapped {
		return err
	}
	ends := read.Add(leaseTime - saveTime)
	sent := false
	token, life, err := o.purchase(ctx, v.ticket, func(context.Context) error {
		// A process that was frozen here must not buy: by now another may have, and this purchase would
		// kill that token.
		if !o.now().Before(ends) {
			return errLeaseOver
		}
		sent = true
		return nil
	})
	if errors.Is(err, errLeaseOver) {
		return nil
	}
	at := v.now.Add(o.now().Sub(read))
	next := v.state
	next.LeaseUntil = time.Time{}
	if err == nil {
		next = next.bought(token, life, v, at)
	} else {
		next = next.failed(err, sent, v, at)
	}
	return o.save(ctx, version+1, next)
}

// save stores the end of a purchase whatever becomes of the poll that began it: what was bought has
// killed the token before.
func (o *Own) save(ctx context.Context, version int64, s ledger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	var err error
	for range 3 {
		// Not swapped: the lease has ended and another has the right, or an earlier try came through.
		// Either way the vault has the last word.
		if _, err = o.swap(ctx, version, s); err == nil {
			return nil
		}
		if pause(ctx, pollEvery) != nil {
			break
		}
	}
	return vaultError(err)
}

func (o *Own) swap(ctx context.Context, version int64, s ledger) (bool, error) {
	document, err := s.seal()
	if err != nil {
		return false, err
	}
	swapped, err := o.vault.SwapTokens(ctx, version, document)
	if err != nil {
		return false, vaultError(err)
	}
	return swapped, nil
}

// purchase makes the call.
func (o *Own) purchase(ctx context.Context, ticket secret.Text, gate cloudapi.Gate) (secret.Text, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, err := json.Marshal(map[string]string{
		"component_appid": o.appID, "component_appsecret": o.secret.Reveal(), "component_verify_ticket": ticket.Reveal(),
	})
	if err != nil {
		return secret.Text{}, 0, err
	}
	answer, err := o.transport.Send(cloudapi.NewRequest(cloudapi.WithGate(ctx, gate), http.MethodPost, o.endpoint, body))
	if err != nil {
		return secret.Text{}, 0, err
	}
	f, err := cloudapi.ParseFields(answer.Body)
	if err != nil {
		return secret.Text{}, 0, answer.Garbage("not_json", err.Error())
	}
	code, err := f.Int("errcode")
	if err != nil {
		return secret.Text{}, 0, answer.Garbage("bad_field", err.Error())
	}
	if code != nil && *code != 0 {
		errmsg, _ := f.String("errmsg") // the code says enough
		return secret.Text{}, 0, failure(*code, errmsg, o.secret, ticket)
	}
	if answer.Status != http.StatusOK {
		return secret.Text{}, 0, answer.Garbage("", "no error in the answer, but in its status")
	}
	token, life, err := readToken(answer)
	if err == nil && life < leastLife {
		err = errShortLife
	}
	if err != nil {
		return secret.Text{}, 0, answer.Garbage("bad_field", err.Error())
	}
	return token, life, nil
}

// bought is the state after a purchase. life counts from before it, to be on the safe side.
func (s ledger) bought(token secret.Text, life time.Duration, v view, at time.Time) ledger {
	early := renewBefore
	if life < shortLife {
		early = life / 2
	}
	n := ledger{App: s.App, Token: token, BoughtAt: at, ExpiresAt: v.now.Add(life), RenewAt: v.now.Add(life - early)}
	n.Bought = append(within(s.Bought, at), at)
	switch {
	case v.isRefused():
		if v.now.Sub(s.BoughtAt) < young {
			n.Strikes = s.Strikes + 1
		}
	case v.alive(s.Token, s.ExpiresAt):
		n.Previous, n.PreviousUntil = s.Token, at.Add(outlives)
	}
	return n
}

// failed is the state after a purchase that was not made, or perhaps was.
func (s ledger) failed(err error, sent bool, v view, at time.Time) ledger {
	e := job.AsPollError(explain(err))
	s.Failures++
	s.Failure = note(e)
	switch {
	case e.Code == "61005" || e.Code == "61006":
		s.BadTicket, s.TicketNote = v.ticketAt, note(e)
		s.TicketNote.Message += "; waiting for the next one to be pushed"
	case e.Code == "45009":
		s.NotBefore = job.NextQuotaDay(at)
	case e.Code == "48001":
		// Seen here as a passing fault, whatever it means elsewhere.
		s.Failure.Kind, s.Failure.Message = job.Transient, "the platform could not buy a token just now (48001)"
		s.NotBefore = at.Add(grow(soonAgain, s.Failures, laterAgain))
	case e.Kind == job.Credentials || e.Kind == job.Invalid:
		s.NotBefore = at.Add(mendAgain)
	case e.Kind == job.Forbidden:
		s.NotBefore = at.Add(laterAgain) // an allow list is mended in minutes
	case sent && mayBeMade[e.Code]:
		// It counts as made, though the token is lost.
		s.Bought = append(within(s.Bought, at), at)
		s.NotBefore = at.Add(grow(unclear, s.Failures, unclearMost))
	case e.Code == "canceled":
		s.Failures-- // the poll was given up; that says nothing of WeChat
	default:
		s.NotBefore = at.Add(max(grow(soonAgain, s.Failures, laterAgain), e.RetryAfter))
	}
	return s
}

// mayBeMade has the failures after which WeChat may have sold a token all the same: no answer came, or
// none that can be read.
var mayBeMade = map[string]bool{
	"timeout": true, "canceled": true, "network": true, "reset": true,
	"not_json": true, "bad_field": true, "too_large": true, "encoding": true,
}

func grow(first time.Duration, n int, most time.Duration) time.Duration {
	for ; n > 1 && first < most; n-- {
		first *= 2
	}
	return min(first, most)
}

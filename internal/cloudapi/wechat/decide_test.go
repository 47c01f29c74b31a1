package wechat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestDecide(t *testing.T) {
	const sealedAway = -2 // there is one, and no key opens it
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	a, b := secret.New("CANARY-a"), secret.New("CANARY-b")
	good := ledger{Token: a, BoughtAt: in(-time.Hour), RenewAt: in(50 * time.Minute), ExpiresAt: in(time.Hour)}
	tired := ledger{Token: a, BoughtAt: in(-115 * time.Minute), RenewAt: in(-5 * time.Minute), ExpiresAt: in(5 * time.Minute)}
	with := func(s ledger, change func(*ledger)) ledger { change(&s); return s }
	failed := failureNote{Kind: job.Transient, Code: "-1", Message: "busy"}
	many := make([]time.Time, dailyLimit)
	for i := range many {
		many[i] = in(-23*time.Hour + time.Duration(i)*time.Minute)
	}
	for name, c := range map[string]struct {
		state   ledger
		ticket  time.Duration // its age; negative: none
		refused secret.Text
		want    string
	}{
		"nothing yet":                   {ledger{}, time.Minute, secret.Text{}, "buy"},
		"good":                          {good, time.Minute, secret.Text{}, "use a until 1h0m0s"},
		"good without a ticket":         {good, -1, secret.Text{}, "use a until 1h0m0s"},
		"to be renewed":                 {tired, time.Minute, secret.Text{}, "buy"},
		"to be renewed without ticket":  {tired, -1, secret.Text{}, "use a until 5m0s"},
		"to be renewed, another buys":   {with(tired, func(s *ledger) { s.LeaseUntil = in(3 * time.Second) }), time.Minute, secret.Text{}, "use a until 5m0s"},
		"none, another buys":            {ledger{LeaseUntil: in(3 * time.Second)}, time.Minute, secret.Text{}, "wait until 3s"},
		"none, another's lease is over": {ledger{LeaseUntil: in(0)}, time.Minute, secret.Text{}, "buy"},
		"a lease of another clock":      {ledger{LeaseUntil: in(time.Hour)}, time.Minute, secret.Text{}, "buy"},
		"no ticket":                     {ledger{}, -1, secret.Text{}, "fail no_ticket 0s"},
		"sealed ticket":                 {ledger{}, sealedAway, secret.Text{}, "fail ticket_sealed 0s"},
		"old ticket":                    {ledger{}, 12 * time.Hour, secret.Text{}, "fail ticket_too_old 0s"},
		"refused ticket":                {ledger{BadTicket: in(-time.Minute), TicketNote: failed}, time.Minute, secret.Text{}, "fail -1 0s"},
		"newer ticket":                  {ledger{BadTicket: in(-time.Hour), TicketNote: failed}, time.Minute, secret.Text{}, "buy"},
		"backing off":                   {ledger{NotBefore: in(time.Minute), Failure: failed}, time.Minute, secret.Text{}, "fail -1 1m0s"},
		"backing off with a token":      {with(tired, func(s *ledger) { s.NotBefore = in(time.Minute) }), time.Minute, secret.Text{}, "use a until 5m0s"},
		"backed off":                    {ledger{NotBefore: in(0), Failure: failed}, time.Minute, secret.Text{}, "buy"},
		"fourteen bought":               {ledger{Bought: many}, time.Minute, secret.Text{}, "fail purchases_spent 1h0m0s"},
		"fourteen bought, one long ago": {ledger{Bought: append([]time.Time{in(-25 * time.Hour)}, many[1:]...)}, time.Minute, secret.Text{}, "buy"},
		"refused here":                  {good, time.Minute, a, "buy"},
		"refused anywhere":              {with(good, func(s *ledger) { s.Refused = a.Fingerprint() }), time.Minute, secret.Text{}, "buy"},
		"refused, old one lives": {with(good, func(s *ledger) {
			s.Strikes, s.Previous, s.PreviousUntil, s.BoughtAt = 1, b, in(time.Minute), in(-4*time.Minute)
		}),
			time.Minute, a, "use b until 1m0s"},
		"refused young again": {with(good, func(s *ledger) { s.Strikes, s.BoughtAt = 1, in(-4*time.Minute) }), time.Minute, a, "fail 40001 6m0s"},
		"refused, much later": {with(good, func(s *ledger) { s.Strikes, s.BoughtAt = 1, in(-10*time.Minute) }), time.Minute, a, "buy"},
		"refused many times":  {with(good, func(s *ledger) { s.Strikes, s.BoughtAt = 40, in(-time.Hour) }), time.Minute, a, "fail 40001 50m0s"},
		"run out":             {with(good, func(s *ledger) { s.Strikes, s.ExpiresAt = 5, in(0) }), time.Minute, a, "buy"},
	} {
		v := view{state: c.state, now: now, refused: map[string]bool{c.refused.Fingerprint(): !c.refused.IsZero()}}
		if c.ticket == sealedAway {
			v.ticketAt = in(-time.Minute)
		} else if c.ticket >= 0 {
			v.ticket, v.ticketAt = secret.New("CANARY-ticket"), in(-c.ticket)
		}
		var got string
		switch d := decide(v); d.do {
		case use:
			got = fmt.Sprintf("use %s until %v", strings.TrimPrefix(d.token.Reveal(), "CANARY-"), d.until.Sub(now))
		case wait:
			got = fmt.Sprintf("wait until %v", d.until.Sub(now))
		case buy:
			got = "buy"
		case fail:
			got = fmt.Sprintf("fail %s %v", d.err.Code, d.err.RetryAfter)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestTheLedgerComesBackAsItWas(t *testing.T) {
	at := time.Date(2026, 3, 4, 12, 0, 0, 123e6, time.UTC)
	s := ledger{
		App: "app", Token: secret.New(`CANARY"1`), BoughtAt: at, RenewAt: at, ExpiresAt: at, Refused: "r", Refusal: failureNote{Kind: job.Quota, Code: "1", Message: "m", RequestID: "i"},
		Strikes: 2, Previous: secret.New("CANARY2"), PreviousUntil: at, LeaseUntil: at, Bought: []time.Time{at}, NotBefore: at, Failures: 3, BadTicket: at,
	}
	sealed, err := s.seal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, unseal(sealed, "app")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(ledger{App: "other", LeaseUntil: at, Bought: []time.Time{at}}, unseal(sealed, "other")); diff != "" {
		t.Errorf("another app: -want +got:\n%s", diff)
	}
	if shown := fmt.Sprintf("%v %+v %#v %v", s, s, s, sealed); strings.Contains(shown, "CANARY") {
		t.Errorf("a ledger shows its tokens: %s", shown)
	}
	for _, document := range []string{"", "x", "[]", `{"Token":5}`} {
		if diff := cmp.Diff(ledger{App: "app"}, unseal(secret.New(document), "app")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", document, diff)
		}
	}
}

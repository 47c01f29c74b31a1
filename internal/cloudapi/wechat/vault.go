package wechat

import (
	"context"
	"encoding/json"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// Vault keeps what an Own source needs over all instances. It knows nothing of tokens: it keeps one
// document, sealed, that is only ever swapped for a next version of itself. Every rule about who may
// buy, and when, follows from that.
//
// An error that wraps a *job.NotReadyError is shown by its Reason.
type Vault interface {
	// Ticket gives the newest verify ticket that was pushed and when it came, by the vault's clock: no
	// instant where none ever came, an instant without a ticket where no key opens it.
	Ticket(ctx context.Context) (ticket secret.Text, at time.Time, err error)
	// Tokens gives the document, its version and the vault's time. Before the first SwapTokens, and
	// where no key opens it, the document is none; the version is then 0, or the one to be replaced.
	Tokens(ctx context.Context) (document secret.Text, version int64, now time.Time, err error)
	// SwapTokens puts document in the place of version, as version+1. It reports false, and changes
	// nothing, where another version is there by now.
	SwapTokens(ctx context.Context, version int64, document secret.Text) (swapped bool, err error)
}

// ledger is the document. Its times are the vault's.
type ledger struct {
	App string // fingerprint of the appid and secret it was made with; others' tokens and failures do not count

	Token     secret.Text
	BoughtAt  time.Time
	RenewAt   time.Time
	ExpiresAt time.Time
	Refused   string // fingerprint of Token once the API called it bad
	Refusal   failureNote
	Strikes   int // tokens in a row that the API refused when they were young

	Previous      secret.Text // the token before, while it was good when Token was bought
	PreviousUntil time.Time

	LeaseUntil time.Time // somebody is buying; only they may swap until then
	Bought     []time.Time

	NotBefore  time.Time   // no purchase before
	Failure    failureNote // why
	Failures   int         // failed purchases in a row
	BadTicket  time.Time   // the ticket that came then was refused
	TicketNote failureNote // why
}

// failureNote is what is remembered of a *job.PollError.
type failureNote struct {
	Kind      job.Kind `json:",omitempty"`
	Code      string   `json:",omitempty"`
	Message   string   `json:",omitempty"`
	RequestID string   `json:",omitempty"`
}

func note(e *job.PollError) failureNote {
	return failureNote{Kind: e.Kind, Code: e.Code, Message: e.Message, RequestID: e.RequestID}
}

func (n failureNote) err(after time.Duration) *job.PollError {
	return &job.PollError{Kind: n.Kind, Code: n.Code, Message: n.Message, RequestID: n.RequestID, RetryAfter: max(after, 0)}
}

// seal writes s as the vault keeps it. A secret.Text writes itself as [hidden], so the two tokens are
// told here.
func (s ledger) seal() (secret.Text, error) {
	type open ledger // without seal; its fields shadowed by those beside it
	b, err := json.Marshal(struct {
		open
		Token, Previous string
	}{open(s), s.Token.Reveal(), s.Previous.Reveal()})
	return secret.New(string(b)), err
}

// unseal reads what seal wrote. What cannot be read is no state: everything in it can be had again.
func unseal(document secret.Text, app string) ledger {
	var s ledger
	if document.IsZero() || json.Unmarshal([]byte(document.Reveal()), &s) != nil || s.App != app {
		return ledger{App: app, LeaseUntil: s.LeaseUntil, Bought: s.Bought}
	}
	return s
}

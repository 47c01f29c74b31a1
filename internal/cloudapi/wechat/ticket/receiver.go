package ticket

import (
	"crypto/sha1" // WeChat signs with it
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"migwatch/internal/secret"
)

const (
	// BodyLimit is the most bytes a push may have.
	BodyLimit = 64 << 10

	window     = 10 * time.Minute // a push's timestamp is at most this far from now
	queryLimit = 128              // bytes of one query value
	wordLimit  = 64
	longest    = 1024 // bytes of a ticket
)

// TicketPush is the InfoType of a push that brings a ticket.
const TicketPush = "component_verify_ticket"

// Push is what an authentic push says.
type Push struct {
	InfoType  string      // TicketPush, or something to acknowledge and ignore: "" in messages that are no notice at all
	Ticket    secret.Text // none unless InfoType is TicketPush
	CreatedAt time.Time   // when WeChat made it; zero where it does not say. A replay has an older one
}

// RefusedError is a push that is not to be believed. Its text is the same whatever is wrong: who sends
// such a push must not learn. Reason is for the log.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the push is refused" }

func refused(reason string) error { return &RefusedError{reason} }

// Receiver opens pushes. It is safe for concurrent use.
type Receiver struct {
	token secret.Text
	keys  [][]byte
	appID string
}

// New makes a Receiver. token and aesKeys are the platform's message token and EncodingAESKeys, the
// current one first; appID is its component appid. The error shows none of them.
func New(token secret.Text, aesKeys []secret.Text, appID string) (*Receiver, error) {
	if token.IsZero() || len(aesKeys) == 0 || appID == "" {
		return nil, errors.New("ticket pushes need MIGWATCH_WECHAT_CALLBACK_TOKEN, MIGWATCH_WECHAT_CALLBACK_AES_KEYS and MIGWATCH_WECHAT_APPID")
	}
	r := &Receiver{token: token, appID: appID}
	for i, k := range aesKeys {
		key, err := base64.StdEncoding.DecodeString(k.Reveal() + "=")
		if err != nil || len(key) != keySize {
			return nil, errors.New("MIGWATCH_WECHAT_CALLBACK_AES_KEYS: key " + strconv.Itoa(i+1) + " is not 43 characters of base64")
		}
		r.keys = append(r.keys, key)
	}
	return r, nil
}

// Open verifies a push and opens it: signature, then time, then encryption, then whom it is for. The
// error is a *RefusedError.
func (r *Receiver) Open(query url.Values, body []byte, now time.Time) (Push, error) {
	if len(body) > BodyLimit {
		return Push{}, refused("the body is too large")
	}
	timestamp, nonce, signature, err := parameters(query)
	if err != nil {
		return Push{}, err
	}
	envelope, err := flatten(body, 1)
	if err != nil || envelope["Encrypt"] == "" {
		return Push{}, refused("the body is no envelope")
	}
	if !r.signed(timestamp, nonce, envelope["Encrypt"], signature) {
		return Push{}, refused("the signature is wrong: the callback token is another one, or the push is not WeChat's")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if age := now.Unix() - seconds; err != nil || age > int64(window/time.Second) || age < -int64(window/time.Second) {
		return Push{}, refused("the timestamp is more than ten minutes off: it is a replay, or the clock here is wrong")
	}
	message, err := r.decrypt(envelope["Encrypt"])
	if err != nil {
		return Push{}, err
	}
	return read(message)
}

// parameters takes what is signed from the query. A parameter given twice has no one meaning.
func parameters(query url.Values) (timestamp, nonce, signature string, err error) {
	one := func(name string) string {
		if v := query[name]; len(v) == 1 && len(v[0]) <= queryLimit {
			return v[0]
		}
		err = refused("the query's " + name + " is missing, repeated or too long")
		return ""
	}
	timestamp, nonce, signature = one("timestamp"), one("nonce"), one("msg_signature")
	if kind := query.Get("encrypt_type"); kind != "" && !strings.EqualFold(kind, "aes") {
		err = refused("the encryption is not aes")
	}
	return timestamp, nonce, signature, err
}

func (r *Receiver) signed(timestamp, nonce, encrypted, signature string) bool {
	parts := []string{r.token.Reveal(), timestamp, nonce, encrypted}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	want := make([]byte, hex.EncodedLen(len(sum)))
	hex.Encode(want, sum[:])
	return subtle.ConstantTimeCompare(want, []byte(signature)) == 1
}

// read takes what is of use from the message.
func read(message []byte) (Push, error) {
	fields, err := flatten(message, 8)
	if err != nil {
		return Push{}, refused("the message is not the XML it should be")
	}
	var p Push
	if word := fields["InfoType"]; len(word) <= wordLimit && visible(word) {
		p.InfoType = word
	}
	if s, err := strconv.ParseInt(fields["CreateTime"], 10, 64); err == nil && s > 0 && s < 1<<40 {
		p.CreatedAt = time.Unix(s, 0).UTC()
	}
	if p.InfoType != TicketPush {
		return p, nil
	}
	t := fields["ComponentVerifyTicket"]
	if t == "" || len(t) > longest || !visible(t) {
		return Push{}, refused("the message has no ticket")
	}
	p.Ticket = secret.New(t)
	return p, nil
}

func visible(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

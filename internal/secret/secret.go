// Package secret holds and hides credentials: a value that cannot print, its sealing at rest, the
// comparison of API keys, and the scrubbing of log lines.
//
// It must not read the environment, a clock or a file, must not know what a secret is for, and must
// never put a secret's value into an error. Randomness is the one thing it takes from outside.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// Hidden is what stands wherever a secret would have been printed.
const Hidden = "[hidden]"

// Text is a value that shows itself only to Reveal. Its zero value is "none".
//
// The value sits behind a pointer because fmt cannot call the methods of an unexported field: there
// it prints the address, where a named string type would print the secret. Two Texts are compared
// with Equal; == compares addresses.
type Text struct{ p *string }

// New hides s. New("") is none.
func New(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{p: &s}
}

// Reveal is the value itself, "" for none. What it returns can be printed: keep it short-lived.
func (t Text) Reveal() string {
	if t.p == nil {
		return ""
	}
	return *t.p
}

// IsZero reports whether t is none. encoding/json's omitzero asks it too.
func (t Text) IsZero() bool { return t.p == nil || *t.p == "" }

// Equal compares values in a time that tells nothing but their lengths. go-cmp asks it too.
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// Fingerprint is 12 hex digits of the value's SHA-256, to tell tokens apart; "" for none. It is no
// place to hide a value that can be guessed.
func (t Text) Fingerprint() string {
	if t.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(t.Reveal()))
	return hex.EncodeToString(sum[:6])
}

// Format answers every verb of fmt, so that %d and %x show nothing either.
func (Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// String is what a panic with a Text and what plain concatenation show.
func (Text) String() string { return Hidden }

// GoString is what %#v shows where a printer does not ask Format.
func (Text) GoString() string { return Hidden }

// LogValue is what slog writes.
func (Text) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalText is what encoding/xml and its like write: a secret never leaves through an encoder.
func (Text) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// MarshalJSON is what encoding/json writes.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Hidden + `"`), nil }

// UnmarshalText reads a value. Encoding is one-way, decoding is not: upstream answers bring secrets.
func (t *Text) UnmarshalText(b []byte) error {
	*t = New(string(b))
	return nil
}

var errBinary = errors.New("secret: a hidden value has no binary form")

// GobEncode refuses: gob has no text to write [hidden] into that a reader would not take for a value.
func (Text) GobEncode() ([]byte, error) { return nil, errBinary }

// GobDecode refuses, as nothing can have been encoded.
func (*Text) GobDecode([]byte) error { return errBinary }

package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Credential is a key pair that may call DTS; Token makes it a temporary one.
type Credential struct {
	ID, Key, Token string
	Until          time.Time // when a temporary one ends; zero: never
}

// Fingerprint is how the log names the credential.
func (c Credential) Fingerprint() string { return Fingerprint(c.ID + "\n" + c.Token) }

// authorization is an Authorization header of TC3-HMAC-SHA256.
type authorization struct {
	id, date, service string
	signed            []string // names of headers, lower case, in order
	signature         string
}

func parseAuthorization(header string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(header, "TC3-HMAC-SHA256 ")
	if !ok {
		return a, false
	}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 4 || scope[3] != "tc3_request" {
				return a, false
			}
			a.id, a.date, a.service = scope[0], scope[1], scope[2]
		case "SignedHeaders":
			a.signed = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		default:
			return a, false
		}
	}
	return a, a.id != "" && a.signature != "" && a.properlySigned()
}

// properlySigned reports whether the signed headers are at least the two that must be, in order.
func (a authorization) properlySigned() bool {
	ordered := slices.IsSortedFunc(a.signed, strings.Compare)
	return ordered && slices.Contains(a.signed, "content-type") && slices.Contains(a.signed, "host")
}

// tc3 is what a signature is made of.
type tc3 struct {
	key, service string
	timestamp    int64
	signed       []string            // names, lower case, in order
	header       func(string) string // values by lower-case name
	payload      []byte
}

// day is the date of the signature's scope, in UTC.
func (t tc3) day() string { return time.Unix(t.timestamp, 0).UTC().Format(time.DateOnly) }

// sign makes the signature of a POST to / anew.
func (t tc3) sign() string {
	var canonical strings.Builder
	canonical.WriteString("POST\n/\n\n")
	for _, name := range t.signed {
		canonical.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(t.header(name))) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(t.signed, ";") + "\n" + digest(t.payload))
	scope := t.day() + "/" + t.service + "/tc3_request"
	toSign := "TC3-HMAC-SHA256\n" + strconv.FormatInt(t.timestamp, 10) + "\n" + scope + "\n" + digest([]byte(canonical.String()))
	key := mac([]byte("TC3"+t.key), t.day())
	key = mac(mac(key, t.service), "tc3_request")
	return hex.EncodeToString(mac(key, toSign))
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// maxSkew is how far a request's timestamp may be from the clock.
const maxSkew = 5 * time.Minute

// authorize gives the code that refuses a request of DTS, or "". The caller holds mu.
func (e *Emulator) authorize(c *call, timestamp int64) string {
	a, ok := parseAuthorization(c.r.Header.Get("Authorization"))
	if !ok {
		return "AuthFailure.InvalidAuthorization"
	}
	c.Credential = Credential{ID: a.id, Token: c.r.Header.Get("X-TC-Token")}.Fingerprint()
	i := slices.IndexFunc(e.creds, func(k Credential) bool { return k.ID == a.id })
	if i < 0 {
		return "AuthFailure.SecretIdNotFound"
	}
	known := e.creds[i]
	if off := c.At.Sub(time.Unix(timestamp, 0)); !e.options.DTS.AnyTime && (off > maxSkew || off < -maxSkew) {
		return "AuthFailure.SignatureExpire"
	}
	own := tc3{known.Key, "dts", timestamp, a.signed, func(name string) string {
		if name == "host" {
			return c.r.Host // with its port, as it was received
		}
		return strings.Join(c.r.Header.Values(http.CanonicalHeaderKey(name)), ",")
	}, c.body}
	if a.service != "dts" || a.date != own.day() || !hmac.Equal([]byte(own.sign()), []byte(a.signature)) {
		return "AuthFailure.SignatureFailure"
	}
	if c.r.Header.Get("X-TC-Token") != known.Token || !known.Until.IsZero() && !c.At.Before(known.Until) {
		return "AuthFailure.TokenFailure"
	}
	return ""
}

// SetCredentials replaces all that may call DTS, as a rotation does.
func (e *Emulator) SetCredentials(c ...Credential) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, old := range e.creds {
		e.secret(old.Key)
		e.secret(old.Token)
	}
	e.creds = slices.Clone(c)
}

// AddCredential lets one more call DTS.
func (e *Emulator) AddCredential(c Credential) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.creds = append(slices.Clone(e.creds), c)
}

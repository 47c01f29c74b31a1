package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
)

// Role is what a presented API key may do. A greater one may do all a smaller one may.
type Role int

// The roles.
const (
	RoleNone Role = iota
	RoleRead
	RoleAdmin
)

// String names the role.
func (r Role) String() string {
	switch r {
	case RoleRead:
		return "read"
	case RoleAdmin:
		return "admin"
	default:
		return "none"
	}
}

// Keys knows the API keys by their digests only, so that comparing takes the same time whatever is
// presented and however long it is.
type Keys struct{ admin, read [][sha256.Size]byte }

// NewKeys keeps the digests of the keys that are not none.
func NewKeys(admin, read []Text) Keys { return Keys{admin: digests(admin), read: digests(read)} }

func digests(keys []Text) [][sha256.Size]byte {
	var out [][sha256.Size]byte
	for _, k := range keys {
		if !k.IsZero() {
			out = append(out, sha256.Sum256([]byte(k.Reveal())))
		}
	}
	return out
}

// Empty reports whether no key is known at all.
func (k Keys) Empty() bool { return len(k.admin) == 0 && len(k.read) == 0 }

// Role tells what presented may do. Every known key is compared, also after one has matched.
func (k Keys) Role(presented string) Role {
	sum := sha256.Sum256([]byte(presented))
	admin, read := among(k.admin, sum), among(k.read, sum)
	switch {
	case admin == 1:
		return RoleAdmin
	case read == 1:
		return RoleRead
	default:
		return RoleNone
	}
}

func among(known [][sha256.Size]byte, sum [sha256.Size]byte) int {
	found := 0
	for i := range known {
		found |= subtle.ConstantTimeCompare(known[i][:], sum[:])
	}
	return found
}

// Format keeps the digests out of print: a short key could be guessed from one.
func (Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// GenerateAPIKey makes a key for MIGWATCH_ADMIN_KEYS or MIGWATCH_READ_KEYS: 256 random bits in the
// URL alphabet, with a prefix by which scanners and people know it.
func GenerateAPIKey() Text { return New("mwk_" + base64.RawURLEncoding.EncodeToString(random())) }

// GenerateEncryptionKey makes a key for MIGWATCH_ENCRYPTION_KEYS.
func GenerateEncryptionKey() Text { return New(base64.StdEncoding.EncodeToString(random())) }

func random() []byte {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return b
}

package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// sealVersion begins every sealed value, so that a later scheme can tell its own from these.
const sealVersion = "mw1"

// keySize is AES-256's.
const keySize = 32

// What Seal and Open answer; none of them shows a value.
var (
	ErrNoKey      = errors.New("secret: no encryption key is set")
	ErrUnknownKey = errors.New("secret: sealed with an encryption key that is not set")
	ErrMalformed  = errors.New("secret: not a sealed value")
	ErrForged     = errors.New("secret: the sealed value was changed or belongs to another row")
)

// Keyring seals values for storing: AES-256-GCM under the first key, opened by any. A nil *Keyring
// has no key: it seals and opens nothing but none.
type Keyring struct {
	first string
	keys  map[string]cipher.AEAD
}

// NewKeyring takes base64 of 32 bytes each, standard or URL alphabet, padded or not. Without keys it
// gives nil. The error names every key that cannot be, by its place in the list.
func NewKeyring(keys []Text) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	ring := &Keyring{keys: make(map[string]cipher.AEAD, len(keys))}
	var bad []error
	for i, k := range keys {
		id, aead, err := readKey(k)
		switch {
		case err != nil:
			bad = append(bad, fmt.Errorf("key %d of %d: %w", i+1, len(keys), err))
		case ring.keys[id] != nil:
			bad = append(bad, fmt.Errorf("key %d of %d: given twice", i+1, len(keys)))
		default:
			ring.keys[id] = aead
			if ring.first == "" {
				ring.first = id
			}
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return ring, nil
}

var errKey = fmt.Errorf("not base64 of exactly %d bytes", keySize)

func readKey(k Text) (string, cipher.AEAD, error) {
	s := strings.TrimRight(strings.TrimSpace(k.Reveal()), "=")
	s = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	raw, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(raw) != keySize {
		return "", nil, errKey // base64's own error would tell where the value is odd
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return "", nil, errKey
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return "", nil, errKey
	}
	sum := sha256.Sum256(append([]byte("migwatch key id\x00"), raw...))
	return hex.EncodeToString(sum[:4]), aead, nil
}

// CanSeal reports whether there is a key.
func (r *Keyring) CanSeal() bool { return r != nil && r.first != "" }

// KeyID names the key that seals, "" without one. It is a digest and no secret.
func (r *Keyring) KeyID() string {
	if r == nil {
		return ""
	}
	return r.first
}

// Seal makes text to store in that table and row, and nowhere else: Open asks for the same two. None
// is sealed as "".
func (r *Keyring) Seal(plain Text, table, row string) (string, error) {
	if plain.IsZero() {
		return "", nil
	}
	if !r.CanSeal() {
		return "", ErrNoKey
	}
	aead := r.keys[r.first]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain.Reveal())+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: it ends the process instead
	box := aead.Seal(nonce, nonce, []byte(plain.Reveal()), place(r.first, table, row))
	return sealVersion + "." + r.first + "." + base64.RawURLEncoding.EncodeToString(box), nil
}

// Open gives back what Seal sealed for the same table and row, under any of the keys.
func (r *Keyring) Open(sealed, table, row string) (Text, error) {
	if sealed == "" {
		return Text{}, nil
	}
	id, body, ok := split(sealed)
	if !ok {
		return Text{}, ErrMalformed
	}
	if !r.CanSeal() {
		return Text{}, ErrNoKey
	}
	aead := r.keys[id]
	if aead == nil {
		return Text{}, fmt.Errorf("%w (its ID is %s)", ErrUnknownKey, id)
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(box) < aead.NonceSize()+aead.Overhead() {
		return Text{}, ErrMalformed
	}
	n := aead.NonceSize()
	plain, err := aead.Open(nil, box[:n], box[n:], place(id, table, row))
	if err != nil {
		return Text{}, ErrForged
	}
	return New(string(plain)), nil
}

// NeedsRekey reports whether sealed should be opened and sealed anew, as it is not under the first key.
func (r *Keyring) NeedsRekey(sealed string) bool {
	if sealed == "" || !r.CanSeal() {
		return false
	}
	id, _, ok := split(sealed)
	return !ok || id != r.first
}

// split takes a sealed value apart. A key ID of another shape than ours is not repeated in errors.
func split(sealed string) (id, body string, ok bool) {
	rest, ok := strings.CutPrefix(sealed, sealVersion+".")
	if !ok {
		return "", "", false
	}
	id, body, ok = strings.Cut(rest, ".")
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 4 || strings.ToLower(id) != id {
		return "", "", false
	}
	return id, body, ok
}

// place is the associated data. Lengths go first, so that no two places spell the same bytes.
func place(parts ...string) []byte {
	b := []byte(sealVersion)
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// A ticket stands for an API key until it ends: what a browser keeps in place of the key. It is the end, a
// nonce, so that no two are the same and each can be ended by itself, and an HMAC of both under the key's digest, so any instance knows it without keeping state or a
// secret of the server's own, it says nothing of the key, and it dies with the key.

const (
	ticketPrefix  = "t2."
	ticketPurpose = "migwatch ticket 2"
	ticketHead    = 8 + 8 // bytes of the end and the nonce
)

var ticketText = base64.RawURLEncoding.Strict()

// Ticket makes a ticket for presented that ends at until, in whole seconds; none for an unknown key.
func (k Keys) Ticket(presented string, until time.Time) Text {
	if k.Role(presented) == RoleNone {
		return Text{}
	}
	sum := sha256.Sum256([]byte(presented))
	head := make([]byte, ticketHead)
	binary.BigEndian.PutUint64(head, uint64(until.Unix()))
	_, _ = rand.Read(head[8:]) // never fails: it ends the process instead
	return New(ticketPrefix + ticketText.EncodeToString(append(head, ticketMAC(sum, head)...)))
}

// TicketRole tells what a ticket's bearer may do at now. Every known key is tried, also after one fits.
func (k Keys) TicketRole(ticket string, now time.Time) Role {
	text, ok := strings.CutPrefix(ticket, ticketPrefix)
	raw, err := ticketText.DecodeString(text)
	if !ok || err != nil || len(raw) != ticketHead+sha256.Size {
		return RoleNone
	}
	head, mac := raw[:ticketHead], raw[ticketHead:]
	role := RoleNone
	for _, known := range []struct {
		keys [][sha256.Size]byte
		role Role
	}{{k.read, RoleRead}, {k.admin, RoleAdmin}} {
		for _, sum := range known.keys {
			if hmac.Equal(mac, ticketMAC(sum, head)) {
				role = known.role
			}
		}
	}
	if int64(binary.BigEndian.Uint64(head)) <= now.Unix() {
		return RoleNone
	}
	return role
}

func ticketMAC(key [sha256.Size]byte, head []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(ticketPurpose))
	h.Write(head)
	return h.Sum(nil)
}

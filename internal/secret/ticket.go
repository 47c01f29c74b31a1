package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// A ticket stands for an API key until it ends: what a browser keeps in place of the key. It is the
// end and an HMAC of it under the key's digest, so any instance knows it without keeping state or a
// secret of the server's own, it says nothing of the key, and it dies with the key.

const (
	ticketPrefix  = "t1."
	ticketPurpose = "migwatch ticket 1"
)

var ticketText = base64.RawURLEncoding.Strict()

// Ticket makes a ticket for presented that ends at until, in whole seconds; none for an unknown key.
func (k Keys) Ticket(presented string, until time.Time) Text {
	if k.Role(presented) == RoleNone {
		return Text{}
	}
	sum := sha256.Sum256([]byte(presented))
	end := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return New(ticketPrefix + ticketText.EncodeToString(append(end, ticketMAC(sum, end)...)))
}

// TicketRole tells what a ticket's bearer may do at now. Every known key is tried, also after one fits.
func (k Keys) TicketRole(ticket string, now time.Time) Role {
	text, ok := strings.CutPrefix(ticket, ticketPrefix)
	raw, err := ticketText.DecodeString(text)
	if !ok || err != nil || len(raw) != 8+sha256.Size {
		return RoleNone
	}
	end, mac := raw[:8], raw[8:]
	role := RoleNone
	for _, known := range []struct {
		keys [][sha256.Size]byte
		role Role
	}{{k.read, RoleRead}, {k.admin, RoleAdmin}} {
		for _, sum := range known.keys {
			if hmac.Equal(mac, ticketMAC(sum, end)) {
				role = known.role
			}
		}
	}
	if int64(binary.BigEndian.Uint64(end)) <= now.Unix() {
		return RoleNone
	}
	return role
}

func ticketMAC(key [sha256.Size]byte, end []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte(ticketPurpose))
	h.Write(end)
	return h.Sum(nil)
}

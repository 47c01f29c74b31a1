package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"migwatch/internal/job"
)

// A cursor is a place in one list: which list, a digest of what chose its rows, and two numbers. It is
// no secret and grants nothing; the digest only keeps a place in one list from being taken for a place
// in another.
type cursor struct {
	list list
	of   [8]byte
	a, b int64
}

// list is a kind of list.
type list byte

const (
	jobsList    list = 'j' // a: changed_at in UTC milliseconds, b: row
	historyList list = 'h' // a: seq
)

const cursorVersion = 1

var cursorText = base64.RawURLEncoding.Strict()

var errCursor = errors.New("is not a cursor of this list; start again without one")

// String gives the cursor in the URL alphabet, at most 52 characters.
func (c cursor) String() string {
	b := make([]byte, 0, 2+8+2*binary.MaxVarintLen64)
	b = append(b, cursorVersion, byte(c.list))
	b = append(b, c.of[:]...)
	b = binary.AppendVarint(b, c.a)
	b = binary.AppendVarint(b, c.b)
	return cursorText.EncodeToString(b)
}

// parseCursor takes only what String gives.
func parseCursor(s string) (cursor, error) {
	b, err := cursorText.DecodeString(s)
	if err != nil || len(b) < 10 || b[0] != cursorVersion {
		return cursor{}, errCursor
	}
	c := cursor{list: list(b[1]), of: [8]byte(b[2:10])}
	var n int
	b = b[10:]
	if c.a, n = binary.Varint(b); n <= 0 {
		return cursor{}, errCursor
	}
	b = b[n:]
	if c.b, n = binary.Varint(b); n <= 0 || n != len(b) || c.String() != s {
		return cursor{}, errCursor
	}
	return c, nil
}

// readCursor is parseCursor for one list and one choice of its rows.
func readCursor(s string, l list, of [8]byte) (cursor, error) {
	c, err := parseCursor(s)
	if err != nil || c.list != l || c.of != of || c.a < 0 || c.b < 0 {
		return cursor{}, errCursor
	}
	return c, nil
}

// digest tells choices of rows apart.
func digest(parts ...string) [8]byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return [8]byte(h.Sum(nil))
}

func placeCursor(p job.Place, of [8]byte) string {
	return cursor{jobsList, of, p.ChangedAt.UnixMilli(), p.Row}.String()
}

func (c cursor) place() *job.Place {
	return &job.Place{ChangedAt: time.UnixMilli(c.a).UTC(), Row: c.b}
}

package web

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"migwatch/internal/job"
)

var cursorText = base64.RawURLEncoding.Strict()

const cursorVersion = 1

// encodeCursor writes a place in the list of jobs for a URL. It is no secret and grants nothing.
func encodeCursor(p job.Place) string {
	b := []byte{cursorVersion}
	b = binary.AppendVarint(b, p.ChangedAt.UnixMilli())
	b = binary.AppendVarint(b, p.Row)
	return cursorText.EncodeToString(b)
}

// decodeCursor takes only what encodeCursor gives. nil is the start of the list: a page asked for with
// a cursor of another age shows that.
func decodeCursor(s string) *job.Place {
	b, err := cursorText.DecodeString(s)
	if err != nil || len(b) < 3 || b[0] != cursorVersion {
		return nil
	}
	at, n := binary.Varint(b[1:])
	if n <= 0 || at < 0 {
		return nil
	}
	row, m := binary.Varint(b[1+n:])
	p := &job.Place{ChangedAt: time.UnixMilli(at).UTC(), Row: row}
	if m <= 0 || row < 0 || encodeCursor(*p) != s {
		return nil
	}
	return p
}

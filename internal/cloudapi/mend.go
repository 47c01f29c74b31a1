package cloudapi

import (
	"bytes"
	"fmt"
)

var byteOrderMark = []byte("\ufeff")

// mend repairs the two faults that upstreams make in JSON whose meaning is clear all the same: a byte
// order mark before it, and control characters that stand unescaped inside a string, as they do where a
// job's error text was copied from a file. Everything else stays as it is, and what is not JSON stays so.
func mend(b []byte) []byte {
	b = bytes.TrimPrefix(b, byteOrderMark)
	var mended []byte // nil until the first repair
	kept := 0         // b up to here is in mended
	inString, escaped := false, false
	for i, c := range b {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = inString
		case c == '"':
			inString = !inString
		case inString && c < ' ':
			mended = fmt.Appendf(append(mended, b[kept:i]...), `\u%04x`, c)
			kept = i + 1
		}
	}
	if kept == 0 {
		return b
	}
	return append(mended, b[kept:]...)
}

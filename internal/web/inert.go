package web

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many bytes of a text from outside a page shows, and how many a list does.
const (
	maxSaid  = 2 << 10
	maxBrief = 400
)

// inert makes a text from outside safe to stand beside ours: html/template escapes it, and here the
// characters that show as nothing but change how the rest is read (bidirectional controls, zero
// widths, terminal controls) become their code points in brackets.
func inert(s string) string { return inertTo(s, maxSaid) }

// brief is inert for lists.
func brief(s string) string { return inertTo(s, maxBrief) }

func inertTo(s string, most int) string {
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029', unicode.Is(unicode.Co, r):
			fmt.Fprintf(&b, "[U+%04X]", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

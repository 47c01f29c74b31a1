package cloudapi

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"migwatch/internal/secret"
)

// TextLimit is the most bytes an upstream's text keeps.
const TextLimit = 2 << 10

// Clean makes an upstream's text fit to store and show: without NUL and invalid UTF-8, and cut
// between characters after at most limit bytes.
func Clean(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// Scrub takes secrets out of a text that an upstream wrote: an error may quote the request back.
func Scrub(s string, secrets ...secret.Text) string {
	if s == "" {
		return s
	}
	for _, t := range secrets {
		if t.IsZero() {
			continue
		}
		raw := t.Reveal()
		quoted, _ := json.Marshal(raw)
		for _, form := range []string{raw, url.QueryEscape(raw), url.PathEscape(raw), strings.Trim(string(quoted), `"`)} {
			s = strings.ReplaceAll(s, form, secret.Hidden)
		}
	}
	return s
}

// Sendable reports whether t can go into a URL or a header as it is: visible ASCII of a sane length.
// What cannot is a mistake of configuration, and net/http's word for it would be no help.
func Sendable(t secret.Text) bool {
	s := t.Reveal()
	if s == "" || len(s) > 4096 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

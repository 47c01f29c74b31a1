package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// finder finds any of many patterns in one pass. Its first question, one bit for four bytes, is
// answered no almost everywhere, so that a clean line costs a look at each byte however many secrets
// are known.
type finder struct {
	bits     [1 << 13]byte // 65,536 bits, by the hash of a pattern's first four bytes
	patterns map[uint32][][]byte
}

func newFinder(values []string) *finder {
	f := &finder{patterns: make(map[uint32][][]byte)}
	seen := make(map[string]bool)
	for _, v := range values {
		for _, form := range forms(v) {
			if len(form) < minScrubbed || seen[form] {
				continue
			}
			seen[form] = true
			k := binary.LittleEndian.Uint32([]byte(form))
			h := hash(k)
			f.bits[h>>3] |= 1 << (h & 7)
			f.patterns[k] = append(f.patterns[k], []byte(form))
		}
	}
	for _, ps := range f.patterns {
		slices.SortFunc(ps, func(a, b []byte) int { return len(b) - len(a) })
	}
	return f
}

func hash(k uint32) uint32 { return k * 2654435761 >> 16 }

// longest is the length of the longest pattern that begins p, 0 for none.
func (f *finder) longest(p []byte) int {
	k := binary.LittleEndian.Uint32(p)
	if h := hash(k); f.bits[h>>3]&(1<<(h&7)) == 0 {
		return 0
	}
	for _, pattern := range f.patterns[k] {
		if bytes.HasPrefix(p, pattern) {
			return len(pattern)
		}
	}
	return 0
}

// scrub gives p itself where nothing is found. Secrets that overlap are blotted out as one.
func (f *finder) scrub(p []byte) []byte {
	var out []byte
	done, start, end := 0, -1, 0 // p[:done] is in out; p[start:end] is to be hidden
	for i := 0; i+4 <= len(p); i++ {
		if start >= 0 && i >= end {
			out = append(append(out, p[done:start]...), Hidden...)
			done, start = end, -1
		}
		n := f.longest(p[i:])
		if n == 0 {
			continue
		}
		if start < 0 {
			start = max(done, i-danglingEscape(p[:i]))
		}
		end = max(end, i+n)
	}
	if start >= 0 {
		out = append(append(out, p[done:start]...), Hidden...)
		done = end
	}
	if done == 0 {
		return p
	}
	return append(out, p[done:]...)
}

// danglingEscape is 1 where before ends in a backslash that escapes what follows: it must go with it,
// or the line would be no JSON any more.
func danglingEscape(before []byte) int {
	return (len(before) - len(bytes.TrimRight(before, `\`))) & 1
}

// forms are the ways v may look in a line.
func forms(v string) []string {
	out := []string{v, url.QueryEscape(v), url.PathEscape(v), hex.EncodeToString([]byte(v))}
	out = append(out, strings.ToUpper(out[3]))
	for _, once := range escaped(v) {
		out = append(out, once)
		out = append(out, escaped(once)...) // JSON or a %q inside a JSON line
	}
	return append(out, base64Forms(v)...)
}

func escaped(v string) []string {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a string always encodes
	html, _ := json.Marshal(v)
	quoted := []string{strings.TrimSuffix(plain.String(), "\n"), string(html), strconv.Quote(v), strconv.QuoteToASCII(v)}
	for i, q := range quoted {
		quoted[i] = q[1 : len(q)-1]
	}
	return quoted
}

// base64Forms are the characters v alone decides at each of the three places it may have in a longer
// encoded text; slog and encoding/json print a []byte so.
func base64Forms(v string) []string {
	var out []string
	for pad := range 3 {
		raw := append(make([]byte, pad), v...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString(raw)
			s = s[(pad*8+5)/6 : len(raw)*8/6]
			if len(s) >= 8 {
				out = append(out, s)
			}
		}
	}
	return out
}

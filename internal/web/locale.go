package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed texts/*.json
var textFiles embed.FS

// catalog is every text of the pages in one language.
type catalog struct {
	Tag   string // for <html lang>
	name  string // for cookies
	texts map[string]string
}

// languages by what a cookie and the first part of a browser's tag say. The first is for those who ask
// for none of them.
var languages = []struct{ name, tag string }{{"en", "en"}, {"zh", "zh-CN"}}

var catalogs = sync.OnceValue(func() map[string]*catalog {
	all := map[string]*catalog{}
	for _, l := range languages {
		raw, err := textFiles.ReadFile("texts/" + l.name + ".json")
		c := &catalog{Tag: l.tag, name: l.name}
		if err == nil {
			err = json.Unmarshal(raw, &c.texts)
		}
		if err != nil {
			panic(err) // a test reads them all
		}
		all[l.name] = c
	}
	return all
})

func chooseCatalog(r *http.Request) *catalog {
	if c, err := r.Cookie(langCookie); err == nil && catalogs()[c.Value] != nil {
		return catalogs()[c.Value]
	}
	return catalogs()[acceptedLanguage(r.Header.Get("Accept-Language"))]
}

// acceptedLanguage is the language of ours that the header likes best (RFC 9110 §12.5.4).
func acceptedLanguage(header string) string {
	best, bestQ := languages[0].name, 0.0
	for i, part := range strings.Split(header, ",") {
		if i == 50 {
			break
		}
		tag, params, _ := strings.Cut(part, ";")
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		known := slices.ContainsFunc(languages, func(l struct{ name, tag string }) bool { return l.name == base })
		if q := quality(params); known && q > bestQ {
			best, bestQ = base, q
		}
	}
	return best
}

func quality(params string) float64 {
	name, value, ok := strings.Cut(strings.TrimSpace(params), "=")
	if !ok || strings.TrimSpace(name) != "q" {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

// T is the text of key with args put in. A key that is missing shows itself; a test looks for those.
func (c *catalog) T(key string, args ...any) string {
	text, ok := c.texts[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(args) == 0 {
		return text
	}
	for i, a := range args {
		switch n := a.(type) {
		case int64:
			args[i] = grouped(n)
		case int:
			args[i] = grouped(int64(n))
		}
	}
	return fmt.Sprintf(text, args...)
}

// N is the text of key for n things: key.one or key.other, with n put in.
func (c *catalog) N(key string, n int64) string {
	if n == 1 {
		return c.T(key+".one", n)
	}
	return c.T(key+".other", n)
}

// Phase, Advice and the like are texts whose key comes from a word.
func (c *catalog) word(group string, word any) string { return c.T(group + "." + fmt.Sprint(word)) }

// grouped writes n with a comma between thousands, as both languages do.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 3
	if n < 0 {
		start = 4
	}
	for i := len(s) - 3; i > start-3; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Span writes how long, in the two largest units that tell.
func (c *catalog) Span(d time.Duration) string {
	d = max(d, 0)
	s := int64(d / time.Second)
	units := []struct {
		key string
		n   int64
	}{{"unit.d", s / 86400}, {"unit.h", s / 3600 % 24}, {"unit.m", s / 60 % 60}, {"unit.s", s % 60}}
	for i, u := range units {
		if u.n == 0 && i < len(units)-1 {
			continue
		}
		text := c.T(u.key, u.n)
		// Seconds beside ten minutes tell nothing.
		if i+1 < len(units) && units[i+1].n > 0 && !(u.key == "unit.m" && u.n >= 10) {
			text += " " + c.T(units[i+1].key, units[i+1].n)
		}
		return text
	}
	return ""
}

// Ago writes how long before now t was.
func (c *catalog) Ago(t, now time.Time) string { return c.T("ago", c.Span(now.Sub(t))) }

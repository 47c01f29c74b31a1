package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/width"

	"migwatch/client"
	"migwatch/internal/app"
)

// printJSON writes v as one line. A file's URL is a bearer credential and leaves only by the API.
func printJSON(w io.Writer, v any) error {
	line, err := lineOf(v)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}

// lineOf is v as a line of JSON, with no control character in it but the line's end.
func lineOf(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return app.EscapeControls(b.Bytes()), err
}

// withoutURL is j as it may be printed.
func withoutURL(j client.Job) client.Job {
	if j.File != nil {
		f := *j.File
		f.URL = nil
		j.File = &f
	}
	return j
}

// list writes a JSON array as its items come.
type list struct {
	w io.Writer
	n int
}

func (l *list) add(v any) error {
	before := ",\n"
	if l.n == 0 {
		before = "["
	}
	l.n++
	line, err := lineOf(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "%s%s", before, bytes.TrimSuffix(line, []byte("\n")))
	return err
}

func (l *list) end() error {
	after := "]\n"
	if l.n == 0 {
		after = "[]\n"
	}
	_, err := io.WriteString(l.w, after)
	return err
}

// columns is how many columns of a terminal s takes: Chinese characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r == 0x200d || r >= 0x300 && r < 0x370 || r >= 0xfe00 && r < 0xfe10: // joined to what stands before
		return 0
	case r >= 0x1f300 && r < 0x1fb00:
		return 2
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clip shortens s to n columns, with … for what is missing.
func clip(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	at, taken := 0, 1
	for i, r := range s {
		if taken += runeColumns(r); taken > n {
			break
		}
		at = i + len(string(r))
	}
	return s[:at] + "…"
}

// pad fills s up to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-columns(s))) }

// plain is an upstream's or a person's text as it may go to a terminal: no escape sequences, no line
// breaks, no direction overrides. Cells of tables and rows of CSV go through it by themselves; JSON escapes.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029:
			return ' '
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c, r == 0xfeff, r == 0xfffd:
			return -1
		}
		return r
	}, s)
}

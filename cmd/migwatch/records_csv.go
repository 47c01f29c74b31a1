package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// csvColumns are what CSV without a header has.
var csvColumns = []string{"provider", "scope", "job_id", "label", "paused"}

// csv reads columns by their names, whatever their order; others are ignored.
func (p *parser) csv(b []byte, comma rune) {
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = comma
	r.FieldsPerRecord = -1
	r.Comment = '#'
	header := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		line := 0
		if err != nil {
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				line, err = bad.Line, bad.Err
			}
			p.wrong(line, err)
			return
		}
		line, _ = r.FieldPos(0)
		if len(header) == 0 {
			if named(row, header) {
				continue
			}
		}
		p.row(line, row, header)
	}
}

// named reads a header, or supposes the usual one where row is none.
func named(row []string, header map[string]int) bool {
	for i, name := range row {
		header[strings.ToLower(strings.TrimSpace(name))] = i
	}
	_, provider := header["provider"]
	_, id := header["job_id"]
	if header["key"] == 0 && strings.EqualFold(strings.TrimSpace(row[0]), "key") || id && (provider || len(row) == 1) {
		return true
	}
	clear(header)
	for i, name := range csvColumns {
		header[name] = i
	}
	return false
}

func (p *parser) row(line int, row []string, header map[string]int) {
	field := func(name string) (string, bool) {
		i, ok := header[name]
		if !ok || i >= len(row) {
			return "", false
		}
		return row[i], true
	}
	key, ok := field("key")
	if !ok {
		provider, _ := field("provider")
		scope, _ := field("scope")
		id, _ := field("job_id")
		key = strings.TrimSpace(provider) + "/" + strings.TrimSpace(scope) + "/" + strings.TrimSpace(id)
	}
	var label *string
	if text, ok := field("label"); ok {
		text = uncell(text)
		label = &text
	}
	var paused *bool
	if text, _ := field("paused"); strings.TrimSpace(text) != "" {
		yes, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
		if err != nil {
			p.wrong(line, fmt.Errorf("paused is %q, not true or false", text))
			return
		}
		paused = &yes
	}
	p.add(line, key, label, paused)
}

// Spreadsheets run cells that begin like a formula. A leading ' keeps them texts; it is added to what
// begins with one of these, with or without ' before, and taken away from the same, so that every label
// comes back as it was.
const formulas = "=+-@\t\r\n＝＋－＠"

func formula(s string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, "'"))
	return strings.ContainsRune(formulas, first)
}

func cellOf(s string) string {
	if formula(s) {
		return "'" + s
	}
	return s
}

func uncell(s string) string {
	if s != "" && s[0] == '\'' && formula(s) {
		return s[1:]
	}
	return s
}

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"migwatch/client"
)

// record is a job to watch as a file names it; nil is not said.
type record struct {
	key    client.Key
	label  *string
	paused *bool
}

func (r record) change() client.Change { return client.Change{Label: r.label, Paused: r.paused} }

// maxFile bounds a list of jobs: some hundred thousand.
const maxFile = 64 << 20

// badLines is all that is wrong with a file.
type badLines []string

func (b badLines) Error() string {
	const shown = 20
	lines := []string(b)
	if n := len(lines) - shown; n > 0 {
		lines = append(slices.Clone(lines[:shown]), fmt.Sprintf("… and %d more", n))
	}
	return "nothing was done, because of\n" + strings.Join(lines, "\n")
}

// readRecords reads a list of jobs in any of the forms people have: CSV with or without a header, JSON
// (one object a line, or one array) as export and jobs --json write it, or a KEY a line with a label
// behind it. All that is wrong is told at once.
func readRecords(r io.Reader, name string) ([]record, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	switch {
	case len(b) > maxFile:
		return nil, fmt.Errorf("%s has more than %d MiB", name, maxFile>>20)
	case !utf8.Valid(b):
		return nil, fmt.Errorf("%s is not UTF-8; save it as UTF-8 and try again", name)
	}
	p := &parser{name: name}
	switch first := firstLine(b); {
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["):
		p.json(b)
	case strings.Contains(first, ",") && !strings.Contains(strings.SplitN(first, ",", 2)[0], "/"):
		p.csv(b)
	case slices.Contains([]string{"key", "job_id"}, strings.ToLower(first)):
		p.csv(b)
	default:
		p.lines(b)
	}
	if len(p.bad) > 0 {
		return nil, p.bad
	}
	return p.records, nil
}

// firstLine is the first line that says something.
func firstLine(b []byte) string {
	for line := range bytes.Lines(b) {
		if s := strings.TrimSpace(string(line)); s != "" && !strings.HasPrefix(s, "#") {
			return s
		}
	}
	return ""
}

type parser struct {
	name    string
	records []record
	bad     badLines
}

func (p *parser) wrong(line int, err error) {
	p.bad = append(p.bad, fmt.Sprintf("%s:%d: %v", p.name, line, err))
}

// add takes a record whose key has been read.
func (p *parser) add(line int, key string, label *string, paused *bool) {
	k, err := keyOf(key)
	if err != nil {
		p.wrong(line, err)
		return
	}
	if label != nil && utf8.RuneCountInString(*label) > maxLabel {
		p.wrong(line, fmt.Errorf("the label has more than %d characters", maxLabel))
		return
	}
	p.records = append(p.records, record{k, label, paused})
}

// maxLabel is the API's, told here before anything is done.
const maxLabel = 200

// lines reads KEY [LABEL] lines; # begins a comment.
func (p *parser) lines(b []byte) {
	scan := bufio.NewScanner(bytes.NewReader(b))
	scan.Buffer(nil, 1<<20)
	for n := 1; scan.Scan(); n++ {
		text := strings.TrimSpace(scan.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		key, label, more := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
		if label = strings.TrimSpace(label); more && label != "" {
			p.add(n, key, &label, nil)
			continue
		}
		p.add(n, key, nil, nil)
	}
	if err := scan.Err(); err != nil {
		p.wrong(0, err)
	}
}

// object is a job as JSON: of export, of jobs --json, or of the API.
type object struct {
	Key      string  `json:"key"`
	Provider string  `json:"provider"`
	Scope    string  `json:"scope"`
	JobID    idText  `json:"job_id"`
	Label    *string `json:"label"`
	Paused   *bool   `json:"paused"`
}

// idText takes a number too: WeChat's own answers have job IDs as numbers.
type idText string

func (t *idText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if string(b) == "null" {
		return nil
	}
	if _, err := strconv.ParseInt(string(b), 10, 64); err != nil {
		return errors.New("job_id is neither a text nor a whole number")
	}
	*t = idText(b)
	return nil
}

func (p *parser) json(b []byte) {
	list := bytes.TrimSpace(b)
	if list[0] == '[' {
		var objects []object
		if err := json.Unmarshal(list, &objects); err != nil {
			p.wrong(1, fmt.Errorf("no JSON list of jobs: %w", err))
			return
		}
		for i, o := range objects {
			p.object(i+1, o)
		}
		return
	}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var o object
		if err := json.Unmarshal(line, &o); err != nil {
			p.wrong(n, fmt.Errorf("no JSON object on this line: %w", err))
			continue
		}
		p.object(n, o)
	}
}

func (p *parser) object(line int, o object) {
	if o.Key == "" {
		o.Key = o.Provider + "/" + o.Scope + "/" + string(o.JobID)
	}
	p.add(line, o.Key, o.Label, o.Paused)
}

// csvColumns are what CSV without a header has.
var csvColumns = []string{"provider", "scope", "job_id", "label", "paused"}

// csv reads columns by their names, whatever their order; others are ignored.
func (p *parser) csv(b []byte) {
	r := csv.NewReader(bytes.NewReader(b))
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
	_, id := header["job_id"]
	_, key := header["key"]
	if id || key {
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

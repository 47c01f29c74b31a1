package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"migwatch/client"
	"migwatch/internal/job"
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
	case slices.Contains([]string{"key", "job_id"}, strings.ToLower(first)):
		p.csv(b, ',')
	case separator(first) != 0:
		p.csv(b, separator(first))
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

// separator is what stands between the cells of a first line of CSV, 0 where it is none: a first cell
// with a / in it is a key with its label behind.
func separator(first string) rune {
	i := strings.IndexAny(first, ",;\t")
	if i < 0 || strings.Contains(first[:i], "/") {
		return 0
	}
	return rune(first[i])
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
	if place, ok := strings.CutSuffix(key, "/"+everyJob); ok {
		var places []client.Key
		if places, err = placesOf([]string{place}, true); err == nil {
			k = client.Key{Provider: places[0].Provider, Scope: places[0].Scope, JobID: everyJob}
		}
	}
	if err != nil {
		p.wrong(line, err)
		return
	}
	if label != nil {
		if err := job.CheckLabel(*label); err != nil {
			p.wrong(line, err)
			return
		}
	}
	p.records = append(p.records, record{k, label, paused})
}

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

// json reads objects one behind the other, over as many lines as they take, or lists of them; # begins a
// comment before the first.
func (p *parser) json(b []byte) {
	start := 0
	for line := range bytes.Lines(b) {
		if s := bytes.TrimSpace(line); len(s) > 0 && s[0] != '#' {
			break
		}
		start += len(line)
	}
	in := json.NewDecoder(bytes.NewReader(b[start:]))
	for {
		rest := bytes.TrimLeft(b[start+int(in.InputOffset()):], " \t\r\n")
		line := 1 + bytes.Count(b[:len(b)-len(rest)], []byte("\n"))
		var raw json.RawMessage
		err := in.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = p.value(line, raw)
		}
		if err != nil {
			p.wrong(line, fmt.Errorf("no JSON of jobs: %w", err))
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
			return // where the next value begins is not known
		}
	}
}

// value is a job, a list of jobs, or a page of them as the API gives it.
func (p *parser) value(line int, raw json.RawMessage) error {
	var objects []object
	var page struct {
		Items *[]object `json:"items"`
	}
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &objects); err != nil {
			return err
		}
	} else if err := json.Unmarshal(raw, &page); err != nil {
		return err
	} else if page.Items != nil {
		objects = *page.Items
	} else {
		var one object
		if err := json.Unmarshal(raw, &one); err != nil {
			return err
		}
		objects = append(objects, one)
	}
	for _, o := range objects {
		p.object(line, o)
	}
	return nil
}

func (p *parser) object(line int, o object) {
	if o.Key == "" {
		o.Key = o.Provider + "/" + o.Scope + "/" + string(o.JobID)
	}
	p.add(line, o.Key, o.Label, o.Paused)
}

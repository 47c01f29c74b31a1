package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// SyntaxError says what is wrong with a script, and where.
type SyntaxError struct {
	Line   int // from 1
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

const (
	longest = 1000 * time.Hour // of any time in a script
	mostOf  = 10_000_000       // jobs of one bulk rule
)

// Parse reads a script. Its errors are *SyntaxError. A block begins with a line that names a job or an API,
// and goes on with lines that begin with a time:
//
//	# A comment runs to the end of its line.
//	dts ap-shanghai dts-1kl0iy0v "orders to TencentDB"
//	  0s starting
//	  5s running 10%
//	  15s throttle for 20s
//	  40s finished check=0 code=-1 "The database table you selected does not exist."
//
//	wechat test2-4a89da 100071736 export start
//	  0s waiting
//	  6s migrating 120/0
//	  9s success 3000/0 "导出完成." file
//	  repeat every 2m
//
//	dts ap-guangzhou dts-load-%05d x 10000
//
//	dts-migration ap-shanghai dts-1kl0iy0v "orders"
//	  0s checking
//	  5s checkPass
//	  9s running 40%
//	  20s readyComplete 100% lag=2
//
//	api wechat
//	  30s error 45011 for 10s
//
// Times count from the job's first poll, or with the word start from the emulator's; an API's always
// from the emulator's. Before its first state a job is unavailable (dts) or waiting (wechat). After the
// status a state may have NN%, SUCCEEDED/FAILED, check=, code= or any FIELD=JSON (none leaves the field
// out), a "message", and the word file. A bare finished is one that passed. The faults are listed at Fault.
func Parse(text string) (Script, error) {
	var p parser
	for i, line := range strings.Split(text, "\n") {
		p.line = i + 1
		words, err := split(strings.TrimSuffix(line, "\r"))
		if err == nil && len(words) > 0 {
			err = p.take(words)
		}
		if err == nil && p.block != nil {
			err = p.fits()
		}
		if err != nil {
			return Script{}, &SyntaxError{p.line, err.Error()}
		}
	}
	return p.script, nil
}

type parser struct {
	script Script
	block  *Block // the last of the script's
	line   int
	seen   map[string]int // jobs and APIs, and the lines that named them
}

func (p *parser) take(words []word) error {
	first := words[0].text
	switch {
	case words[0].quoted:
		return fmt.Errorf("a line begins with dts, dts-migration, dts-sync, wechat, api, repeat or a time, not with %q", first)
	case first == string(DTS), first == string(DTSMigration), first == string(DTSSync), first == string(WeChat), first == "api":
		return p.header(words)
	case p.block == nil:
		return fmt.Errorf("%q comes before the first line that names a job or an API", first)
	case first == "repeat":
		return p.repeat(words[1:])
	}
	at, err := parseDuration(first)
	if err != nil {
		return err
	}
	if n := len(p.block.Steps); n > 0 && p.block.Steps[n-1].At > at {
		return fmt.Errorf("%s comes after %s", first, p.block.Steps[n-1].At)
	}
	if len(words) == 1 {
		return fmt.Errorf("nothing happens at %s", first)
	}
	step, err := p.step(words[1:])
	step.At = at
	p.block.Steps = append(p.block.Steps, step)
	return err
}

// fits checks what hangs on more than one line.
func (p *parser) fits() error {
	b := p.block
	if n := len(b.Steps); b.Repeat > 0 && n > 0 && b.Steps[n-1].At >= b.Repeat {
		return fmt.Errorf("%s is not before the repetition at %s", b.Steps[n-1].At, b.Repeat)
	}
	return nil
}

func (p *parser) repeat(words []word) error {
	if len(words) != 2 || words[0] != (word{text: "every"}) || words[1].quoted {
		return fmt.Errorf("write: repeat every 2m")
	}
	d, err := parseDuration(words[1].text)
	if err == nil && d < time.Millisecond {
		err = fmt.Errorf("%s is too short to repeat", words[1].text)
	}
	p.block.Repeat = d
	return err
}

func (p *parser) step(words []word) (Step, error) {
	if !words[0].quoted && faultWords[words[0].text] {
		f, err := parseFault(words, p.block.API)
		return Step{Fault: f}, err
	}
	if p.block.ID == "" {
		return Step{}, fmt.Errorf("%q is not a fault, and an API has no state", words[0].text)
	}
	s, err := parseState(words, p.block)
	return Step{State: s}, err
}

var (
	percent = regexp.MustCompile(`^[0-9]{1,9}%$`)
	records = regexp.MustCompile(`^[0-9]{1,18}/[0-9]{1,18}$`)
	setting = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}=`)
)

func parseState(words []word, b *Block) (*State, error) {
	s := &State{Status: words[0].text}
	if !words[0].quoted && !plainWord(s.Status) {
		return nil, fmt.Errorf("%q is neither a status nor a fault; a status with such characters is put in quotes", s.Status)
	}
	for _, w := range words[1:] {
		switch {
		case w.quoted && s.Message == "":
			s.Message = w.text
		case w.quoted:
			return nil, fmt.Errorf("a second message %q", w.text)
		case percent.MatchString(w.text) && b.API.ofDTS() && s.Percent == "":
			s.Percent = strings.TrimSuffix(w.text, "%")
		case records.MatchString(w.text) && b.API == WeChat && s.Records == "":
			s.Records = w.text
		case w.text == "file" && b.API == WeChat && b.Kind != "import" && !s.File:
			s.File = true
		case setting.MatchString(w.text):
			f, err := parseField(w.text, b.API)
			if err != nil {
				return nil, err
			}
			s.Set = append(s.Set, f)
		default:
			return nil, fmt.Errorf("%q has no place in a state of %s here", w.text, b.API)
		}
	}
	return s, nil
}

func parseField(text string, api API) (Field, error) {
	name, value, _ := strings.Cut(text, "=")
	var compact bytes.Buffer
	if value == "none" {
		compact.WriteString(value)
	} else if err := json.Compact(&compact, []byte(value)); err != nil {
		return Field{}, fmt.Errorf("%s: the value is neither JSON nor none", text)
	}
	if long := shortNames[name]; long != "" && api.ofDTS() {
		name = long
	}
	return Field{name, compact.String()}, nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > longest {
		return 0, fmt.Errorf("%q is not a time such as 0s, 15s or 2m30s", s)
	}
	return d, nil
}

func parseCount(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("%q is not a number from %d to %d", s, least, most)
	}
	return n, nil
}

// word is one word of a line; quoted ones stand for their content.
type word struct {
	text   string
	quoted bool
}

func split(line string) ([]word, error) {
	var words []word
	for {
		line = strings.TrimLeft(line, " \t")
		switch {
		case line == "" || line[0] == '#':
			return words, nil
		case line[0] == '"':
			prefix, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("a quoted text does not end, or has a wrong escape")
			}
			text, _ := strconv.Unquote(prefix)
			if line = line[len(prefix):]; line != "" && line[0] != ' ' && line[0] != '\t' {
				return nil, fmt.Errorf("no blank after %s", prefix)
			}
			words = append(words, word{text, true})
		default:
			n := plainEnd(line)
			words = append(words, word{text: line[:n]})
			line = line[n:]
		}
	}
}

// plainEnd is where the word ends that line begins with. Blanks inside quotes belong to it: Name="a b".
func plainEnd(line string) int {
	inside := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			inside = !inside
		case c == '\\' && inside:
			i++
		case (c == ' ' || c == '\t') && !inside:
			return i
		}
	}
	return len(line)
}

package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with the settings, and what to do about it.
type Problem struct {
	Setting string // the environment variable's name
	Text    string // one line, without the value of a secret
}

// Error lists all that is wrong with the settings.
type Error struct{ Problems []Problem }

// Error gives one line for each problem, the setting's name first.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		lines = append(lines, p.Setting+": "+p.Text)
	}
	return strings.Join(lines, "\n")
}

// problems collects; settings are judged on after the first that is wrong.
type problems struct{ list []Problem }

func (p *problems) add(setting, format string, args ...any) {
	p.list = append(p.list, Problem{Setting: printable(setting), Text: fmt.Sprintf(format, args...)})
}

// has reports whether something is already wrong with the setting, so that it is not blamed twice.
func (p *problems) has(setting string) bool {
	for _, q := range p.list {
		if q.Setting == setting {
			return true
		}
	}
	return false
}

// printable keeps an odd name on one line.
func printable(name string) string {
	odd := func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }
	if strings.IndexFunc(name, odd) >= 0 {
		return strconv.QuoteToASCII(name)
	}
	return name
}

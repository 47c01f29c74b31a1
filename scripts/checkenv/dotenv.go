package main

import (
	"fmt"
	"regexp"
	"strings"
)

var assignment = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$`)

// dotenv reads a file as the deployment tool's own reader does, and complains where that reader would
// silently take something else than what was meant.
func dotenv(text string) (values map[string]string, problems []string) {
	values = map[string]string{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		m := assignment.FindStringSubmatch(line)
		if m == nil {
			problems = append(problems, fmt.Sprintf(".env line %d: is not NAME=value; comments begin with #", number))
			continue
		}
		name, value := m[1], m[2]
		if _, twice := values[name]; twice {
			problems = append(problems, fmt.Sprintf("%s: is in .env twice; the last would count: keep one", name))
		}
		quoted := len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0]
		switch {
		case quoted:
			value = value[1 : len(value)-1]
		case strings.Contains(value, " #"), strings.HasPrefix(value, "#"):
			problems = append(problems, fmt.Sprintf("%s: has a # after a blank in .env; the tool takes it as part of the value: put comments on lines of their own, or the value in quotes", name))
		}
		values[name] = value
	}
	return values, problems
}

package main

import (
	"regexp"
	"slices"
	"strings"
)

// deployment is what serverless.yml wants from the environment.
type deployment struct {
	references []string                     // every NAME of ${env:NAME}
	functions  map[string]map[string]string // function, key, text as it stands in the file
}

var (
	reference = regexp.MustCompile(`\$\{env:([A-Za-z0-9_.-]+)\}`)
	function  = regexp.MustCompile(`^    ([a-z][a-z0-9-]*):\s*$`)
	setting   = regexp.MustCompile(`^\s*-\s*\{\s*key:\s*"?([A-Za-z0-9_]+)"?\s*,\s*value:\s*"?([^"]*?)"?\s*\}\s*$`)
)

// parseDeployment reads the lines of our own serverless.yml; the file's whole meaning is checked with
// the deployment tool's reader, in test/deploy.
func parseDeployment(text string) deployment {
	d := deployment{functions: map[string]map[string]string{}}
	section, current := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, m := range reference.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(d.references, m[1]) {
				d.references = append(d.references, m[1])
			}
		}
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") {
			section, current = strings.TrimSuffix(strings.TrimSpace(line), ":"), ""
		}
		if section != "functions" {
			continue
		}
		if m := function.FindStringSubmatch(line); m != nil {
			current = m[1]
			d.functions[current] = map[string]string{}
		}
		if m := setting.FindStringSubmatch(line); m != nil && current != "" {
			d.functions[current][m[1]] = m[2]
		}
	}
	return d
}

// resolve gives a function's settings with values in place.
func (d deployment) resolve(name string, values map[string]string) map[string]string {
	env := map[string]string{}
	for key, text := range d.functions[name] {
		env[key] = reference.ReplaceAllStringFunc(text, func(ref string) string {
			return values[reference.FindStringSubmatch(ref)[1]]
		})
	}
	return env
}

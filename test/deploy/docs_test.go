package deploy

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	fence    = regexp.MustCompile("(?ms)^ *```([a-z]*)\n(.*?)^ *```$")
	target   = regexp.MustCompile(`\bmake ([a-z][a-z -]*)`)
	linked   = regexp.MustCompile(`\]\(([^)h][^)]*)\)`)
	numbered = regexp.MustCompile(`(?m)^(\d+)\. \*\*`)
)

func fences(text string) (blocks []string) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		var lines []string
		for line := range strings.Lines(m[2]) {
			lines = append(lines, strings.TrimSpace(line))
		}
		blocks = append(blocks, m[1]+"\n"+strings.Join(lines, "\n"))
	}
	return blocks
}

// TestBothLanguagesSayTheSame compares what people copy: commands, numbers and steps.
func TestBothLanguagesSayTheSame(t *testing.T) {
	english, chinese := string(read(t, "docs/deploy.md")), string(read(t, "docs/deploy.zh-CN.md"))
	if diff := cmp.Diff(fences(english), fences(chinese)); diff != "" {
		t.Error(diff)
	}
	figures := regexp.MustCompile(`(?m)^\| 10*,?0*.*$`)
	digits := regexp.MustCompile(`[0-9]+(?:[.,][0-9]+)*`)
	if diff := cmp.Diff(digits.FindAllString(strings.Join(figures.FindAllString(english, -1), ""), -1), digits.FindAllString(strings.Join(figures.FindAllString(chinese, -1), ""), -1)); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{"deploy.md": english, "deploy.zh-CN.md": chinese} {
		if n := strings.Count(text, "\n"); n > 250 {
			t.Errorf("%s has %d lines, more than 250", name, n)
		}
		if n := len(numbered.FindAllString(text, -1)); n != 10 {
			t.Errorf("%s has %d steps, not ten", name, n)
		}
	}
}

// TestDocsNameWhatIsThere: targets, files and commands in the pages exist, and the policy is the file's.
func TestDocsNameWhatIsThere(t *testing.T) {
	text := string(read(t, "docs/deploy.md"))
	makefile := string(read(t, "Makefile"))
	for _, m := range target.FindAllStringSubmatch(strings.Join(code(text), "\n"), -1) {
		for _, name := range strings.Fields(m[1]) {
			if !strings.Contains(makefile, "\n"+name+":") {
				t.Errorf("make %s is not in the Makefile", name)
			}
		}
	}
	for _, m := range linked.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(root, "docs", m[1])); err != nil {
			t.Error(err)
		}
	}
	var policyText string
	for _, block := range fences(text) {
		if strings.HasPrefix(block, "json\n") {
			policyText = strings.TrimPrefix(block, "json\n")
		}
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	if squeeze(policyText) != squeeze(string(read(t, "deploy/cam-policy.json"))) {
		t.Error("the policy in docs/deploy.md is not deploy/cam-policy.json")
	}
}

// code is what stands in fences and backquotes.
func code(text string) []string {
	found := fences(text)
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// TestCosts does the page's arithmetic again.
func TestCosts(t *testing.T) {
	const (
		ticks, most  = 60 * 24 * 30, 1019 // a month's; polls of one tick
		idle, full   = 0.05, 52.0         // seconds
		rate, memory = 19.6, 0.125
		query        = 432000 * 0.02 * memory
		sent         = 2e3 // bytes a poll
		base         = 12.80
	)
	text := string(read(t, "docs/deploy.md"))
	thousands := func(n float64) string {
		s := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	}
	for _, jobs := range []float64{100, 1000, 10000} {
		for load, looks := range map[string]float64{"usual": jobs * (60 + 96), "busy": jobs * ticks} {
			seconds := math.Round(looks/rate) + ticks*idle
			if looks > ticks*most {
				looks, seconds = ticks*most, ticks*full
			}
			usage, traffic := math.Round(seconds*memory+query), math.Round(looks*sent/1e8)/10
			cost := base + max(0, usage-100000)*0.00011108 + max(0, traffic-2)*0.80
			row := regexp.MustCompile(`(?m)^\| ` + thousands(jobs) + `, ` + load + ` .*$`).FindString(text)
			for _, want := range []string{thousands(looks), thousands(seconds), thousands(usage), fmt.Sprintf("%.2f |", cost)} {
				if !strings.Contains(row, want) {
					t.Errorf("%v %s: no %s in %q", jobs, load, want, row)
				}
			}
		}
	}
}

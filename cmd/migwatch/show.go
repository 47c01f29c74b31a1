package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"migwatch/client"
)

// phases in the order they are shown.
var phases = []client.Phase{client.ActionRequired, client.Running, client.Pending, client.Failed, client.Partial, client.Succeeded, client.Canceled, client.Missing, client.Unknown}

// phaseStyles is how a phase shows itself: shape, word and colour.
var phaseStyles = map[client.Phase]struct {
	sign  string
	style style
}{
	client.Pending:        {"○", dim},
	client.Running:        {"◐", blue},
	client.Succeeded:      {"✓", green},
	client.Partial:        {"◑", yellow},
	client.Failed:         {"✗", red},
	client.ActionRequired: {"!", yellow},
	client.Canceled:       {"⊘", dim},
	client.Missing:        {"∅", purple},
	client.Unknown:        {"?", yellow},
}

// phaseWord is a phase as a person reads it. What dts tells of is a check before a migration, so its ends
// say so and nothing of the migration itself.
func phaseWord(provider string, p client.Phase) string {
	switch {
	case provider == client.DTS && p == client.Succeeded:
		return "check passed"
	case provider == client.DTS && p == client.Failed:
		return "check not passed"
	case p == client.ActionRequired:
		return "action required"
	}
	return string(p)
}

// stateWord is j's phase as a person reads it, or that no poll has seen it yet.
func stateWord(j client.Job) string {
	if j.Latest == nil {
		return "not seen yet"
	}
	return phaseWord(j.Provider, j.Phase)
}

// phaseCell has the sign only where a person reads it: scripts get the word.
func phaseCell(word string, p client.Phase, terminal bool) cell {
	l := phaseStyles[p]
	if terminal && l.sign != "" {
		word = l.sign + " " + word
	}
	return cell{word, l.style}
}

// progressOf is how far j has come. A check that is over shows nothing: it would be read as the migration's.
func progressOf(j client.Job) string {
	if j.Provider == client.DTS && j.Final {
		return "-"
	}
	return progress(j.Latest)
}

// progress is how far s has come: percent, or records.
func progress(s *client.Snapshot) string {
	switch {
	case s == nil:
		return "-"
	case s.Progress != nil:
		return strconv.FormatInt(*s.Progress, 10) + "%"
	case s.RecordsSucceeded != nil && s.RecordsFailed != nil && *s.RecordsFailed > 0:
		return fmt.Sprintf("%d ok, %d failed", *s.RecordsSucceeded, *s.RecordsFailed)
	case s.RecordsSucceeded != nil:
		return fmt.Sprintf("%d ok", *s.RecordsSucceeded)
	}
	return "-"
}

// note is what a person should know beside the phase.
func note(j client.Job) string {
	var parts []string
	if j.Paused {
		parts = append(parts, "paused")
	}
	if l := j.Lag; l != nil && l.Seconds != nil {
		parts = append(parts, fmt.Sprintf("lag %ds", *l.Seconds))
	}
	if what := todo(j); what != "" {
		parts = append(parts, what)
	}
	if e := j.Polling.LastError; e != nil {
		parts = append(parts, fmt.Sprintf("polls fail ×%d: %s", j.Polling.Failures, failure(*e)))
	}
	if j.Latest != nil && j.Latest.Message != "" && j.Phase != client.Running && j.Phase != client.Pending {
		parts = append(parts, plain(j.Latest.Message))
	}
	return strings.Join(parts, "; ")
}

// todo is what a person is to do about a job that waits for one.
func todo(j client.Job) string {
	if j.Phase != client.ActionRequired || j.Latest == nil {
		return ""
	}
	switch strings.ToLower(j.Latest.Status) {
	case "readycomplete", "8":
		return "complete it in the console; until then it copies on and is billed"
	case "checkpass", "4":
		return "its check passed: start it in the console"
	case "checknotpass", "5":
		return "its check did not pass: change it in the console"
	case "manualpaused", "paused":
		return "paused in the console: resume it there"
	}
	return "an error stopped it: retry it in the console"
}

// nameOf is what a person calls j: its label here, or else its name there.
func nameOf(j client.Job) string {
	if j.Label == "" && j.Name != nil {
		return plain(*j.Name)
	}
	return j.Label
}

func failure(e client.Failure) string {
	text := e.Kind
	if e.Code != "" {
		text += " " + plain(e.Code)
	}
	if e.Message != "" {
		text += " (" + plain(e.Message) + ")"
	}
	return text
}

// ago is how long d is, in at most two units.
func ago(d time.Duration) string {
	d = max(d, 0)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days >= 10:
		return fmt.Sprintf("%dd", days)
	case days > 0:
		return two(days, "d", hours, "h")
	case hours > 0:
		return two(hours, "h", minutes, "m")
	case minutes > 0:
		return two(minutes, "m", seconds, "s")
	}
	return fmt.Sprintf("%ds", seconds)
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unitA)
	}
	return fmt.Sprintf("%d%s%d%s", a, unitA, b, unitB)
}

// clock is an instant as a person here reads it.
func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

// span reads a length of time; days too, which Go's own has not.
func span(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 && n < 36500 {
			return time.Duration(n * float64(24*time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is before now", s)
	}
	return d, err
}

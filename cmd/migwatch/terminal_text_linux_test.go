package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"migwatch/internal/job"
)

// hostile is what a terminal would obey: a window's title, a reset, the one-character introducer of
// sequences, a line that is written over.
const hostile = "one\x1b]0;owned\x07two\x1bcthree\u009b31mfour\x7ffive\rsix\nseven\u202eeight"

// own is what the command itself draws with.
var own = regexp.MustCompile(`\x1b\[\??[0-9;]*[mKHJhl]`)

// Whatever a database has of other people's texts, a terminal only shows it.
func TestTerminalObeysNoText(t *testing.T) {
	t.Parallel()
	dir, db, _ := slowJob(t)
	k := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-slow"}
	ctx, label := t.Context(), hostile
	if _, _, err := db.Watch(ctx, k, job.Change{Label: &label}); err != nil {
		t.Fatal(err)
	}
	for _, failure := range []error{nil, &job.PollError{Kind: job.Invalid, Code: hostile, Message: hostile, RequestID: hostile}} {
		if _, err := db.PollNow(ctx, k); err != nil {
			t.Fatal(err)
		}
		claims, err := db.Claim(ctx, k.Budget(), 1, time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(len(claims), err)
		}
		seen := &job.Observation{Phase: job.Failed, Status: hostile, Message: hostile, RequestID: hostile}
		if failure != nil {
			seen = nil
		}
		if ok, err := db.Record(ctx, []job.Outcome{job.Settle(claims[0], seen, failure, time.Now())}); err != nil || !ok[0] {
			t.Fatal(ok, err)
		}
	}
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte(k.String()+" "+strings.ReplaceAll(hostile, "\n", "")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ command, shows string }{
		{"jobs", "one"},
		{"jobs --watch --every 100ms", "one"},
		{"jobs --json", `four\u007ffive`},
		{"history " + k.String(), "one"},
		{"history " + k.String() + " --csv", "seven"},
		{"history " + k.String() + " --json", `three\u009b31m`},
		{"export", "seven"},
		{"export --output /dev/stdout", "seven"},
		{"export --format ndjson", `three\u009b31m`},
		{"export --json", `three\u009b31m`},
		{"wait " + k.String(), "one"},
		{"wait " + k.String() + " --json", `three\u009b31m`},
		{"watch " + k.String() + " --json", `three\u009b31m`},
		{"import " + list, "has control characters"},
		{"watch " + k.String() + " --label " + strings.ReplaceAll(hostile, "\n", ""), "has control characters"},
	} {
		cmd, drawn, keyboard := onTerminal(t, dir, []string{"COLUMNS=200"}, strings.Split(test.command, " ")...)
		if strings.Contains(test.command, "--every") {
			until(t, test.shows, func() bool { return strings.Contains(drawn(), test.shows) })
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
		_ = cmd.Wait()
		if _, err := keyboard.WriteString("echo\n"); err != nil {
			t.Fatal(err)
		}
		until(t, "all that was drawn", func() bool { return strings.HasSuffix(drawn(), "echo\r\n") })
		text := own.ReplaceAllString(drawn(), "")
		if !strings.Contains(text, test.shows) {
			t.Errorf("%s does not show %q: %q", test.command, test.shows, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			line = strings.TrimRight(line, "\r") // the live view has line ends of its own
			if strings.ContainsFunc(line, unicode.IsControl) || strings.HasPrefix(line, "seven") {
				t.Errorf("%s: %q", test.command, line)
			}
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

var (
	docFence  = regexp.MustCompile("(?ms)^ *```[a-z]*\n(.*?)^ *```$")
	docInline = regexp.MustCompile("`((?:go run \\./cmd/)?migwatch [^`\n]+)`")
	docLine   = regexp.MustCompile(`(?:go run \./cmd/|\b)migwatch\b`)
)

// documented are the command lines of a page that people may copy: those in fences and in backquotes.
func documented(page string) (lines []string) {
	for _, m := range docFence.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
			if docLine.MatchString(line) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	for _, m := range docInline.FindAllStringSubmatch(docFence.ReplaceAllString(page, ""), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// commands lets a shell read line, without any program to run, and gives the arguments of each migwatch in it.
func commands(t *testing.T, line string) (found [][]string) {
	t.Helper()
	const shim = `migwatch() { printf '%s\0' "$@" >&3; printf '\n\0' >&3; }; go() { [ "$2" = ./cmd/migwatch ] || return 0; shift 2; migwatch "$@"; }
`
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "/bin/sh", "-c", shim+line)
	sh.Dir, sh.Env, sh.ExtraFiles = t.TempDir(), []string{"PATH=/nowhere"}, []*os.File{in}
	_ = sh.Run() // what is not migwatch is not there
	_ = in.Close()
	all, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = out.Close()
	var args []string
	for _, arg := range bytes.Split(all, []byte{0}) {
		if string(arg) == "\n" {
			found, args = append(found, args), nil
			continue
		}
		args = append(args, string(arg))
	}
	return found
}

// parses gives what the command itself has against args.
func parses(args []string) (err error) {
	defer func() {
		if end, ok := recover().(exited); ok && end != 0 {
			err = fmt.Errorf("exit status %d", int(end))
		}
	}()
	app := kong.Must(&cli{}, kong.Writers(io.Discard, io.Discard), kong.Exit(func(code int) { panic(exited(code)) }), kong.ExplicitGroups(groups))
	_, err = app.Parse(args)
	return err
}

// TestDocumentedCommands reads every command line of the pages as the command does, and runs those that end by
// themselves on a database like the demo's.
func TestDocumentedCommands(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range append(pages, "../../README.md", "../../README.zh-CN.md", "../../CONTRIBUTING.md") {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range documented(string(page)) {
			for _, args := range commands(t, line) {
				n++
				if err := parses(args); err != nil {
					t.Errorf("%s: %s: %v", filepath.Base(name), line, err)
					continue
				}
				runsHere(t, filepath.Base(name)+": "+line, args)
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d command lines found", n)
	}
}

// A page with something wrong in it is noticed.
func TestWrongDocumentationIsNoticed(t *testing.T) {
	for line, want := range map[string]string{
		"migwatch jobs --phases failed":                               "unknown flag",
		"MIGWATCH_DATABASE_URL='sqlite:x' go run ./cmd/migwatch jbos": "unexpected argument jbos",
		"x=$(migwatch key --encrypt)":                                 "unknown flag",
		"migwatch serve --every often":                                "--every",
		"migwatch jobs --phase failed | head":                         "",
	} {
		found := commands(t, line)
		if len(found) != 1 {
			t.Fatalf("%s: %q", line, found)
		}
		if err := parses(found[0]); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", line, err, want)
		}
	}
	if got := documented("Say `migwatch jobs -q x`.\n```sh\nA=b \\\n  go run ./cmd/migwatch poll # now\n```\n"); len(got) != 2 {
		t.Errorf("found %q", got)
	}
}

// runsHere runs one command line in a folder whose database watches some jobs. What serves for ever, works on
// a server, calls somebody or tells what is wrong by design is not run.
func runsHere(t *testing.T, what string, args []string) {
	t.Helper()
	line := strings.Join(args, " ")
	if len(args) == 0 || strings.Contains(line, "--server") || line == "notify test" || map[string]bool{"demo": true, "serve": true, "doctor": true}[args[0]] {
		return
	}
	dir := t.TempDir()
	db, err := store.Open(secret.New("sqlite:"+filepath.Join(dir, "migwatch.db")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, k := range []job.Key{{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1kl0iy0v"}, {Provider: job.WeChat, Scope: "test2-4a89da", ID: "100071736"}} {
		if _, _, err := db.Watch(t.Context(), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = []string{"MIGWATCH_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0", "MIGWATCH_WECHAT_URL=http://127.0.0.1:1", "MIGWATCH_DTS_URL=http://127.0.0.1:1",
		"MIGWATCH_RETENTION_EVENTS=30", "MIGWATCH_ENCRYPTION_KEYS=" + secret.GenerateEncryptionKey().Reveal()}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", what, err, out)
	}
}

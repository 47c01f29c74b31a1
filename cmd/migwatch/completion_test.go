package main

import (
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func testModel(t *testing.T) model {
	t.Helper()
	app, err := kong.New(&cli{}, kong.Name("migwatch"), kong.ExplicitGroups(groups), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	return modelOf(app.Model)
}

// complete asks a real bash what it would offer.
func complete(t *testing.T, script, line string) []string {
	t.Helper()
	words := strings.Split(line, " ")
	cmd := exec.Command("bash", "--norc", "-c", `
migwatch() { echo dts/ap-shanghai/dts-1; }
eval "$SCRIPT"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_migwatch
printf '%s\n' "${COMPREPLY[@]}"`, "bash")
	cmd.Args = append(cmd.Args, words...)
	cmd.Env = append(cmd.Environ(), "SCRIPT="+script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

func TestBashCompletes(t *testing.T) {
	script := testModel(t).bash()
	for line, want := range map[string]string{
		"migwatch wa":                         "watch wait",
		"migwatch --ser":                      "--server",
		"migwatch jobs --ph":                  "--phase",
		"migwatch jobs --phase f":             "failed",
		"migwatch --server http://x jobs --w": "--watch",
		"migwatch export --format ":           "csv ndjson",
		"migwatch history d":                  "dts/ap-shanghai/dts-1",
		"migwatch wait dts/ap-shanghai/":      "dts/ap-shanghai/dts-1",
		"migwatch completion z":               "zsh",
		"migwatch jobs --limit ":              "",
		"migwatch history --order ":           "desc asc",
	} {
		if got := strings.Join(complete(t, script, line), " "); got != want {
			t.Errorf("%q offers %q, not %q", line, got, want)
		}
	}
}

// Each command and each of its flags is in every script, and what is quoted stays so.
func TestCompletionsAreWhole(t *testing.T) {
	m := testModel(t)
	zsh, fish := m.zsh(), m.fish()
	for _, c := range m.commands {
		if !strings.Contains(zsh, "("+c.name+") items=(") || !strings.Contains(fish, "-a "+c.name+" -d ") {
			t.Errorf("%s is missing", c.name)
		}
		for _, f := range c.flags {
			if !strings.Contains(zsh, "'--"+f.name+":") || !strings.Contains(fish, "-l "+f.name) {
				t.Errorf("%s --%s is missing", c.name, f.name)
			}
		}
	}
	for i, line := range strings.Split(fish, "\n") {
		if strings.Count(strings.NewReplacer(`\\`, "", `\'`, "").Replace(line), "'")%2 != 0 {
			t.Errorf("fish:%d: a quote is open: %s", i+1, line)
		}
	}
}

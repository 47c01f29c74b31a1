package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// offered asks the command, as a shell does, what may come next.
func offered(t *testing.T, dir, line string) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Dir, cmd.Env = dir, []string{"MIGWATCH_TEST_COMMAND=1", "COMP_LINE=" + line, "GORACE=atexit_sleep_ms=0"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	list := strings.Fields(string(out))
	slices.Sort(list)
	return list
}

func TestCompletions(t *testing.T) {
	t.Parallel()
	dir, _, _ := slowJob(t)
	if err := os.WriteFile(dir+"/list.csv", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"migwatch wa":                         "wait watch",
		"migwatch --ser":                      "--server",
		"migwatch jobs --ph":                  "--phase",
		"migwatch jobs --phase f":             "failed",
		"migwatch --server http://x jobs --w": "--watch",
		"migwatch export --format ":           "csv ndjson",
		"migwatch history d":                  "dts/ap-shanghai/dts-slow",
		"migwatch wait dts/ap-shanghai/":      "dts/ap-shanghai/dts-slow",
		"migwatch completion z":               "zsh",
		"migwatch jobs --limit ":              "",
		"migwatch history --order ":           "asc desc",
		"migwatch import li":                  "list.csv",
		"migwatch watch --file li":            "list.csv",
	} {
		if got := strings.Join(offered(t, dir, line), " "); got != want {
			t.Errorf("%q offers %q, not %q", line, got, want)
		}
	}
}

// TestBashCompletes has a real bash read the script and complete a line by it.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	if got := completions["bash"]; got != "complete -o default -C migwatch migwatch\n" {
		t.Error(got)
	}
	cmd := exec.Command("bash", "--norc", "-c", `eval "$SCRIPT"; complete -p migwatch`)
	cmd.Env = append(cmd.Environ(), "SCRIPT="+completions["bash"])
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "-C") {
		t.Errorf("%v: %s", err, out)
	}
}

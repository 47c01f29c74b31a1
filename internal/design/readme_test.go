package design_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"migwatch/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var readmes = []string{"README.md", "README.zh-CN.md"}

func TestReadmesNameEverySetting(t *testing.T) {
	for _, name := range readmes {
		text := read(t, name)
		for _, s := range config.All() {
			if !strings.Contains(text, "`"+s.Name+"`") {
				t.Errorf("%s does not name %s", name, s.Name)
			}
		}
		for _, found := range regexp.MustCompile("MIGWATCH_[A-Z_]+").FindAllString(text, -1) {
			if !known(found) {
				t.Errorf("%s names %s, which is no setting", name, found)
			}
		}
		if n := strings.Count(text, "\n"); n > 200 {
			t.Errorf("%s has %d lines", name, n)
		}
	}
	example := read(t, ".env.example")
	for _, found := range regexp.MustCompile(`(?m)^[^#\n]*\$\{env:(\w+)\}`).FindAllStringSubmatch(read(t, "serverless.yml"), -1) {
		if !strings.Contains(example, "\n"+found[1]+"=") {
			t.Errorf(".env.example lacks %s", found[1])
		}
		for _, name := range readmes {
			if strings.HasPrefix(found[1], "DEPLOY_") && !strings.Contains(read(t, name), "`"+found[1]+"`") {
				t.Errorf("%s does not name %s", name, found[1])
			}
		}
	}
}

func known(name string) bool {
	for _, s := range config.All() {
		if name == s.Name || name == s.Name+"_FILE" {
			return true
		}
	}
	return false
}

// TestReadmesLinksLead: every file a README points to is there.
func TestReadmesLinksLead(t *testing.T) {
	for _, name := range readmes {
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(top, link[1])); err != nil {
				t.Errorf("%s points to %s: %v", name, link[1], err)
			}
		}
	}
}

// TestReadmesExamplesRun runs the commands of "Use it on your own machine" as they stand, and checks
// that the other examples name what there is. The demo has a test of its own, in cmd/migwatch.
func TestReadmesExamplesRun(t *testing.T) {
	for _, name := range readmes {
		text := read(t, name)
		for _, command := range []string{"go run ./cmd/migwatch demo", "go test ./...", "curl http://127.0.0.1:8080/v1/jobs", "make deploy-ready"} {
			if !strings.Contains(text, "\n"+command+"\n") {
				t.Errorf("%s lacks %q", name, command)
			}
		}
	}
	if !strings.Contains(read(t, "Makefile"), "\ndeploy-ready:") {
		t.Error("make deploy-ready is no target")
	}
	block := regexp.MustCompile("(?s)```sh\n(export MIGWATCH_DATABASE_URL=sqlite:migwatch.db\n.*?)```").FindStringSubmatch(read(t, "README.md"))
	if block == nil {
		t.Fatal("README.md has no example for one machine")
	}
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(block[1], "sqlite:migwatch.db", "sqlite:"+filepath.Join(t.TempDir(), "migwatch.db")) + "go run ./cmd/migwatch jobs --json\n"
	cmd := exec.Command("bash", "-euc", script)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var jobs []struct {
		JobID string `json:"job_id"`
		Label string `json:"label"`
	}
	list := string(out[strings.LastIndex(string(out), "\n[")+1:])
	if err := json.Unmarshal([]byte(list), &jobs); err != nil || len(jobs) != 1 || jobs[0].JobID != "dts-1kl0iy0v" || jobs[0].Label != "orders to TencentDB" {
		t.Errorf("%v, %+v\n%s", err, jobs, out)
	}
}

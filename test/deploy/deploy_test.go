// Package deploy checks what would be deployed: with the deployment tool's own code where Node and its
// packages are here (make check-deploy), and the rest of deploy/ without them. It changes nothing
// outside temporary folders.
package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// needNode skips a test where Node or a package of it is not here, and fails where it must be.
func needNode(t *testing.T, name string) {
	t.Helper()
	missing := ""
	if _, err := exec.LookPath("node"); err != nil {
		missing = "node is not installed"
	} else if _, err := os.Stat(filepath.Join("node_modules", name)); err != nil {
		missing = "node_modules/" + name + " is missing"
	}
	switch {
	case missing == "":
	case os.Getenv("CI") == "true", os.Getenv("MIGWATCH_CHECK_DEPLOY") != "":
		t.Fatalf("%s; run make check-deploy, which installs it", missing)
	default:
		t.Skipf("%s; make check-deploy installs it and runs this", missing)
	}
}

// TestWithTheTool runs the Node tests against a package built here.
func TestWithTheTool(t *testing.T) {
	needNode(t, "@serverless/components")
	if testing.Short() {
		t.Skip("builds the package")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out := packaged(t)
	node := exec.CommandContext(ctx, "node", "--test")
	node.Env = append(os.Environ(), "MIGWATCH_PACKAGE="+filepath.Join(out, "migwatch.zip"))
	b, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if n := regexp.MustCompile(`(?m)^# pass (\d+)$`).FindSubmatch(b); n == nil || string(n[1]) == "0" || !regexp.MustCompile(`(?m)^# skipped 0$`).Match(b) {
		t.Fatalf("not every test ran:\n%s", b)
	}
}

// TestOpenAPIPassesItsLinter lets redocly judge the document that httpapi's own tests compare with what is
// served. It is kept from asking for newer versions of itself.
func TestOpenAPIPassesItsLinter(t *testing.T) {
	needNode(t, "@redocly/cli")
	lint := exec.CommandContext(t.Context(), "node", "node_modules/@redocly/cli/bin/cli.js", "lint", "--max-problems=1000", root+"/internal/httpapi/testdata/openapi.json")
	lint.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	b, err := lint.CombinedOutput()
	if err != nil || !bytes.Contains(b, []byte("Your API description is valid")) || bytes.Contains(b, []byte("Warning was generated")) {
		t.Fatalf("%v\n%s", err, b)
	}
}

type policy struct {
	Version   string
	Statement []struct {
		Effect    string
		Action    []string
		Resource  []string
		Principal map[string][]string
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readPolicy(t *testing.T, name string) policy {
	t.Helper()
	var p policy
	d := json.NewDecoder(strings.NewReader(string(read(t, name))))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if p.Version != "2.0" || len(p.Statement) != 1 || p.Statement[0].Effect != "allow" {
		t.Errorf("%s: %+v", name, p)
	}
	return p
}

// TestLeastPermission: the poller's role may read a migration check and nothing else.
func TestLeastPermission(t *testing.T) {
	p := readPolicy(t, "deploy/cam-policy.json").Statement[0]
	if !slices.Equal(p.Action, []string{"dts:DescribeMigrateCheckJob", "dts:DescribeMigrateJobs", "dts:DescribeMigrationJobs", "dts:DescribeMigrationDetail", "dts:DescribeMigrationCheckJob", "dts:DescribeSyncJobs"}) || !slices.Equal(p.Resource, []string{"*"}) {
		t.Errorf("the role may do %v on %v", p.Action, p.Resource)
	}
	trust := readPolicy(t, "deploy/cam-trust.json").Statement[0]
	if !slices.Equal(trust.Action, []string{"name/sts:AssumeRole"}) || !slices.Equal(trust.Principal["service"], []string{"scf.qcloud.com"}) {
		t.Errorf("the role is for %v", trust.Principal)
	}
}

// TestUnit parses the systemd unit, and lets systemd judge it where it is installed.
func TestUnit(t *testing.T) {
	unit := parseUnit(t, string(read(t, "deploy/migwatch.service")))
	for key, want := range map[string]string{
		"Service.DynamicUser": "yes", "Service.NoNewPrivileges": "yes", "Service.ProtectSystem": "strict", "Service.ProtectHome": "yes",
		"Service.PrivateTmp": "yes", "Service.CapabilityBoundingSet": "", "Service.Restart": "on-failure", "Install.WantedBy": "multi-user.target",
	} {
		if got, ok := unit[key]; !ok || got[len(got)-1] != want {
			t.Errorf("%s is %q, not %q", key, got, want)
		}
	}
	exe, _, _ := strings.Cut(unit["Service.ExecStart"][0], " ")
	if !filepath.IsAbs(exe) {
		t.Errorf("ExecStart %q is no absolute path", exe)
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not installed; the unit was only parsed")
		return
	}
	// The binary is not installed here, and systemd would complain about that alone.
	file := filepath.Join(t.TempDir(), "migwatch.service")
	text := strings.Replace(string(read(t, "deploy/migwatch.service")), "ExecStart="+exe, "ExecStart=/bin/true", 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || len(b) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, b)
	}
}

// TestNoSettingIsFixed: a setting that the image or the unit fixes collides with the same setting read
// from a file, which is how Docker's secrets and systemd's credentials come.
func TestNoSettingIsFixed(t *testing.T) {
	for _, name := range []string{"deploy/Dockerfile", "deploy/migwatch.service"} {
		for line := range strings.Lines(string(read(t, name))) {
			if !strings.HasPrefix(line, "#") && strings.Contains(line, "MIGWATCH_") {
				t.Errorf("%s fixes a setting: %s", name, line)
			}
		}
	}
}

// TestNothingMutableIsNamed: an image or an action that is named by a tag which moves is another one tomorrow.
func TestNothingMutableIsNamed(t *testing.T) {
	exact := regexp.MustCompile(`^(?:scratch|build|[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*(?:@sha256:[0-9a-f]{64})?|[\w./-]+@[0-9a-f]{40}|ubuntu-\d\d\.\d\d)$`)
	named := regexp.MustCompile(`(?m)^ *(?:-? *uses: *|FROM +|container: *|image: *|runs-on: *|COPY --from=)([^\s#]+)`)
	n := 0
	for _, name := range []string{"deploy/Dockerfile", ".github/workflows/ci.yml"} {
		for _, m := range named.FindAllStringSubmatch(string(read(t, name)), -1) {
			if n++; !exact.MatchString(m[1]) {
				t.Errorf("%s: %s may be another one tomorrow", name, m[1])
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d found", n)
	}
	for _, bad := range []string{"golang:1.26", "golang:latest", "actions/checkout@v4", "ubuntu-latest", "golang", "golang:1.26-bookworm", "postgres:16@sha256:abc"} {
		if exact.MatchString(bad) {
			t.Errorf("%s passes", bad)
		}
	}
}

// TestContainerKnowsItsVersion runs the image's own build of the command.
func TestContainerKnowsItsVersion(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	out := t.TempDir()
	for line := range strings.Lines(string(read(t, "deploy/Dockerfile"))) {
		if run, ok := strings.CutPrefix(line, "RUN "); ok && strings.Contains(run, "go build") {
			build := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(run, "/out/", out+"/"))
			build.Dir, build.Env = root, append(os.Environ(), "VERSION=v9.8.7", "GOFLAGS=-buildvcs=false")
			if b, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, b)
			}
		}
	}
	b, err := exec.CommandContext(t.Context(), filepath.Join(out, "migwatch"), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(b), "v9.8.7") {
		t.Errorf("%v, %s", err, b)
	}
}

// TestSecretsAreIgnored: what holds secrets goes neither into a commit nor into an image.
func TestSecretsAreIgnored(t *testing.T) {
	for _, name := range []string{".gitignore", ".dockerignore"} {
		lines := strings.Split(string(read(t, name)), "\n")
		for _, pattern := range []string{".env", ".env.*", "!.env.example", "*.tfvars", "*.tfstate*", "*.db"} {
			if name == ".dockerignore" && strings.HasPrefix(pattern, "*") {
				pattern = "**/" + pattern // in any folder, as git has it without that
			}
			if !slices.Contains(lines, pattern) {
				t.Errorf("%s lacks %s", name, pattern)
			}
		}
	}
}

// parseUnit gives "Section.Key" and its values.
func parseUnit(t *testing.T, text string) map[string][]string {
	t.Helper()
	unit, section := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = strings.Trim(line, "[]")
		case ok && section != "":
			unit[section+"."+key] = append(unit[section+"."+key], value)
		default:
			t.Errorf("not a line of a unit: %q", line)
		}
	}
	return unit
}

// TestNoHostNamesInTheLock: packages come from whatever registry is set up where they are installed.
func TestNoHostNamesInTheLock(t *testing.T) {
	if strings.Contains(string(read(t, "test/deploy/package-lock.json")), `"resolved"`) {
		t.Error("package-lock.json has addresses; run npm install with test/deploy/.npmrc in force")
	}
}

// TestBootstrap: the platform starts a web function with this file.
func TestBootstrap(t *testing.T) {
	info, err := os.Stat(filepath.Join(root, "deploy/web/scf_bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o111 == 0 {
		t.Errorf("scf_bootstrap has mode %v: it must be executable", info.Mode())
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(must(filepath.Abs(root)), "deploy/web/scf_bootstrap"))
	cmd.Dir = t.TempDir()
	script := "#!/bin/sh\nprintf '%s,%s' \"$PORT\" \"${_LAMBDA_SERVER_PORT-unset}\"\n"
	if err := os.WriteFile(filepath.Join(cmd.Dir, "query"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "PORT=") }), "_LAMBDA_SERVER_PORT=28902")
	if b, err := cmd.CombinedOutput(); err != nil || string(b) != "9000,unset" {
		t.Errorf("%v: %s", err, b)
	}
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// Package scftest runs built functions as the platform does: a process with little but a port in its
// environment, called over net/rpc. It is for tests alone, and checks nothing by itself.
package scftest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// built remembers what this process has built, and where.
var built struct {
	sync.Mutex
	dir      string
	binaries map[string]string
}

// Main runs a package's tests and removes what Build has built; TestMain passes its result to os.Exit.
// Without it the binaries stay in the temporary folder.
func Main(m *testing.M) int {
	defer func() {
		built.Lock()
		defer built.Unlock()
		if built.dir != "" {
			_ = os.RemoveAll(built.dir)
		}
	}()
	return m.Run()
}

// Build gives the path of a static binary of pkg, a path from the module's root such as
// "./functions/poll". Each is built once in a test process.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if binary := built.binaries[pkg]; binary != "" {
		return binary
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "scftest")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.binaries = dir, make(map[string]string)
	}
	binary := filepath.Join(built.dir, fmt.Sprintf("%s%d", filepath.Base(pkg), len(built.binaries)))
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, pkg)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	built.binaries[pkg] = binary
	return binary
}

// root is the folder of go.mod.
func root(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// output is what a process has written so far.
type output struct {
	sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.Lock()
	defer o.Unlock()
	return o.buf.String()
}

// process is a started binary.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when the process is gone and its output is read
}

func spawn(binary, port string, env map[string]string) (*process, error) {
	p := &process{cmd: exec.Command(binary), ended: make(chan struct{})}
	p.cmd.Env = []string{"_LAMBDA_SERVER_PORT=" + port}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	return p, nil
}

// wait waits for the end of the process, or of ctx.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// compiler is all that may differ from Go's defaults: the platform is linux/amd64 with glibc 2.17, so
// nothing of the machine's C library may be linked. GOFLAGS and the like are set, because a builder's
// own settings would make other bytes; an empty value would let those of `go env -w` through.
var compiler = []string{
	"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1",
	"GOFLAGS=-mod=readonly", "GOEXPERIMENT=", "GOWORK=off",
}

// build compiles one command. Symbols and debug information go, since they only make a cold start
// read more; what is left of a panic's stack is whole.
// With stamp, the version in the binary is the commit it was built from.
func build(ctx context.Context, root, pkg, file string, stamp bool) error {
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	stamp = stamp && hasHistory(ctx, root) // an unpacked archive of the sources builds too
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", fmt.Sprintf("-buildvcs=%t", stamp), "-o", abs, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), compiler...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return os.Chmod(abs, 0o755) // whatever the umask
}

// hasHistory reports whether the version can be taken from git.
func hasHistory(ctx context.Context, root string) bool {
	cmd := exec.CommandContext(ctx, "git", "rev-parse", "--verify", "HEAD")
	cmd.Dir = root
	return cmd.Run() == nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("not inside the module")
	}
	return filepath.Dir(mod), nil
}

// checkStatic refuses a binary that the platform could not start.
func checkStatic(file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("is for %v %v, not for linux/amd64", f.Class, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return errors.New("is linked dynamically; the platform's C library is too old: build with CGO_ENABLED=0")
		}
	}
	return nil
}

package main

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTwoBuildsAreEqual builds from two folders with different environments and compares the bytes.
func TestTwoBuildsAreEqual(t *testing.T) {
	if testing.Short() {
		t.Skip("builds both functions twice")
	}
	var archives [][]byte
	for _, flags := range []string{"", "-ldflags=-X=main.nobody=1"} {
		t.Setenv("GOFLAGS", flags)
		out := t.TempDir()
		if err := run(t.Context(), out, false); err != nil { // a commit made meanwhile is not what is tested here
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(out, zipName))
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, b)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two builds of one tree differ")
	}
	r, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		if f.Mode() != 0o755 {
			t.Errorf("%s has mode %v, not 0755", f.Name, f.Mode())
		}
		if !f.Modified.Equal(epoch) {
			t.Errorf("%s has the time %v", f.Name, f.Modified)
		}
	}
	if !slices.Equal(names, []string{"poll", "query", "scf_bootstrap"}) {
		t.Errorf("the package has %v", names)
	}
}

func TestCheckStatic(t *testing.T) {
	// A shell is always linked dynamically.
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	if err := checkStatic(shell); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("the shell passes as static: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no binary"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := checkStatic(text); err == nil {
		t.Error("a text passes as a binary")
	}
}

package store_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"migwatch/internal/store"
)

func TestEightMigrateAtOnce(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { migrateTogether(t, e.url(t)) })
	}
}

// migrateTogether lets eight processes migrate one empty database.
func migrateTogether(t *testing.T, url string) {
	t.Helper()
	if got := readiness(t, url); !strings.Contains(got, "run migwatch migrate") {
		t.Errorf("an empty database: %s", got)
	}
	const processes = 8
	out := make([]strings.Builder, processes)
	var cmds []*exec.Cmd
	for i := range processes {
		cmd := exec.Command(os.Args[0], "-test.run=^TestMigrateChild$", "-test.v")
		cmd.Env = append(os.Environ(), "STORE_TEST_MIGRATE="+url)
		cmd.Stdout, cmd.Stderr = &out[i], &out[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	moved := 0
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, out[i].String())
		}
		if !strings.Contains(out[i].String(), "steps: 0") {
			moved++
		}
	}
	if moved != 1 {
		t.Errorf("%d of %d processes applied migrations", moved, processes)
	}
	if got := readiness(t, url); got != "ready" {
		t.Error(got)
	}
}

// TestMigrateChild is one of migrateTogether's processes.
func TestMigrateChild(t *testing.T) {
	url := os.Getenv("STORE_TEST_MIGRATE")
	if url == "" {
		return // nothing to do in the parent
	}
	n, err := opened(t, url, store.Options{}).Migrate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("steps: %d", n)
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// terminalOf opens a terminal of 60 columns and 12 lines, and gives what is drawn on it. What is
// written to master is typed.
func terminalOf(t *testing.T) (master, slave *os.File, drawn func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0), unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 12, Col: 60})); err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var text strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b) // ends when nobody has the terminal any more
			mu.Lock()
			text.Write(b[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		slave.Close()
		reading.Wait()
		master.Close()
	})
	return master, slave, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

// onTerminal starts a command on a terminal of its own.
func onTerminal(t *testing.T, dir string, env []string, args ...string) (cmd *exec.Cmd, drawn func() string, keyboard *os.File) {
	t.Helper()
	keyboard, slave, drawn := terminalOf(t)
	cmd = exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, slave, slave, slave
	cmd.Env = append([]string{"MIGWATCH_TEST_COMMAND=1", "TERM=xterm", "GORACE=atexit_sleep_ms=0"}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, drawn, keyboard
}

// slowJob is a database with one job at 40 %.
func slowJob(t *testing.T) (dir string, db *store.Store, see func(phase job.Phase, percent int64)) {
	t.Helper()
	dir = t.TempDir()
	db, err := store.Open(secret.New("sqlite:"+filepath.Join(dir, "migwatch.db")), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ctx, label := t.Context(), "客户迁移"
	k := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-slow"}
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Watch(ctx, k, job.Change{Label: &label}); err != nil {
		t.Fatal(err)
	}
	see = func(phase job.Phase, percent int64) {
		t.Helper()
		if _, err := db.PollNow(ctx, k); err != nil {
			t.Fatal(err)
		}
		claims, err := db.Claim(ctx, k.Budget(), 1, time.Minute)
		if err != nil || len(claims) != 1 {
			t.Fatal(len(claims), err)
		}
		seen := job.Observation{Phase: phase, Status: string(phase), Progress: &percent}
		if ok, err := db.Record(ctx, []job.Outcome{job.Settle(claims[0], &seen, nil, time.Now())}); err != nil || !ok[0] {
			t.Fatal(ok, err)
		}
	}
	see(job.Running, 40)
	return dir, db, see
}

func TestWaitDraws(t *testing.T) {
	t.Parallel()
	dir, _, see := slowJob(t)
	cmd, drawn, _ := onTerminal(t, dir, nil, "wait", "dts/ap-shanghai/dts-slow", "--every", "50ms")
	until(t, "a bar", func() bool {
		return strings.Contains(drawn(), "████████") && strings.Contains(drawn(), "running 40%")
	})
	see(job.Running, 60)
	until(t, "an ETA", func() bool { return strings.Contains(drawn(), "running 60%") && strings.Contains(drawn(), "left") })
	see(job.Succeeded, 100)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %q", err, drawn())
	}
	until(t, "the end", func() bool { return strings.Contains(drawn(), "dts/ap-shanghai/dts-slow \x1b[32mcheck passed") })
	for part := range strings.SplitSeq(drawn(), "\r\x1b[K") {
		if n := columns(unstyled(part)); !strings.Contains(part, "check passed") && n > 60 {
			t.Errorf("%d columns: %q", n, part)
		}
	}
}

// unstyled is s without SGR sequences.
func unstyled(s string) string {
	var b strings.Builder
	styled := false
	for _, r := range s {
		if r == '\x1b' {
			styled = true
		} else if !styled {
			b.WriteRune(r)
		} else if r == 'm' {
			styled = false
		}
	}
	return b.String()
}

func TestJobsLiveView(t *testing.T) {
	t.Parallel()
	dir, _, see := slowJob(t)
	cmd, drawn, _ := onTerminal(t, dir, []string{"NO_COLOR=1"}, "jobs", "--watch", "--every", "100ms")
	until(t, "the list", func() bool { return strings.Contains(drawn(), "1 job") && strings.Contains(drawn(), "◐ running") })
	see(job.Failed, 40)
	until(t, "a change", func() bool { return strings.Contains(drawn(), "✗ check not passed") })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %q", err, drawn())
	}
	until(t, "the cursor is back", func() bool { return strings.Contains(drawn(), "\x1b[?25h") })
	if strings.Contains(drawn(), "\x1b[3") {
		t.Errorf("colours in spite of NO_COLOR: %q", drawn())
	}
}

func TestUnwatchAsks(t *testing.T) {
	t.Parallel()
	dir, db, _ := slowJob(t)
	for _, answer := range []string{"\n", "n\n", "y\n"} {
		cmd, drawn, keyboard := onTerminal(t, dir, nil, "unwatch", "dts/ap-shanghai/dts-slow")
		until(t, "a question", func() bool {
			return strings.Contains(drawn(), "Forget dts/ap-shanghai/dts-slow and the history? [y/N]")
		})
		if _, err := keyboard.WriteString(answer); err != nil {
			t.Fatal(err)
		}
		err, yes := cmd.Wait(), answer == "y\n"
		jobs, listErr := db.Jobs(t.Context(), job.Filter{}, nil, 1)
		if (err == nil) != yes || listErr != nil || (len(jobs) == 0) != yes {
			t.Errorf("%q: %v, leaves %d, %v", answer, err, len(jobs), listErr)
		}
	}
}

// Package chaos proves that many pollers at once are harmless. It starts processes of the built poll
// function against a strict emulated upstream and a real database, freezes and kills both the processes
// and the database's servers, and then checks the recorded history against the invariants of
// docs/reliability.md: what arrived upstream, what the database holds, what each invocation reported.
//
// The short run is a part of go test; MIGWATCH_CHAOS=long (make chaos) is the long one.
package chaos

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"migwatch/internal/scf/scftest"
)

func TestMain(m *testing.M) {
	if seed, ok := os.LookupEnv(upstreamRole); ok {
		if err := playUpstream(seed); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := scftest.Main(m)
	if code == 0 {
		// Servers, functions and the emulator belong to their tests: all are gone by now.
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// long reports whether the long run was asked for.
func long() bool { return os.Getenv("MIGWATCH_CHAOS") == "long" }

// choose gives the short run's or the long run's value.
func choose[T any](short, lasting T) T {
	if long() {
		return lasting
	}
	return short
}

func milliseconds(t time.Time) int64 { return t.UnixMilli() }

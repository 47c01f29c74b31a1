// Package dbtest starts real database servers for tests: PostgreSQL, MariaDB or MySQL, and a Galera
// cluster, each from the binaries that are installed, with its data in a folder of its own, bound to
// loopback, and gone when the test process is gone, however that ends.
//
// Only tests may import it. It knows nothing of migwatch's schema.
package dbtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Absent ends a test whose database cannot be had here: in CI that is a failure, elsewhere a skip.
func Absent(t testing.TB, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (CI=true: nothing may be skipped)", reason)
	}
	t.Skip(reason)
}

// find looks for a program on the PATH, then where Debian and others keep what only servers need.
// patterns are folders, with wildcards; of several the last by name wins: the newest version.
func find(program string, patterns ...string) string {
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(pattern, program))
		slices.SortFunc(found, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b) // 9.6 before 15
			}
			return strings.Compare(a, b)
		})
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}

// freePorts are ports nobody listens on at the moment.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until all are known, so they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

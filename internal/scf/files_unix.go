//go:build unix

package scf

import "syscall"

// connections is how many connections this process may have, from its limit of open files.
func connections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return mostConnections
	}
	return max(leastConnections, int(min(uint64(files.Cur)/2, mostConnections))) //nolint:unconvert // signed on some systems
}

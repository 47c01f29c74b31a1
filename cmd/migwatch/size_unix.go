//go:build unix && !aix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal asks how large the terminal f is; 80 by 24 where it does not know. ok is false where f is
// none.
func terminal(f *os.File) (columns, lines int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0, 0, false
	case size.Col == 0 || size.Row == 0:
		return 80, 24, true
	}
	return int(size.Col), int(size.Row), true
}

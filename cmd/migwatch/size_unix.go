//go:build unix && !aix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize asks the terminal, or supposes 80 by 24.
func terminalSize(f *os.File) (columns, lines int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}

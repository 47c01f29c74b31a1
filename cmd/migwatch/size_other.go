//go:build !unix || aix

package main

import "os"

// terminal supposes that every terminal has 80 columns and 24 lines.
func terminal(f *os.File) (columns, lines int, ok bool) {
	info, err := f.Stat()
	return 80, 24, err == nil && info.Mode()&os.ModeCharDevice != 0
}

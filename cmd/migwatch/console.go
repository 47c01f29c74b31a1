package main

import (
	"io"
	"os"
	"strconv"
	"time"
)

// console is the process as a command sees it.
type console struct {
	in       io.Reader
	out, err io.Writer
	env      map[string]string
	now      func() time.Time
}

// isTerminal reports whether a person sits at stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if ok {
		_, _, ok = terminal(f)
	}
	return ok
}

// live reports whether lines on stream may be drawn again: a terminal that knows how.
func (c *console) live(stream any) bool { return isTerminal(stream) && c.env["TERM"] != "dumb" }

// colour reports whether stream shows colours: a terminal, unless NO_COLOR (no-color.org) is set.
func (c *console) colour(stream any) bool { return c.live(stream) && c.env["NO_COLOR"] == "" }

// width is how many columns stream has: 0 where that does not matter.
func (c *console) width(stream any) int {
	if !isTerminal(stream) {
		return 0
	}
	if n, err := strconv.Atoi(c.env["COLUMNS"]); err == nil && n > 0 {
		return n
	}
	columns, _, _ := terminal(stream.(*os.File))
	return columns
}

// height is how many lines stream has.
func (c *console) height(stream any) int {
	if !isTerminal(stream) {
		return 0
	}
	_, lines, _ := terminal(stream.(*os.File))
	return lines
}

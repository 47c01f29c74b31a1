package main

import (
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/term"
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
	return ok && term.IsTerminal(int(f.Fd()))
}

// size is how large the terminal stream is: 0 by 0 where it is none, 80 by 24 where it does not know.
func size(stream any) (columns, lines int) {
	if !isTerminal(stream) {
		return 0, 0
	}
	columns, lines, err := term.GetSize(int(stream.(*os.File).Fd()))
	if err != nil || columns == 0 || lines == 0 {
		return 80, 24
	}
	return columns, lines
}

// live reports whether lines on stream may be drawn again: a terminal that knows how.
func (c *console) live(stream any) bool { return isTerminal(stream) && c.env["TERM"] != "dumb" }

// colour reports whether stream shows colours: a terminal, unless NO_COLOR (no-color.org) is set.
func (c *console) colour(stream any) bool { return c.live(stream) && c.env["NO_COLOR"] == "" }

// width is how many columns stream has: 0 where that does not matter.
func (c *console) width(stream any) int {
	columns, _ := size(stream)
	if n, err := strconv.Atoi(c.env["COLUMNS"]); err == nil && n > 0 && columns > 0 {
		return n
	}
	return columns
}

// height is how many lines stream has.
func (c *console) height(stream any) int {
	_, lines := size(stream)
	return lines
}

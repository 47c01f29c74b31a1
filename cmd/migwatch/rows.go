package main

import (
	"bytes"
	"errors"
	"io"
	"math"
)

// mark begins CSV that people open: without it Excel on a Chinese Windows does not read UTF-8.
const mark = "\ufeff"

// errEnough ends reading once all rows that were asked for are written.
var errEnough = errors.New("enough")

// csvRows hands CSV on to a file with the mark in front, or to a terminal, where each row is one line that
// does nothing but show.
type csvRows struct {
	w        io.Writer
	terminal bool
	left     int // rows to hand on; errEnough comes with the last
	began    bool
	quoted   bool   // a line break within quotes ends no row
	row      []byte // what has come of the next one
}

func rowsTo(w io.Writer) *csvRows {
	return &csvRows{w: w, terminal: isTerminal(w), left: math.MaxInt}
}

func (c *csvRows) Write(b []byte) (int, error) {
	var out []byte
	if !c.began && !c.terminal && !bytes.HasPrefix(b, []byte(mark)) {
		out = append(out, mark...)
	}
	c.began = true
	for _, char := range b {
		c.row = append(c.row, char)
		c.quoted = c.quoted != (char == '"')
		if char != '\n' || c.quoted {
			continue
		}
		if c.terminal {
			out = append(out, plain(string(bytes.TrimRight(c.row, "\r\n")))+"\n"...)
		} else {
			out = append(out, c.row...)
		}
		c.row = c.row[:0]
		if c.left--; c.left == 0 {
			break
		}
	}
	if _, err := c.w.Write(out); err != nil {
		return 0, err
	}
	if c.left == 0 {
		return len(b), errEnough
	}
	return len(b), nil
}

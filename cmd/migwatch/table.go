package main

import (
	"io"
	"strings"
)

// table lines up cells. With a width it fits into it: the last column gives way first, then the first.
type table struct {
	width  int // 0: as wide as it gets
	whole  int // how many columns stay whole, the first among them as long as it can
	colour bool
	rows   [][]cell
}

// cell is a text and the colour it has on a terminal that shows colours.
type cell struct {
	text  string
	style style
}

// style is an SGR sequence's parameters; "" is the terminal's own.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	blue   style = "34"
	purple style = "35"
)

func (s style) of(text string, colour bool) string {
	if !colour || s == "" || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (t *table) head(names ...string) {
	row := make([]cell, len(names))
	for i, n := range names {
		row[i] = cell{n, dim}
	}
	t.rows = append(t.rows, row)
}

func (t *table) row(cells ...cell) {
	for i := range cells {
		cells[i].text = plain(cells[i].text)
	}
	t.rows = append(t.rows, cells)
}

// gap is between columns.
const gap = "  "

// lines gives the finished rows.
func (t *table) lines() []string {
	widths := t.widths()
	lines := make([]string, 0, len(t.rows))
	for _, row := range t.rows {
		var b strings.Builder
		for i, c := range row {
			text := c.text
			if t.width > 0 {
				text = clip(text, widths[i])
			}
			if i > 0 {
				b.WriteString(gap)
			}
			b.WriteString(c.style.of(text, t.colour))
			b.WriteString(strings.Repeat(" ", max(0, widths[i]-columns(text))))
		}
		line := strings.TrimRight(b.String(), " ")
		if t.width > 0 {
			line = clipStyled(line, t.width)
		}
		lines = append(lines, line)
	}
	return lines
}

func (t *table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(c.text))
		}
	}
	if t.width <= 0 {
		return widths
	}
	total := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	give := func(i, least int) {
		less := max(0, min(total-t.width, widths[i]-least))
		widths[i] -= less
		total -= less
	}
	for i := len(widths) - 1; i >= t.whole; i-- {
		give(i, 4)
	}
	give(0, 16)
	return widths
}

func (t *table) print(w io.Writer) error {
	_, err := io.WriteString(w, strings.Join(append(t.lines(), ""), "\n"))
	return err
}

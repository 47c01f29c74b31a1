package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"migwatch/client"
)

// point is how far a job had come when.
type point struct {
	at      time.Time
	percent int64
}

func pointOf(s *client.Snapshot) (point, bool) {
	if s == nil || s.Phase != client.Running || s.Progress == nil {
		return point{}, false
	}
	return point{s.FirstObservedAt, *s.Progress}, true
}

// eta says how long a job will go on at the pace it had lately. It is not known before the job has
// moved twice, nor after it has stood still for longer than it should have.
func eta(points []point, now time.Time) (time.Duration, bool) {
	const window = 8 // a job's pace changes
	first := len(points) - 1
	for first > 0 && points[first-1].percent <= points[first].percent && len(points)-first < window {
		first-- // a job that was begun anew counts from there
	}
	if len(points)-first < 2 {
		return 0, false
	}
	a, b := points[first], points[len(points)-1]
	done, took := b.percent-a.percent, b.at.Sub(a.at)
	if done <= 0 || took <= 0 {
		return 0, false
	}
	left := took*time.Duration(100-b.percent)/time.Duration(done) - now.Sub(b.at)
	return max(left, 0), left > 0
}

const barWidth = 20

// bar is a job's progress as a picture; where nothing says how much there is to do, only the phase.
func bar(j client.Job, colour bool) string {
	l := phaseStyles[j.Phase]
	if j.Latest == nil || j.Latest.Progress == nil {
		return l.style.of(l.sign, colour) + " "
	}
	full := int(min(max(*j.Latest.Progress, 0), 100)) * barWidth / 100
	return l.style.of(l.sign+" "+strings.Repeat("█", full), colour) + dim.of(strings.Repeat("░", barWidth-full), colour) + " "
}

// progressLine is the one line that long work draws over and over on a terminal.
type progressLine struct {
	w     io.Writer
	live  bool
	width int
	drawn bool
}

func (sh *shell) progressLine() progressLine {
	return progressLine{w: sh.console.out, live: sh.live(sh.console.out) && !sh.JSON, width: sh.width(sh.console.out)}
}

// draw puts text in place of what was drawn before.
func (p *progressLine) draw(text string) {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K", clipStyled(text, p.width-1))
		p.drawn = true
	}
}

// line writes a line that stays.
func (p *progressLine) line(text string) {
	p.end()
	fmt.Fprintln(p.w, text)
}

// end leaves a clean line.
func (p *progressLine) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// clipStyled is clip for a text with SGR sequences, which take no columns.
func clipStyled(s string, n int) string {
	var b strings.Builder
	taken, styled := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			styled = true
			b.WriteRune(r)
		case styled:
			styled = r != 'm'
			b.WriteRune(r)
		default:
			if taken += runeColumns(r); taken <= n {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

package web

import (
	"strconv"
	"time"

	"migwatch/internal/job"
)

// timeline is a job's phases along time.
type timeline struct {
	Parts      []part
	From, Till stamp
	Lasts      bool // it goes on
	Took       string
}

// part is one phase of it; X and W are percentages of the whole width.
type part struct {
	State       state
	X, W        string
	Lasted      string
	FitsPhone   bool // there is room for the words, also on a phone
	FitsDesktop bool // there is room for the words on a desktop
	HasIcon     bool
	Last        bool
}

// tail is the share of the width that the end of a final job gets: it lasts for ever, and matters as
// little as much.
const tail = 0.14

// leastPart keeps the shortest phases visible, in percent.
const leastPart = 2.2

// The narrowest that the timeline is on a desktop and on a phone, in pixels.
const (
	leastDesk  = 540
	leastPhone = 250
)

// leastWidth is how many pixels p's words need: beside the icon in 14 px, and below it in 12.5 px.
func (p part) leastWidth() float64 {
	return max(31+float64(textWidth(p.State.Word))*14/11, 10+float64(textWidth(p.Lasted))*12.5/11) + 6
}

// timeline draws spells from when the job was watched, or from the first one where older ones are not
// at hand. nil where there is nothing to draw.
func (v *visit) timeline(j job.Job, spells []job.Spell, whole bool) *timeline {
	if len(spells) == 0 {
		return nil
	}
	now, unseen := v.u.opt.Now(), false
	if first := spells[0]; whole && j.WatchedAt.Before(first.From) {
		if first.Phase == job.Pending {
			spells[0].From = j.WatchedAt
		} else {
			from := first.From
			unseen = true
			spells = append([]job.Spell{{Phase: job.Pending, From: j.WatchedAt, Until: &from}}, spells...)
		}
	}
	start, last := spells[0].From, spells[len(spells)-1]
	end := now
	t := &timeline{From: at(start), Lasts: !last.Phase.Final()}
	if last.Phase.Final() {
		end = last.From
	}
	end = maxTime(end, last.From)
	t.Till, t.Took = at(end), v.text.Span(end.Sub(start))
	widths := widthsOf(spells, end, last.Phase.Final())
	x := 0.0
	for i, s := range spells {
		w := widths[i]
		until := end
		if s.Until != nil {
			until = *s.Until
		}
		p := part{State: v.text.state(j.Key.Provider, s.Phase), X: percent(x), W: percent(w), HasIcon: w >= 3.5, Last: i == len(spells)-1}
		if unseen && i == 0 {
			p.State = v.text.unseen("")
		}
		if !(p.Last && s.Phase.Final()) {
			p.Lasted = v.text.Span(until.Sub(s.From))
		}
		least := p.leastWidth()
		p.FitsDesktop, p.FitsPhone = w/100*leastDesk >= least, w/100*leastPhone >= least
		t.Parts = append(t.Parts, p)
		x += w
	}
	return t
}

// widthsOf gives each spell its share of 100, none less than leastPart if there is room for that.
func widthsOf(spells []job.Spell, end time.Time, final bool) []float64 {
	lengths := make([]float64, len(spells))
	total := 0.0
	for i, s := range spells {
		until := end
		if s.Until != nil {
			until = *s.Until
		}
		lengths[i] = max(until.Sub(s.From).Seconds(), 0)
		total += lengths[i]
	}
	n := len(spells)
	if final && n > 1 {
		total -= lengths[n-1]
		lengths[n-1] = total * tail / (1 - tail)
		total += lengths[n-1]
	}
	if total == 0 {
		for i := range lengths {
			lengths[i] = 1
		}
		total = float64(n)
	}
	least := min(leastPart, 100/float64(n))
	spare := 100 - least*float64(n)
	for i := range lengths {
		lengths[i] = least + spare*lengths[i]/total
	}
	return lengths
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// percent writes a share for an SVG attribute.
func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }

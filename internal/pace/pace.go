// Package pace is how the rate limit of an upstream is kept by many processes: how far apart slots lie, which of a
// reservation's may be used, and how a process keeps apart what it really sent. It is pure but for the lock of a
// Window: it knows no clock, and no database. Package store reserves slots by it, package poller sends by it.
package pace

import "time"

// An upstream's limit counts arrivals in any sliding second. With slots s apart and sends late by at
// most J, one second holds at most ⌈(1000+J)/s⌉ of them, so s = (1000+J)/rate milliseconds keeps
// within rate. A bunch of 50 ms slots at 20/s breaks the limit as soon as one send is late.
const (
	LateAlone  = 25 * time.Millisecond // J while nobody else uses the budget
	LateShared = 60 * time.Millisecond // J while others do: their clocks and loads differ
)

// Tolerated is how late a send may be by its slot. Slots of a process that is alone are closer and ask
// for less; but its own sends are kept apart by the window, and a neighbour that comes has wider slots
// of its own. With the half of LateAlone a busy machine of two cores lost one slot in seven.
const Tolerated = LateShared / 2

// Spacing is how far apart a budget's slots lie.
type Spacing struct {
	Alone  time.Duration // while one process uses the budget
	Shared time.Duration // while several do
}

// Of gives the spacing that keeps within rate polls in any second; rate must be positive.
func Of(rate float64) Spacing {
	per := func(late time.Duration) time.Duration {
		return time.Duration(float64(time.Second+late) / rate)
	}
	return Spacing{Alone: per(LateAlone), Shared: per(LateShared)}
}

// Slots are n slots from first on, reserved while others use the budget or while nobody does. Half of how late a send
// may be is for the reading of the database's clock, half for the waking.
func (s Spacing) Slots(first time.Time, n int, shared bool) Slots {
	if shared {
		return Slots{First: first, Step: s.Shared, N: n, Late: LateShared / 2}
	}
	return Slots{First: first, Step: s.Alone, N: n, Late: LateAlone / 2}
}

// Millis is how far n slots of that step move the budget's row, in whole milliseconds and never less than they need.
func Millis(step time.Duration, n int) int64 {
	return int64((time.Duration(n)*step + time.Millisecond - 1) / time.Millisecond)
}

// Slots are instants at which polls may start, reserved for one process on a budget shared by all.
type Slots struct {
	First time.Time     // by this process's monotonic clock
	Step  time.Duration // from one slot to the next
	N     int
	Late  time.Duration // a slot missed by more than this is void
}

// At is the i-th slot, counted from 0.
func (s Slots) At(i int) time.Time { return s.First.Add(time.Duration(i) * s.Step) }

// mostLost is how many slots may be left empty because the database is far away.
const mostLost = 10

// Trim gives up slots when the reading of the database's clock took longer than a send may be late. The
// reading's whole time counts as lateness, so nothing is ever sent early; the last of the reserved slots are
// left empty for what comes that late. lost is how many more to ask for the next time, or a database far
// away would never give a single one; it is not known after a reading so long that this process was frozen or
// starved meanwhile, which says nothing about the next time, and all slots are void.
func (s *Slots) Trim(reading time.Duration) (lost int, known bool) {
	if over := reading - s.Late; over > 0 {
		lost = int((over + s.Step - 1) / s.Step)
	}
	if lost > mostLost {
		s.N = 0
		return 0, false
	}
	s.N = max(0, s.N-lost)
	return lost, true
}

package job

import "time"

// An upstream's limit counts arrivals in any sliding second. With slots s apart and sends late by at
// most J, one second holds at most ⌈(1000+J)/s⌉ of them, so s = (1000+J)/rate milliseconds keeps
// within rate. A bunch of 50 ms slots at 20/s breaks the limit as soon as one send is late.
const (
	LateAlone  = 25 * time.Millisecond // J while nobody else uses the budget
	LateShared = 60 * time.Millisecond // J while others do: their clocks and loads differ
)

// Pace is how a budget's slots are spaced.
type Pace struct {
	Alone  time.Duration // between slots while one process uses the budget
	Shared time.Duration // while several do
}

// PaceOf gives the spacing that keeps within rate polls in any second; rate must be positive.
func PaceOf(rate float64) Pace {
	per := func(late time.Duration) time.Duration {
		return time.Duration(float64(time.Second+late) / rate)
	}
	return Pace{Alone: per(LateAlone), Shared: per(LateShared)}
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

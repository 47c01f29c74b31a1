package pace

import (
	"math"
	"testing"
	"time"
)

// play sends at slots 51.25 ms apart, each late by its turn's figure and arriving later by another's,
// through a window for 20 a second, and gives the instants of arrival and how many slots were missed.
func play(n int, late, way func(i int) time.Duration) (arrived []time.Duration, missed int) {
	start := time.Unix(0, 0)
	w := NewWindow(20)
	for i := range n {
		slot := start.Add(time.Duration(i) * 51250 * time.Microsecond)
		now := slot.Add(late(i))
		if free := w.Free(now); free.After(now) {
			now = free
		}
		if now.Sub(slot) > Tolerated {
			missed++
			continue
		}
		s := w.Take(now)
		arrived = append(arrived, now.Add(way(i)).Sub(start))
		w.Answered(s, now.Add(way(i)+time.Millisecond))
	}
	return arrived, missed
}

func most(arrived []time.Duration) int {
	peak := 0
	for i, from := range arrived {
		n := 0
		for _, at := range arrived[i:] {
			if at >= from && at-from < time.Second {
				n++
			}
		}
		peak = max(peak, n)
	}
	return peak
}

func TestWindow(t *testing.T) {
	none := func(int) time.Duration { return 0 }
	at := func(which int, d time.Duration) func(int) time.Duration {
		return func(i int) time.Duration {
			if i%which == which-1 {
				return d
			}
			return 0
		}
	}
	for _, test := range []struct {
		name      string
		late, way func(int) time.Duration
		missed    int // at most, of 400
	}{
		{"on time", none, none, 0},
		{"some sends late", at(7, 20*time.Millisecond), none, 0},
		{"some sends later still", at(11, 30*time.Millisecond), none, 0},
		{"some a long way", none, at(7, 20*time.Millisecond), 0},
		{"some a longer way", none, at(50, 55*time.Millisecond), 8},
		{"both", at(9, 25*time.Millisecond), at(13, 15*time.Millisecond), 20},
		{"as whimsical as can be", none, func(i int) time.Duration { return time.Duration(i*7919%25) * time.Millisecond }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			arrived, missed := play(400, test.late, test.way)
			if n := most(arrived); n > 20 || missed > test.missed {
				t.Errorf("%d in one second, %d slots missed", n, missed)
			}
		})
	}
}

// TestWindowOfAnyRate: the slots of any rate, of a process that is alone and of several, are all good for
// a send, and no span that holds a whole number of polls holds more than those.
func TestWindowOfAnyRate(t *testing.T) {
	for _, rate := range []float64{0.3, 0.5, 1, 1.5, 2.5, 3.5, 5, 7.3, 20} {
		for _, step := range []time.Duration{Of(rate).Alone, Of(rate).Shared} {
			w, start := NewWindow(rate), time.Unix(0, 0)
			for i := range 100 {
				slot := start.Add(time.Duration(i) * step)
				now := slot
				if free := w.Free(now); free.After(now) {
					now = free
				}
				if now.Sub(slot) > Tolerated {
					t.Fatalf("at %v a second, %v apart, slot %d is missed by %v", rate, step, i, now.Sub(slot))
				}
				w.Answered(w.Take(now), now.Add(time.Millisecond))
			}
			burst := 0
			for now := start.Add(time.Hour); w.Take(now) != nil; burst++ {
			}
			if want := int(math.Ceil(rate)); burst != want {
				t.Errorf("at %v a second %d are sent at once, want %d", rate, burst, want)
			}
		}
	}
}

func TestWindowBelievesNoHang(t *testing.T) {
	start := time.Unix(0, 0)
	w := NewWindow(2)
	w.Answered(w.Take(start), start.Add(time.Millisecond))
	w.Take(start) // never answered
	w.Take(start.Add(time.Second))
	if free := w.Free(start.Add(2 * time.Second)).Sub(start); free > 1100*time.Millisecond {
		t.Errorf("a call that hangs holds up the others until %v", free)
	}
}

package emulator

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// naive counts the arrivals less than a second before each, and the most of them.
func naive(times []time.Duration) (last, peak int) {
	for _, end := range times {
		n := 0
		for _, at := range times {
			if at <= end && end-at < time.Second {
				n++
			}
		}
		peak = max(peak, n)
		last = n
	}
	return last, peak
}

func TestWindowAgainstNaiveCounter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		var all []time.Duration
		gap := rapid.SampledFrom([]int{1, 30, 50, 200, 900}).Draw(t, "gap")
		now := time.Duration(0)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			now += time.Duration(rapid.IntRange(0, gap).Draw(t, "ms")) * time.Millisecond
			// Two goroutines may note their arrivals in the wrong order.
			at := max(0, now-time.Duration(rapid.IntRange(0, 20).Draw(t, "late"))*time.Millisecond)
			all = append(all, at)
			last, peak := naive(all)
			if got := w.add(at); got < last-countAt(all, at)+1 || got > last {
				t.Fatalf("%d in the second that ends at %v, want %d", got, at, last)
			}
			if w.peak != peak {
				t.Fatalf("peak %d, want %d, after %v", w.peak, peak, all)
			}
		}
	})
}

// countAt is how many arrived at the same instant: which of them came last nobody can say.
func countAt(times []time.Duration, at time.Duration) int {
	n := 0
	for _, t := range times {
		if t == at {
			n++
		}
	}
	return n
}

func TestWindowBounds(t *testing.T) {
	var w window
	w.add(0)
	if n := w.add(time.Second - 1); n != 2 {
		t.Errorf("%d within a second less a nanosecond, want 2", n)
	}
	if n := w.add(time.Second); n != 2 {
		t.Errorf("%d: a whole second apart is not within one", n)
	}
	for i := range 100_000 {
		w.add(time.Duration(i) * time.Millisecond)
	}
	if n := len(w.times); n > 5000 {
		t.Errorf("%d times kept", n)
	}
}

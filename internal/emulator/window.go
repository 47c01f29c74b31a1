package emulator

import (
	"sort"
	"time"
)

// window counts arrivals in any sliding second: of two arrivals less than a second apart both lie in one.
// It keeps the last two seconds, so that arrivals noted a little out of order still count exactly.
type window struct {
	times []time.Duration // ascending; since the emulator's start
	peak  int
}

const (
	second = time.Second
	kept   = 2 * time.Second
)

// add notes an arrival and tells how many, itself among them, lie in the second that ends with it.
func (w *window) add(at time.Duration) int {
	n := len(w.times)
	i := n
	for i > 0 && w.times[i-1] > at {
		i--
	}
	w.times = append(w.times, 0)
	copy(w.times[i+1:], w.times[i:])
	w.times[i] = at
	inSecond := w.ending(i)
	for j := i; j < len(w.times) && w.times[j]-at < second; j++ {
		w.peak = max(w.peak, w.ending(j))
	}
	w.forget()
	return inSecond
}

// ending counts the arrivals of the second that ends with the i-th.
func (w *window) ending(i int) int {
	end := w.times[i]
	from := sort.Search(i, func(k int) bool { return end-w.times[k] < second })
	return i - from + 1
}

// forget drops what no second can reach any more, in bulk so that it costs little.
func (w *window) forget() {
	if len(w.times) < 64 {
		return
	}
	newest := w.times[len(w.times)-1]
	old := sort.Search(len(w.times), func(k int) bool { return newest-w.times[k] < kept })
	if old > len(w.times)/2 {
		w.times = append(w.times[:0], w.times[old:]...)
	}
}

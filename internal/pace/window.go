package pace

import (
	"math"
	"sync"
	"time"
)

// Window keeps this process's own sends on one budget within the limit by what really happened to them.
// Slots do so as long as nobody is late; a process that was late knows it, and need not throw its slot
// away for that. A send waits until a second has passed since the one that many sends before it arrived.
type Window struct {
	mu      sync.Mutex
	recent  []*Sent       // a ring of as many as span may hold
	span    time.Duration // a second, or as much longer as makes their number whole
	next    int
	fastest time.Duration // of all answers so far; 0: none
	mean    time.Duration // a running mean of what answers take
	spread  time.Duration // and of how far they are from it
}

// Sent is one call on the wire.
type Sent struct {
	at    time.Time
	extra time.Duration // how much longer than the fastest its answer took: it may have arrived that late
	known bool
}

// NewWindow is for a rate of polls per second: 2.5 is three in any 1.2 seconds.
func NewWindow(rate float64) *Window {
	n := math.Ceil(rate)
	return &Window{recent: make([]*Sent, int(n)), span: time.Duration(n / rate * float64(time.Second))}
}

// Free is when the next send may go.
func (w *Window) Free(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.freeAt(now)
}

func (w *Window) freeAt(now time.Time) time.Time {
	if w.recent[w.next] == nil {
		return now
	}
	s := w.recent[w.next]
	extra := s.extra
	if !s.known { // it takes its time, or hangs: that says little about its way there
		extra = min(w.late(now.Sub(s.at)), LateAlone)
	}
	return s.at.Add(w.span + extra)
}

// Take notes a send at now, unless another came before it and it has to wait after all.
func (w *Window) Take(now time.Time) *Sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.freeAt(now).After(now) {
		return nil
	}
	s := &Sent{at: now}
	w.recent[w.next] = s
	w.next = (w.next + 1) % len(w.recent)
	return s
}

// Answered notes when the answer to s was there, or that there will be none.
func (w *Window) Answered(s *Sent, now time.Time) {
	if s == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	took := now.Sub(s.at)
	if w.fastest == 0 || took < w.fastest {
		w.fastest = took
	}
	s.extra, s.known = w.late(took), true
	// As TCP estimates its round trips, RFC 6298.
	if w.mean == 0 {
		w.mean, w.spread = took, took/2
	}
	w.spread += ((took - w.mean).Abs() - w.spread) / 4
	w.mean += (took - w.mean) / 8
}

// late is how late a call may have arrived whose answer took so long. An upstream that thinks longer
// about one job than about another looks the same; of that no more is believed than the slots leave room
// for, or its whims would cost polls. What is far from the mean is believed: a stall costs one slot.
func (w *Window) late(took time.Duration) time.Duration {
	if w.fastest == 0 || took < w.fastest {
		return 0
	}
	if took > w.mean+4*w.spread {
		return min(took-w.fastest, LateShared)
	}
	return min(took-w.fastest, LateAlone)
}

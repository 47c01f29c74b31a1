package poller

import (
	"math"
	"sync"
	"time"

	"migwatch/internal/job"
)

// window keeps this process's own sends on one budget within the limit by what really happened to them.
// Slots do so as long as nobody is late; a process that was late knows it, and need not throw its slot
// away for that. A send waits until a second has passed since the one that many sends before it arrived.
type window struct {
	mu      sync.Mutex
	recent  []*sent       // a ring of as many as span may hold
	span    time.Duration // a second, or as much longer as makes their number whole
	next    int
	fastest time.Duration // of all answers so far; 0: none
	usual   time.Duration // a running mean of what answers take
	strays  time.Duration // and of how far they stray from it
}

// sent is one call on the wire.
type sent struct {
	at    time.Time
	extra time.Duration // how much longer than the fastest its answer took: it may have arrived that late
	known bool
}

// newWindow is for a rate of polls per second: 2.5 is three in any 1.2 seconds.
func newWindow(rate float64) *window {
	n := math.Ceil(rate)
	return &window{recent: make([]*sent, int(n)), span: time.Duration(n / rate * float64(time.Second))}
}

// free is when the next send may go.
func (w *window) free(now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.freeAt(now)
}

func (w *window) freeAt(now time.Time) time.Time {
	if w.recent[w.next] == nil {
		return now
	}
	s := w.recent[w.next]
	extra := s.extra
	if !s.known { // it takes its time, or hangs: that says little about its way there
		extra = min(w.late(now.Sub(s.at)), job.LateAlone)
	}
	return s.at.Add(w.span + extra)
}

// take notes a send at now, unless another came before it and it has to wait after all.
func (w *window) take(now time.Time) *sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.freeAt(now).After(now) {
		return nil
	}
	s := &sent{at: now}
	w.recent[w.next] = s
	w.next = (w.next + 1) % len(w.recent)
	return s
}

// answered notes when the answer to s was there, or that there will be none.
func (w *window) answered(s *sent, now time.Time) {
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
	if w.usual == 0 {
		w.usual, w.strays = took, took/2
	}
	w.strays += ((took - w.usual).Abs() - w.strays) / 4
	w.usual += (took - w.usual) / 8
}

// late is how late a call may have arrived whose answer took so long. An upstream that thinks longer
// about one job than about another looks the same; of that no more is believed than the slots leave room
// for, or its whims would cost polls. What is far from usual is believed: a stall costs one slot.
func (w *window) late(took time.Duration) time.Duration {
	if w.fastest == 0 || took < w.fastest {
		return 0
	}
	if took > w.usual+4*w.strays {
		return min(took-w.fastest, job.LateShared)
	}
	return min(took-w.fastest, job.LateAlone)
}

package secret

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// minScrubbed is the shortest secret that is looked for: a shorter one would blot out words.
	minScrubbed = 6
	// maxScrubbed bounds what is looked for; the newest stay.
	maxScrubbed = 256
)

// Writer is the last stage before a log leaves: it blots known secrets out of what is written.
//
// It works on finished lines and not on slog attributes, because there nothing can be missed: a
// message, a group, an error, a Stringer and a []byte are all bytes by then, and what a secret looks
// like after JSON, quoting, query escaping, base64 or hex is known. Each Write must carry a whole
// line, as slog's handlers and package log do. It is safe for concurrent use if the writer under it is.
type Writer struct {
	to io.Writer

	mu     sync.Mutex // guards values
	values []string   // oldest first

	live atomic.Pointer[finder]
}

// NewWriter scrubs what goes to w. Nothing is hidden before Add.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Add makes secrets known. None and secrets shorter than 6 bytes are ignored; of more than 256 the
// newest are kept. Adding a known one makes it new again, and costs little.
func (w *Writer) Add(secrets ...Text) {
	w.mu.Lock()
	defer w.mu.Unlock()
	grown := false
	for _, s := range secrets {
		v := s.Reveal()
		if len(v) < minScrubbed {
			continue
		}
		if i := slices.Index(w.values, v); i >= 0 {
			w.values = slices.Delete(w.values, i, i+1)
		} else {
			grown = true
		}
		w.values = append(w.values, v)
	}
	if n := len(w.values) - maxScrubbed; n > 0 {
		w.values = slices.Delete(w.values, 0, n)
	}
	if grown {
		w.live.Store(newFinder(w.values))
	}
}

// Write writes p without the known secrets. It reports len(p), whatever length that came to.
func (w *Writer) Write(p []byte) (int, error) {
	clean := p
	if f := w.live.Load(); f != nil {
		clean = f.scrub(p)
	}
	if _, err := w.to.Write(clean); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Scrub is s without the known secrets, for texts that leave by another way than a log.
func (w *Writer) Scrub(s string) string {
	f := w.live.Load()
	if f == nil {
		return s
	}
	return string(f.scrub([]byte(s)))
}

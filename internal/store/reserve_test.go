package store

import (
	"testing"
	"time"

	"migwatch/internal/job"
)

// TestTrim has a clock whose reading takes long: the last slots stay empty, as many more are asked for the
// next time, and a freeze is no sign of distance.
func TestTrim(t *testing.T) {
	const late, step = 12 * time.Millisecond, 50 * time.Millisecond
	for _, test := range []struct {
		name    string
		reading time.Duration
		n       int
		spare   int64 // beforehand 3
	}{
		{"near", 2 * time.Millisecond, 8, 0},
		{"as far as may be", late, 8, 0},
		{"further", late + 1, 7, 1},
		{"a step further", late + step, 7, 1},
		{"far", late + 3*step + 1, 4, 4},
		{"further than all slots", late + 9*step, 0, 9},
		{"frozen", time.Minute, 0, 3},
	} {
		s := &Store{}
		s.spare.Store(3)
		slots := job.Slots{N: 8, Step: step, Late: late}
		s.trim(&slots, test.reading)
		if slots.N != test.n || s.spare.Load() != test.spare {
			t.Errorf("%s: %d slots, %d spare; want %d, %d", test.name, slots.N, s.spare.Load(), test.n, test.spare)
		}
	}
}

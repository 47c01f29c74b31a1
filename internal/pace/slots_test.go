package pace

import (
	"testing"
	"time"
)

// TestTrim has a clock whose reading takes long: the last slots stay empty, as many more are asked for the
// next time, and a freeze is no sign of distance.
func TestTrim(t *testing.T) {
	const late, step = 12 * time.Millisecond, 50 * time.Millisecond
	for _, test := range []struct {
		name    string
		reading time.Duration
		n       int
		lost    int
	}{
		{"near", 2 * time.Millisecond, 8, 0},
		{"as far as may be", late, 8, 0},
		{"further", late + 1, 7, 1},
		{"a step further", late + step, 7, 1},
		{"far", late + 3*step + 1, 4, 4},
		{"further than all slots", late + 9*step, 0, 9},
		{"frozen", time.Minute, 0, 0},
	} {
		slots := Slots{N: 8, Step: step, Late: late}
		lost, known := slots.Trim(test.reading)
		if slots.N != test.n || lost != test.lost || known != (test.name != "frozen") {
			t.Errorf("%s: %d slots, %d lost, known: %v; want %d, %d", test.name, slots.N, lost, known, test.n, test.lost)
		}
	}
}

// TestPace holds the arithmetic of slots: at most rate sends within any second, for sends that are
// late by at most J.
func TestPace(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 5, 20, 1000} {
		for _, p := range []struct {
			step, late time.Duration
		}{{Of(rate).Alone, LateAlone}, {Of(rate).Shared, LateShared}} {
			// The worst case: the first send is late by J, all others on time.
			n := 1
			for at := p.step; at-p.late < time.Second; at += p.step {
				n++
			}
			if most := max(rate, 1); float64(n) > most+1e-9 {
				t.Errorf("rate %v: %d sends in a second", rate, n)
			}
		}
	}
	s := Slots{First: time.Unix(0, 0), Step: 51250 * time.Microsecond, N: 3}
	if got := s.At(2).Sub(time.Unix(0, 0)); got != 102500*time.Microsecond {
		t.Errorf("the third slot is %v after the first", got)
	}
}

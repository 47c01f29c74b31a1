package job

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpells(t *testing.T) {
	at := func(n int) time.Time { return time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC) }
	snap := func(seq int64, p Phase, from int) Snapshot {
		return Snapshot{Seq: seq, Observation: Observation{Phase: p, Message: string(p)}, FirstObservedAt: at(from), LastObservedAt: at(from + 1)}
	}
	four, nine := at(4), at(9)
	for _, test := range []struct {
		name string
		in   []Snapshot
		want []Spell
	}{
		{"none", nil, nil},
		{"one lasts", []Snapshot{snap(1, Running, 0)}, []Spell{{Running, at(0), nil, 1, "running"}}},
		{"joined, then another, then back", []Snapshot{snap(3, Running, 0), snap(4, Running, 2), snap(5, Failed, 4), snap(6, Running, 9)},
			[]Spell{{Running, at(0), &four, 3, "running"}, {Failed, at(4), &nine, 5, "failed"}, {Running, at(9), nil, 6, "running"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Spells(test.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIsOverdue(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	due := func(ago time.Duration) Job {
		at := now.Add(-ago)
		return Job{Polling: Polling{NextAt: &at}}
	}
	for _, test := range []struct {
		name string
		j    Job
		want bool
	}{
		{"never due", Job{}, false}, {"due in a while", due(-time.Hour), false},
		{"just due", due(0), false}, {"nearly", due(Overdue - time.Millisecond), false}, {"long due", due(Overdue), true},
	} {
		if got := test.j.IsOverdue(now); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

package chaos

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// figures are what one budget reached.
type figures struct {
	polls, peak, refused int
	perSecond            float64
}

func (f figures) String() string {
	return fmt.Sprintf("%d polls, %.2f a second, peak %d, refused %d", f.polls, f.perSecond, f.peak, f.refused)
}

// measured gives the figures of each budget, from its first arrival to its last.
func measured(h history) map[string]figures {
	times, refused := map[string][]time.Time{}, map[string]int{}
	for _, a := range h.arrivals {
		times[a.budget] = append(times[a.budget], a.at)
		if a.limited {
			refused[a.budget]++
		}
	}
	out := map[string]figures{}
	for budget, at := range times {
		f := figures{polls: len(at), peak: peak(at), refused: refused[budget]}
		if span := slices.MaxFunc(at, time.Time.Compare).Sub(slices.MinFunc(at, time.Time.Compare)); span > 0 {
			f.perSecond = float64(len(at)-1) / span.Seconds()
		}
		out[budget] = f
	}
	return out
}

// soonest is when a job that was polled is due again at the earliest: a run has to be over by then.
const soonest = 28 * time.Second

// fewStalls is how often the upstream may stand still in a run whose pace is judged. Where it stands still
// more often the machine has others to serve, and lost slots say nothing about how they are used.
const fewStalls = 3

// enough is how many polls a budget's pace is judged by.
const enough = 50

// TestManyProcesses: processes that start at once share each budget. Nothing is refused, each job is
// polled once, and the budget is used while jobs are due.
func TestManyProcesses(t *testing.T) {
	type run struct {
		engine    int
		processes int
		plan      plan
		least     float64 // polls a second of a DTS budget
	}
	story := "  0s running 10%"
	one, some := plan{regions: 1, each: 400, story: story}, plan{regions: 3, each: 380, wechat: 90, story: story}
	runs := []run{
		{0, 1, one, 19}, {0, 4, one, 18}, {0, 32, one, 18}, {0, 4, some, 18},
		{1, 1, one, 19}, {1, 4, one, 18}, {1, 32, one, 18}, {1, 32, some, 18},
		{2, 1, one, 19}, {2, 4, one, 18}, {2, 32, one, 18}, {2, 32, some, 18},
	}
	if !long() { // so short a run is half start and end, and shares its machine with other tests
		few := plan{regions: 2, each: 80, wechat: 18, story: story}
		runs = []run{{0, 4, few, 14}, {1, 32, few, 14}, {2, 4, few, 14}}
	}
	for _, run := range runs {
		e := engines[run.engine]
		t.Run(fmt.Sprintf("%s/%d processes/%d budgets", e.name, run.processes, run.plan.regions+min(run.plan.wechat, 1)), func(t *testing.T) {
			r := newRig(t, e.open(t), run.plan)
			r.together(run.processes, soonest)
			h := r.history()
			h.calm = r.totals.failed == 0 // a stall's refusal leaves jobs for later
			r.judge(h)
			for budget, f := range measured(h) {
				t.Logf("%-15s %v", budget, f)
				least := run.least
				if budget == "wechat" {
					least *= float64(wechatLimit) / dtsLimit
				}
				if f.perSecond < least && f.polls >= enough && len(h.stalls) <= fewStalls {
					t.Errorf("%s: %.2f polls a second, want at least %.2f", budget, f.perSecond, least)
				}
			}
			t.Logf("%d invocations, %+v, the upstream stood still %d times", r.answers, r.totals, len(h.stalls))
		})
	}
}

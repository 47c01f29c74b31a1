package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// story asks a block at each time and tells what it met: the status, or the fault.
func story(b Block, times ...time.Duration) string {
	p := &player{block: &b, origin: noon}
	var met []string
	for _, at := range times {
		s, f := p.at(noon.Add(at))
		if f != nil {
			met = append(met, f.Do)
		} else {
			met = append(met, s.Status)
		}
	}
	return strings.Join(met, " ")
}

func TestPlay(t *testing.T) {
	const s = time.Second
	tests := map[string]struct {
		script string
		times  []time.Duration
		want   string
	}{
		"states follow": {"0s starting\n5s running\n9s finished", []time.Duration{0, 4 * s, 5 * s, 8 * s, 9 * s, 1000 * s},
			"starting starting running running finished finished"},
		"before the first state": {"5s running", []time.Duration{0, 4 * s, 5 * s}, "unavailable unavailable running"},
		"a fault until the next step": {"0s starting\n5s hang\n9s running", []time.Duration{4 * s, 5 * s, 8 * s, 9 * s},
			"starting hang hang running"},
		"a fault for a while lies over states": {"0s starting\n5s throttle for 10s\n9s running", []time.Duration{5 * s, 10 * s, 14999 * time.Millisecond, 15 * s},
			"throttle throttle throttle running"},
		"a fault for some polls": {"0s starting\n5s reset times 2\n6s running", []time.Duration{0, 7 * s, 8 * s, 9 * s},
			"starting reset reset running"},
		"whichever ends first": {"0s starting\n1s reset for 5s times 2", []time.Duration{2 * s, 3 * s, 4 * s, 7 * s}, "reset reset starting starting"},
		"the newer fault wins": {"0s starting\n1s hang for 10s\n2s reset for 1s", []time.Duration{s, 2 * s, 3 * s}, "hang reset hang"},
		"again from the start": {"0s starting\n2s reset times 1\n3s running\nrepeat every 10s",
			[]time.Duration{0, 4 * s, 5 * s, 10 * s, 14 * s, 15 * s, 34 * s}, "starting reset running starting reset running reset"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := script(t, "dts ap-shanghai dts-1\n"+test.script).Blocks[0]
			if got := story(b, test.times...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestStage(t *testing.T) {
	s := newStage()
	s.add(script(t, "dts ap-shanghai dts-1 start\n0s starting\n9s running\ndts ap-shanghai dts-2\n0s starting\n9s running\n"+
		"dts ap-shanghai load-%03d x 50\n0s starting\n9s running"), noon)
	later := noon.Add(10 * time.Second)
	status := func(id string, at time.Time) string {
		p := s.job(place{DTS, "ap-shanghai", id}, at)
		if p == nil {
			return "none"
		}
		state, _ := p.at(at)
		return state.Status
	}
	for id, want := range map[string]string{
		"dts-1": "running", "dts-2": "starting", "load-001": "starting", "load-050": "starting",
		"dts-3": "none", "load-000": "none", "load-051": "none", "load-01": "none", "load-0001": "none", "load-": "none",
	} {
		if got := status(id, later); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	if p := s.job(place{DTS, "ap-beijing", "dts-1"}, later); p != nil {
		t.Error("a job is found in a region that is not its own")
	}
	if n := len(s.players); n != 4 {
		t.Errorf("%d players for 4 jobs that were polled", n)
	}
	s.add(script(t, "dts ap-shanghai dts-1 start\n0s finished\ndts ap-shanghai load-%03d x 9\n0s finished"), later)
	got := fmt.Sprint(status("dts-1", later), status("load-001", later), status("load-050", later.Add(9*time.Second)))
	if want := fmt.Sprint("finished", "finished", "running"); got != want {
		t.Errorf("after adding: %s, want %s", got, want)
	}
}

package job

import "time"

// foresee notes how j's progress moves, and when it would reach 100 % at the pace of its last two moves. It says
// nothing of progress with fewer than three points, that went back, or that has stood still for longer than the
// last move took.
func foresee(j *Job, seen Observation, at time.Time) {
	p := seen.Progress
	if p == nil || seen.Phase.Final() || *p >= 100 {
		j.Pace, j.ETA = nil, nil
		return
	}
	now := Point{at, *p}
	if len(j.Pace) == 0 {
		j.Pace, j.ETA = []Point{now}, nil
		return
	}
	last := j.Pace[len(j.Pace)-1]
	switch {
	case *p < last.Progress:
		j.Pace, j.ETA = []Point{now}, nil
	case *p == last.Progress:
		if len(j.Pace) > 1 && at.Sub(last.At) > last.At.Sub(j.Pace[0].At) {
			j.ETA = nil
		}
	case len(j.Pace) == 1:
		j.Pace = []Point{last, now}
	default:
		moved, took := *p-j.Pace[0].Progress, at.Sub(j.Pace[0].At)
		eta := at.Add(time.Duration(float64(took) / float64(moved) * float64(100-*p))).Truncate(time.Millisecond)
		j.Pace, j.ETA = []Point{last, now}, &eta
	}
}

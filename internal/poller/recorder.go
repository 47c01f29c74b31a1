package poller

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"migwatch/internal/job"
)

const (
	groupSize = 100                    // outcomes written together, at most
	groupWait = 150 * time.Millisecond // how long an outcome waits for company
)

// recorder writes the outcomes of all workers in groups, as they come.
type recorder struct {
	*tick
	in   chan job.Outcome
	done sync.WaitGroup
}

func newRecorder(t *tick) *recorder {
	r := &recorder{tick: t, in: make(chan job.Outcome, groupSize)}
	r.done.Go(r.run)
	return r
}

func (r *recorder) add(o job.Outcome) { r.in <- o }

// close writes what is left.
func (r *recorder) close() {
	close(r.in)
	r.done.Wait()
}

func (r *recorder) run() {
	for first := range r.in {
		r.write(r.gather([]job.Outcome{first}))
	}
}

// gather waits a little for more.
func (r *recorder) gather(group []job.Outcome) []job.Outcome {
	full := time.NewTimer(groupWait)
	defer full.Stop()
	for len(group) < groupSize {
		select {
		case o, more := <-r.in:
			if !more {
				return group
			}
			group = append(group, o)
		case <-full.C:
			return group
		}
	}
	return group
}

// write records a group. It outlives ctx's cancellation, not its deadline: what was seen at the price
// of a call is not thrown away because somebody pressed Ctrl-C.
func (r *recorder) write(group []job.Outcome) {
	ctx, cancel := r.writing(r.deadline)
	defer cancel()
	recorded, err := r.stored(ctx, group)
	if err != nil {
		r.Log.Error("cannot record everything; what is lost is polled again", "error", err.Error())
	}
	r.count(func(rep *Report) {
		for i, o := range group {
			switch {
			case !recorded[i]:
				rep.Lost++
			case !o.Polled:
				rep.Failed++
			default:
				rep.Recorded++
				if o.Changed {
					rep.Changed++
				}
			}
		}
	})
}

// stored survives a panic: the group is lost then, as any that cannot be written.
func (r *recorder) stored(ctx context.Context, group []job.Outcome) (recorded []bool, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			recorded, err = make([]bool, len(group)), fmt.Errorf("panic: %T\n%s", panicked, debug.Stack())
		}
	}()
	return r.Store.Record(ctx, group)
}

package poller

import (
	"context"
	"errors"
	"time"

	"migwatch/internal/job"
)

// Lister is an Upstream whose upstream tells of many jobs in one call. It reads the list of place's jobs from the
// from-th on, all of them or only those in a state that moves, and hands each page to page with how many jobs were
// read by then. It calls gate before each upstream call, as Poll does. Its error is what gate or page returned, or a
// *job.PollError.
type Lister interface {
	List(ctx context.Context, place job.Key, from int64, whole bool, gate func(context.Context) error, page func(found []job.Found, read int64) error) error
}

// errEnough ends a list that names too few of the jobs that are watched.
var errEnough = errors.New("the list is about other jobs")

// errSweepLost ends a sweep that another poller has taken over.
var errSweepLost = errors.New("the sweep's lease ended")

// sweep goes through the list of the budget's discovery, if there is one that is due, and polls with each page the
// jobs that it names. What a list does not tell of a job is asked by its ID, at a slot of its own. A
// sweep that is cut off goes on at its place in the next tick; a page that failed is asked for again there. It is false
// where another poller is at the list: each slot that is taken from it for one job is a hundred jobs' at a page.
func (l *worker) sweep() bool {
	lister, ok := l.upstream.(Lister)
	place := job.PlaceOf(l.budget)
	if !ok || job.CheckDiscovery(place.Provider, place.Scope) != nil {
		return true
	}
	w, taken, err := l.Store.ClaimSweep(l.polling, l.budget, l.Lease)
	if err != nil {
		l.Log.Error("cannot claim a sweep", "budget", l.budget, "error", err.Error())
		return true
	}
	if w == nil {
		if !taken {
			l.list(lister, place)
		}
		return !taken
	}
	l.goThrough(lister, *w)
	return true
}

// goThrough is one sweep of a discovery, and what is remembered of it.
func (l *worker) goThrough(lister Lister, w job.Sweep) {
	began := time.Now() // by this clock, what At is by the store's
	s := &sweep{worker: l, Sweep: w, place: w.Place}
	err := s.run(lister)
	cut := l.ctx.Err() != nil || errors.Is(err, errNotBegun)
	var failed *job.PollError
	switch {
	case errors.Is(err, errSweepLost):
		return
	case err == nil:
		s.place = 0
	case !cut && !errors.As(err, &failed): // of the database's making
		l.Log.Error("cannot go on with a sweep", "budget", l.budget, "error", err.Error())
		cut = true
	}
	if cut {
		err = nil
	}
	d := job.Swept(s.Sweep, err, cut, w.At.Add(time.Since(began)))
	if d.Polling.NextAt != nil {
		l.again = began.Add(d.Polling.NextAt.Sub(w.At))
	}
	if failed != nil && !cut {
		l.sweepFailed(s.Discovery.Key(), failed, d)
	}
	ctx, cancel := l.briefly()
	defer cancel()
	if err := l.Store.EndSweep(ctx, s.Sweep, d, s.place); err != nil {
		l.Log.Error("cannot end a sweep; its lease will", "budget", l.budget, "error", err.Error())
	}
}

// listEvery is how long jobs that nobody discovers are asked for one by one after a list.
const listEvery = 10 * time.Second

// pageSize is how many jobs a page has, about.
const pageSize = 100

// list goes through the list of a place that nobody discovers, where that takes fewer calls than asking for each due
// job. It stops where its pages turn out to be about others' jobs.
func (l *worker) list(lister Lister, place job.Key) {
	due, all, err := l.Store.Crowd(l.polling, l.budget)
	if err != nil {
		l.Log.Error("cannot count what is due", "budget", l.budget, "error", err.Error())
	}
	if err != nil || due <= 2*(2+all/pageSize) {
		return
	}
	l.again = time.Now().Add(listEvery)
	s := &sweep{worker: l, Sweep: job.Sweep{Discovery: job.Discovery{Provider: place.Provider, Scope: place.Scope}}}
	err = s.run(lister)
	var failed *job.PollError
	if errors.As(err, &failed) { // the jobs are asked for by themselves, and say so
		l.Log.Warn("cannot list", "place", l.budget, "kind", string(failed.Kind), "code", failed.Code, "message", failed.Message)
	}
}

// sweepFailed tells of it, and slows the budget where the upstream asks for that.
func (l *worker) sweepFailed(place job.Key, e *job.PollError, d job.Discovery) {
	l.refused(job.Outcome{Job: job.Job{Key: place, Polling: d.Polling}, Err: e})
}

// sweep is one sweep under way.
type sweep struct {
	*worker
	job.Sweep
	place int64 // how many jobs of the list were read
	pages int   // … on how many pages
	taken int   // … of which so many were polled
}

func (s *sweep) run(lister Lister) (err error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	// The end comes as a cancellation and not as a deadline: it says nothing of whom is asked.
	defer context.AfterFunc(s.polling, func() { cancel(errOver) })()
	slow := time.AfterFunc(s.Timeout, func() { cancel(errTimeout) })
	defer slow.Stop()
	defer func() {
		if broken := s.contained(recover(), "a sweep", s.Discovery.Key()); broken != nil {
			err = broken
		}
	}()
	pass := &gate{worker: s.worker, used: true, slow: slow}
	err = lister.List(ctx, s.Discovery.Key(), s.place, s.Whole, func(ctx context.Context) error {
		pass.claimed, pass.passed = time.Now(), false
		slow.Reset(s.Lease) // the slot's wait has its own limits
		return pass.wait(ctx)
	}, func(found []job.Found, read int64) error {
		s.window.Answered(pass.sent, time.Now())
		slow.Reset(s.Lease)
		return s.page(found, read)
	})
	switch cause := context.Cause(ctx); {
	case err == nil || errors.Is(err, errSweepLost):
		return err
	case errors.Is(cause, errTimeout):
		return &job.PollError{Kind: job.Transient, Code: "timeout", Message: "no whole answer in the time a poll may take", Err: cause}
	case errors.Is(cause, errOver):
		return errNotBegun
	}
	return err
}

// page polls the jobs of one page, and notes the place behind it.
func (s *sweep) page(found []job.Found, read int64) error {
	claimed := time.Now()
	claims, err := s.Store.ClaimListed(s.polling, s.Sweep, found, s.Lease)
	if err != nil {
		return err
	}
	s.count(func(r *Report) { r.Claimed += int64(len(claims)) })
	said := map[string]*job.Found{}
	for i := range found {
		said[found[i].Key.ID] = &found[i]
	}
	var ask []job.Claim // of jobs of which the list does not tell enough
	for _, c := range claims {
		f := said[c.Job.Key.ID]
		if f.Ask {
			if last := c.Job.Latest; last == nil || last.Status != f.Observation.Status {
				ask = append(ask, c)
				continue
			}
			f.Observation.Message = c.Job.Latest.Message // the reason was asked for before
		}
		out, ok := s.settled(c, &f.Observation, nil, c.At.Add(time.Since(claimed)))
		if !ok {
			s.count(func(r *Report) { r.Lost++ })
			continue
		}
		s.record.add(out)
	}
	if !s.send(ask, claimed) {
		return errNotBegun
	}
	s.place, s.pages, s.taken = read, s.pages+1, s.taken+len(claims)
	if s.Row == 0 {
		if s.pages > s.taken+1 {
			return errEnough
		}
		return nil
	}
	held, err := s.Store.MoveSweep(s.polling, s.Sweep, read, s.Lease)
	if err == nil && !held {
		return errSweepLost
	}
	return err
}

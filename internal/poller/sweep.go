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
func (w *worker) sweep() bool {
	lister, ok := w.upstream.(Lister)
	place := job.PlaceOf(w.budget)
	if !ok || job.CheckDiscovery(place.Provider, place.Scope) != nil {
		return true
	}
	claimed, taken, err := w.Store.ClaimSweep(w.polling, w.budget, w.Lease)
	if err != nil {
		w.Log.Error("cannot claim a sweep", "budget", w.budget, "error", err.Error())
		return true
	}
	if claimed == nil {
		if !taken {
			w.list(lister, place)
		}
		return !taken
	}
	w.goThrough(lister, *claimed)
	return true
}

// goThrough is one sweep of a discovery, and what is remembered of it.
func (w *worker) goThrough(lister Lister, claimed job.Sweep) {
	began := time.Now() // by this clock, what At is by the store's
	s := &sweep{worker: w, Sweep: claimed, place: claimed.Place}
	err := s.run(lister)
	cut := w.ctx.Err() != nil || errors.Is(err, errNotBegun)
	var failed *job.PollError
	switch {
	case errors.Is(err, errSweepLost):
		return
	case err == nil:
		s.place = 0
	case !cut && !errors.As(err, &failed): // of the database's making
		w.Log.Error("cannot go on with a sweep", "budget", w.budget, "error", err.Error())
		cut = true
	}
	if cut {
		err = nil
	}
	d := job.Swept(s.Sweep, err, cut, claimed.At.Add(time.Since(began)))
	if d.Polling.NextAt != nil {
		w.again = began.Add(d.Polling.NextAt.Sub(claimed.At))
	}
	if failed != nil && !cut {
		w.sweepFailed(s.Discovery.Key(), failed, d)
	}
	ctx, cancel := w.briefly()
	defer cancel()
	if err := w.Store.EndSweep(ctx, s.Sweep, d, s.place); err != nil {
		w.Log.Error("cannot end a sweep; its lease will", "budget", w.budget, "error", err.Error())
	}
}

// listEvery is how long jobs that nobody discovers are asked for one by one after a list.
const listEvery = 10 * time.Second

// pageSize is how many jobs a page has, about.
const pageSize = 100

// list goes through the list of a place that nobody discovers, where that takes fewer calls than asking for each due
// job. It stops where its pages turn out to be about others' jobs.
func (w *worker) list(lister Lister, place job.Key) {
	due, all, err := w.Store.Crowd(w.polling, w.budget)
	if err != nil {
		w.Log.Error("cannot count what is due", "budget", w.budget, "error", err.Error())
	}
	if err != nil || due <= 2*(2+all/pageSize) {
		return
	}
	w.again = time.Now().Add(listEvery)
	s := &sweep{worker: w, Sweep: job.Sweep{Discovery: job.Discovery{Provider: place.Provider, Scope: place.Scope}}}
	err = s.run(lister)
	var failed *job.PollError
	if errors.As(err, &failed) { // the jobs are asked for by themselves, and say so
		w.Log.Warn("cannot list", "place", w.budget, "kind", string(failed.Kind), "code", failed.Code, "message", failed.Message)
	}
}

// sweepFailed tells of it, and slows the budget where the upstream asks for that.
func (w *worker) sweepFailed(place job.Key, e *job.PollError, d job.Discovery) {
	w.refused(job.Outcome{Job: job.Job{Key: place, Polling: d.Polling}, Err: e})
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

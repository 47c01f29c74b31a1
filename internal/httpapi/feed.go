package httpapi

import (
	"context"
	"sync"
	"time"

	"migwatch/internal/job"
)

const (
	feedEvery = time.Second // how often events of other processes are asked for
	feedPage  = 500
	feedTime  = 5 * time.Second // what one question may take
)

// feed hands new events to everybody who waits for some, at the price of one query a second for all of them: one
// reader goes on for as long as anybody waits, and looks at once where this process wrote something.
type feed struct {
	open func(context.Context) (Store, error)
	news func() <-chan struct{} // closed at the next commit of this process; nil: nothing is written here

	mu      sync.Mutex
	waiters map[*waiter]bool
	stop    context.CancelFunc // ends the reader at work
}

// waiter is a request that waits.
type waiter struct {
	filter job.Filter
	after  int64
	got    chan []job.Event
}

// join begins to wait. What is committed from now on comes through w.got; what was before has to be asked for.
func (f *feed) join(ctx context.Context, s Store, w *waiter) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiters) == 0 {
		last, err := s.LastEvent(ctx)
		if err != nil {
			return err
		}
		f.waiters = map[*waiter]bool{}
		var reading context.Context
		reading, f.stop = context.WithCancel(context.WithoutCancel(ctx)) // it may outlive the request that began it
		go f.read(reading, last)
	}
	f.waiters[w] = true
	return nil
}

// leave ends the waiting. The last one to go ends the reader.
func (f *feed) leave(w *waiter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.waiters, w); len(f.waiters) == 0 {
		f.stop()
	}
}

func (f *feed) read(ctx context.Context, last int64) {
	every := time.NewTicker(feedEvery)
	defer every.Stop()
	for {
		var news <-chan struct{}
		if f.news != nil {
			news = f.news()
		}
		list := f.next(ctx, last)
		if len(list) > 0 {
			last = list[len(list)-1].ID
			f.hand(list)
		}
		if len(list) == feedPage {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-news:
		}
	}
}

// next asks once. A database that fails is asked again in a second: those who wait are told nothing meanwhile, and
// whoever asks anew is told what is wrong.
func (f *feed) next(ctx context.Context, last int64) []job.Event {
	ctx, cancel := context.WithTimeout(ctx, feedTime)
	defer cancel()
	s, err := f.open(ctx)
	if err != nil {
		return nil
	}
	list, err := s.Events(ctx, job.Filter{}, last, feedPage)
	if err != nil {
		return nil
	}
	return list
}

// hand gives each waiter what it waits for. One that got something before takes it together with the rest.
func (f *feed) hand(list []job.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.waiters {
		var mine []job.Event
		for _, e := range list {
			if e.ID > w.after && w.filter.Has(e) {
				mine = append(mine, e)
			}
		}
		if len(mine) > 0 {
			select {
			case w.got <- mine:
			default: // it has something to tell already; its client asks on from there
			}
		}
	}
}

// await gives the events that in asks for, where there are none yet for as long as it may wait for them.
func (a *API) await(ctx context.Context, s Store, in *eventsInput) ([]job.Event, error) {
	rows, err := s.Events(ctx, in.chosen, in.after, in.Limit+1)
	patience := time.Duration(in.Wait) * time.Second
	if end, bounded := ctx.Deadline(); bounded { // an invocation's: an answer has to be on its way before
		patience = min(patience, time.Until(end)-time.Second)
	}
	if err != nil || len(rows) > 0 || patience <= 0 {
		return rows, err
	}
	w := &waiter{filter: in.chosen, after: in.after, got: make(chan []job.Event, 1)}
	if err := a.feed.join(ctx, s, w); err != nil {
		return nil, err
	}
	defer a.feed.leave(w)
	if rows, err = s.Events(ctx, in.chosen, in.after, in.Limit+1); err != nil || len(rows) > 0 {
		return rows, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case rows = <-w.got:
	case <-timer.C:
	case <-ctx.Done():
	}
	return rows, nil
}

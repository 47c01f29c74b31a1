package app

import (
	"context"
	"sync"
	"time"

	"migwatch/internal/job"
)

const (
	checkTime = 10 * time.Second // what one check may take, whoever waits for it
	remember  = 3 * time.Second  // how long a failure counts at most
)

// check asks whether the database can be used. All callers share the one that is under way, and each
// waits no longer than its own context allows. No lock is held while the database is asked.
type check struct {
	ask func(ctx context.Context) error

	mu       sync.Mutex
	underWay chan struct{} // closed when the check ends; nil while there is none
	err      error         // what the last check said
	until    time.Time     // its answer counts until then
}

// wait gives the answer that still counts, or that of a check. For those who ask about the database itself,
// anew, "it can be used" does not count longer than it takes to find out; a failure does.
func (c *check) wait(ctx context.Context, anew bool) error {
	c.mu.Lock()
	if time.Now().Before(c.until) && !(anew && c.err == nil) {
		defer c.mu.Unlock()
		return c.err
	}
	if c.underWay == nil {
		c.underWay = make(chan struct{})
		go c.run(context.WithoutCancel(ctx), c.underWay)
	}
	ended := c.underWay
	c.mu.Unlock()
	select {
	case <-ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	case <-ctx.Done():
		return &job.NotReadyError{Reason: "the database of MIGWATCH_DATABASE_URL did not answer in time", Err: context.Cause(ctx)}
	}
}

// run checks once. A failure counts as long again as it took to find, and only for a moment: one that is
// found quickly is looked for anew, as somebody may be mending it.
func (c *check) run(ctx context.Context, ended chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	began := time.Now()
	err := c.ask(ctx)
	counts := recheck
	if err != nil {
		counts = min(time.Since(began), remember)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.until, c.underWay = err, time.Now().Add(counts), nil
	close(ended)
}

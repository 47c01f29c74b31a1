package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/httpapi"
	"migwatch/internal/job"
)

// counting is a store that counts the questions for events.
type counting struct {
	httpapi.Store
	asked *atomic.Int64
}

func (c counting) Events(ctx context.Context, f job.Filter, after int64, limit int) ([]job.Event, error) {
	c.asked.Add(1)
	return c.Store.Events(ctx, f, after, limit)
}

// A hundred clients wait for what happens next. While they wait they cost one question a second together; what
// happens reaches those whom it concerns, and the others when their time is over.
func TestManyWait(t *testing.T) {
	var asked atomic.Int64
	news := make(chan struct{})
	var r *rig
	r = newRig(t, func(o *httpapi.Options) {
		o.Open = func(context.Context) (httpapi.Store, error) { return counting{r.store, &asked}, nil }
		o.News = func() <-chan struct{} { return news }
	})
	r.watch(dtsKey)
	r.see(dtsKey, then, &job.Observation{Phase: job.Running, Status: "running"}, nil)
	const clients, patience = 100, 4
	var all sync.WaitGroup
	got := make([]int, clients)
	took := make([]time.Duration, clients)
	begun := time.Now()
	for i := range clients {
		path := fmt.Sprintf("/v1/events?after=1&wait=%d&provider=dts&job_id=%s", patience, dtsKey.ID)
		if i%10 == 0 {
			path = fmt.Sprintf("/v1/events?after=1&wait=%d&type=trouble&type=stuck", patience)
		}
		all.Go(func() {
			items, _ := r.get(path)["items"].([]any)
			got[i], took[i] = len(items), time.Since(begun)
		})
	}
	for end := time.Now().Add(10 * time.Second); asked.Load() < 2*clients && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(1100 * time.Millisecond)
	if n := asked.Load() - 2*clients; n > 3 {
		t.Errorf("%d clients that wait asked the store %d times", clients, n)
	}
	r.see(dtsKey, then, failedCheck(), nil)
	close(news)
	all.Wait()
	for i := range clients {
		concerned := i%10 != 0
		if concerned != (got[i] == 1) || concerned == (took[i] > patience*time.Second-100*time.Millisecond) {
			t.Errorf("client %d got %d events after %v", i, got[i], took[i])
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // an invocation's time
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events?after=2&wait=25", nil)
	req.Header.Set("Authorization", "Bearer "+readKey)
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	if w.Code != http.StatusOK || ctx.Err() != nil {
		t.Errorf("%d when the invocation's time was over", w.Code)
	}
	if g := r.ask("GET", "/v1/sinks", readKey); g.status != http.StatusForbidden {
		t.Errorf("sinks are shown to a read key: %d", g.status)
	}
}

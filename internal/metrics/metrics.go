package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"migwatch/internal/job"
)

// Store is what metrics ask of whoever remembers.
type Store interface {
	Stats(ctx context.Context) (job.Stats, error)
}

// Options are the parts of the metrics.
type Options struct {
	Open    func(context.Context) (Store, error) // called once per scrape; the caller keeps the store open between them
	Refused func() Refused
	Version string
	Now     func() time.Time
	Log     *slog.Logger // nil: no log
}

// Refused is what this process refused since it began.
type Refused struct{ Keys, Pushes int64 }

// New serves the metrics in Prometheus's text format. A store that cannot be read is answered with 503 and no
// metric: an absent series alarms, a stale zero does not.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st, err := read(r.Context(), o.Open)
		if err != nil {
			o.Log.LogAttrs(r.Context(), slog.LevelWarn, "metrics not ready", slog.String("error", err.Error()))
			w.Header().Set("Retry-After", "10")
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "the store cannot be read; /readyz says why", http.StatusServiceUnavailable)
			return
		}
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(collector{st, o.Refused(), o.Version, o.Now()})
		promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

func read(ctx context.Context, open func(context.Context) (Store, error)) (job.Stats, error) {
	s, err := open(ctx)
	if err != nil {
		return job.Stats{}, err
	}
	return s.Stats(ctx)
}

package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/view"
)

// One remembered job: what is measured is the way of a request through the API, not a store.
type oneJob struct {
	Store
	job job.Job
}

func (s oneJob) Job(context.Context, job.Key) (job.Job, error) { return s.job, nil }

func (s oneJob) Jobs(_ context.Context, _ job.Filter, _ *job.Place, limit int) ([]job.Listed, error) {
	jobs := make([]job.Listed, 0, limit)
	for i := range min(limit, 50) {
		jobs = append(jobs, job.Listed{Job: s.job, Place: job.Place{ChangedAt: s.job.ChangedAt, Row: int64(i)}})
	}
	return jobs, nil
}

const benchKey = "bench-key-0123456789"

func benchOptions() Options {
	return Options{
		Open: func(context.Context) (Store, error) { return oneJob{job: exampleFailed()}, nil },
		Keys: secret.NewKeys([]secret.Text{secret.New(benchKey)}, nil),
		Now:  func() time.Time { return exampleTime },
	}
}

// A cold start builds the API before it answers anything.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(benchOptions())
	}
}

func BenchmarkDocument(b *testing.B) {
	for b.Loop() {
		document("1.0.0")
	}
}

// The floor: the same answers by ServeMux and encoding/json alone, without keys, checks or headers.
func bareMux() http.Handler {
	s := oneJob{job: exampleFailed()}
	mux := http.NewServeMux()
	send := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET "+jobPath, func(w http.ResponseWriter, r *http.Request) {
		k := job.Key{Provider: job.Provider(r.PathValue("provider")), Scope: r.PathValue("scope"), ID: r.PathValue("job_id")}
		j, err := s.Job(r.Context(), k)
		if err != nil || k.Validate() != nil {
			http.Error(w, "no", http.StatusNotFound)
			return
		}
		send(w, view.NewJob(j, exampleTime, false))
	})
	mux.HandleFunc("GET /v1/jobs", func(w http.ResponseWriter, r *http.Request) {
		jobs, _ := s.Jobs(r.Context(), job.Filter{Provider: job.Provider(r.URL.Query().Get("provider"))}, nil, 50)
		list := jobList{}
		for _, j := range jobs {
			list.Items = append(list.Items, view.NewJob(j.Job, exampleTime, false))
		}
		send(w, list)
	})
	return mux
}

func BenchmarkRequest(b *testing.B) {
	for _, kind := range []struct{ name, path string }{{"one", "/v1/jobs/dts/ap-shanghai/dts-1kl0iy0v"}, {"fifty", "/v1/jobs?provider=dts"}} {
		for _, h := range []struct {
			name    string
			handler http.Handler
		}{{"bare", bareMux()}, {"api", New(benchOptions())}} {
			b.Run("handler/"+kind.name+"/"+h.name, func(b *testing.B) { benchHandler(b, h.handler, kind.path) })
			b.Run("http/"+kind.name+"/"+h.name, func(b *testing.B) { benchHTTP(b, h.handler, kind.path) })
		}
	}
}

func benchHandler(b *testing.B, h http.Handler, path string) {
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+benchKey)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func benchHTTP(b *testing.B, h http.Handler, path string) {
	server := httptest.NewServer(h)
	defer server.Close()
	client := server.Client()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodGet, server.URL+path, nil)
		if err != nil {
			b.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+benchKey)
		answer, err := client.Do(r)
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		_ = answer.Body.Close()
	}
}

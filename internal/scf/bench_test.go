package scf

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// The small handler of both benchmarks.
var small = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, `{"items":[{"provider":"dts","scope":"ap-shanghai","job_id":"dts-1kl0iy0v","phase":"failed"}],"next_cursor":null}`)
})

// BenchmarkEvent is event → handler → event; its goal is 25 µs.
func BenchmarkEvent(b *testing.B) {
	h := web(map[string]string{"MIGWATCH_DATABASE_URL": "mysql://h/db"}, func(context.Context, Invocation) http.Handler { return small }, []string{"v1"})
	for _, name := range []string{"function_url.json", "api_gateway.json"} {
		payload, ctx := []byte(sample(b, name)), platform("67b4cfcf-6957-48ae-b7ef-ba33209895e3", nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h(ctx, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBareHandler is the floor: the handler without any event around it.
func BenchmarkBareHandler(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		small.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/jobs?limit=1", nil))
	}
}

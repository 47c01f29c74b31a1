package emulator

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

// One poll at DTS without a network: verification of the signature, limit, script, log, answer.
func BenchmarkDTSPoll(b *testing.B) {
	c := &clock{now: noon}
	e := New(Options{Now: c.Now, DTS: DTSOptions{Credentials: []Credential{permanent}, PerSecond: -1},
		Script: script(b, "dts ap-shanghai dts-load-%05d x 10000\n0s running 10%\n")})
	const most = 100
	requests := make([]func() *httptest.ResponseRecorder, most)
	for i := range requests {
		body := fmt.Sprintf(`{"JobId":"dts-load-%05d"}`, i+1)
		req := dtsRequest(b, "http://dts.tencentcloudapi.com/", permanent, "ap-shanghai", body, noon)
		requests[i] = func() *httptest.ResponseRecorder {
			req.Body = io.NopCloser(strings.NewReader(body))
			w := httptest.NewRecorder()
			e.ServeHTTP(w, req)
			return w
		}
	}
	if got := requests[0]().Body.String(); !strings.Contains(got, "running") {
		b.Fatal(got)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		requests[n%most]()
		if n++; n%1000 == 0 {
			c.pass(1e9) // the limit looks at what a second holds
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "polls/s")
}

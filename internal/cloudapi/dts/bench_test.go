package dts_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
)

// One poll beside its floor: the same POST, unsigned, by a bare http.Client, its answer decoded into a
// struct.
func BenchmarkPoll(b *testing.B) {
	answer := []byte(`{"Response":{"CheckFlag":1,"ErrorCode":0,"ErrorMessage":"ok","Progress":"100","RequestId":"336448b0-2a45-4be4-8356-c245eab5784f","Status":"finished"}}`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	}))
	defer s.Close()
	b.Run("floor", func(b *testing.B) {
		c := &http.Client{Transport: &http.Transport{}}
		defer c.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			resp, err := c.Post(s.URL, "application/json", bytes.NewReader([]byte(`{"JobId":"dts-dau5czmd"}`)))
			if err != nil {
				b.Fatal(err)
			}
			var v struct {
				Response struct {
					CheckFlag    int64
					ErrorCode    int64
					ErrorMessage string
					Progress     string
					RequestId    string
					Status       string
				}
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || json.Unmarshal(body, &v) != nil {
				b.Fatal("no answer")
			}
		}
	})
	b.Run("poll", func(b *testing.B) {
		tr := cloudapi.NewTransport(cloudapi.Options{})
		defer tr.Close()
		c, err := dts.New(dts.Options{BaseURL: s.URL, Transport: tr, Keys: dts.Static(first)})
		if err != nil {
			b.Fatal(err)
		}
		g := &gate{}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Poll(b.Context(), job.Job{Key: aJob}, g.open); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package wechat_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
)

// One poll beside its floor: the same POST by a bare http.Client, its answer decoded into a struct.
func BenchmarkPoll(b *testing.B) {
	answer := []byte(`{"errcode":0,"errmsg":"ok","status":"migrating","record_success":3,"record_fail":0,"error_msg":"","file_url":""}`)
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
			resp, err := c.Post(s.URL+"/componenttcb/dbmigrationstate?access_token=x", "application/json",
				bytes.NewReader([]byte(`{"env":"test2-4a89da","job_id":100071736}`)))
			if err != nil {
				b.Fatal(err)
			}
			var v struct {
				Errcode       int64  `json:"errcode"`
				Errmsg        string `json:"errmsg"`
				Status        string `json:"status"`
				RecordSuccess int64  `json:"record_success"`
				RecordFail    int64  `json:"record_fail"`
				ErrorMsg      string `json:"error_msg"`
				FileURL       string `json:"file_url"`
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
		c, err := wechat.New(wechat.Options{BaseURL: s.URL, Transport: tr, Tokens: wechat.NewFixed(token), Now: at(noon)})
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

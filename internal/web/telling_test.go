package web_test

import (
	"testing"
	"time"

	"migwatch/internal/job"
)

// What polls fail for shows to all; who is told, and that somebody does not take it, to those who may do all; and a
// job that stands still says since when.
func TestPageTells(t *testing.T) {
	r := newRig(t, setup{skew: time.Hour})
	forty := job.Observation{Phase: job.Running, Status: "running", Progress: p(40)}
	still := dts("ap-shanghai", "dts-still")
	r.watched(still, "", step{after: -8 * time.Hour, seen: forty}, step{after: -time.Minute, seen: forty})
	refused := &job.PollError{Kind: job.Forbidden, Code: "61004", Message: "access clientip is not registered: 1.2.3.4 <b>"}
	r.watched(wechat("env-1", "7"), "", step{err: refused}, step{err: refused})
	if err := r.store.Notice(t.Context(), 6*time.Hour, time.Hour); err != nil {
		t.Fatal(err)
	}
	sinks := []job.Sink{{ID: "aaaaaaaaa", Version: "1", Kind: "wecom", Name: "ops <b>", Filter: job.SinkFilter{On: []string{"failed"}}}, {ID: "bbbbbbbbb", Version: "1", Kind: "slack", Name: "dba", Filter: job.SinkFilter{On: []string{"failed"}}}}
	if err := r.store.KeepSinks(t.Context(), sinks); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE sinks SET stopped = 1, failures = 2, error = '93000 invalid webhook url', place = 0 WHERE kind = 'wecom'`)
	reader, admin := r.signedIn(readKey), r.signedIn(adminKey)
	for _, b := range []*browser{reader, admin} {
		b.get("/").has(t, "Polling is in trouble", "1 job, not permitted", "61004 access clientip is not registered: 1.2.3.4 &lt;b&gt;", "1 sink does not take what happens")
		b.get("/jobs/"+still.String()).has(t, "Stands still: nothing new since")
	}
	reader.get("/").hasNot(t, "Who is told", "93000")
	admin.get("/").has(t, "Who is told", "ops &lt;b&gt;", "93000 invalid webhook url", "stopped until its URL changes", "3 events wait")
	admin.header.Set("Accept-Language", "zh")
	admin.get("/").has(t, "轮询异常", "通知给谁", "已停止，直到地址改变")
	r.watched(dts("ap-shanghai", "dts-other"), "", step{seen: forty})
	admin.get("/jobs/dts/ap-shanghai/dts-other").hasNot(t, "停滞")
}

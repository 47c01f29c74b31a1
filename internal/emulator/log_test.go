package emulator

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCounts(t *testing.T) {
	e, server, _ := begin(t, Options{WeChat: WeChatOptions{Tokens: []string{"good"}, PerSecond: -1}, Script: script(t, "wechat env1 7\n0s reading\ndts ap-beijing dts-1\n")})
	wants(t, askWeChat(t, server, "good", "env1", "7"), "reading")
	e.Fail(WeChat, "env1", "7", Fault{Do: "error", Code: "85088", Times: 1})
	wants(t, askWeChat(t, server, "good", "env1", "7"), "85088")
	e.ExpireTokens()
	wants(t, askWeChat(t, server, "good", "env1", "7"), "42001")
	var verdicts []string
	for _, a := range e.Arrivals() {
		verdicts = append(verdicts, fmt.Sprint(a.N, " ", a.Verdict))
	}
	if diff := cmp.Diff([]string{"1 ok", "2 85088", "3 42001"}, verdicts); diff != "" {
		t.Error(diff)
	}
	want := []Count{{API: WeChat, Arrivals: 3, OK: 1, Peak: 3, Verdicts: map[string]int64{"ok": 1, "85088": 1, "42001": 1}}}
	if diff := cmp.Diff(want, e.Counts()); diff != "" {
		t.Error(diff)
	}
	e.Forget()
	if len(e.Arrivals()) != 0 || len(e.Counts()) != 0 {
		t.Error("the log is not empty")
	}
}

// TestControls drives an emulator from outside.
func TestControls(t *testing.T) {
	_, server, _ := begin(t, Options{WeChat: WeChatOptions{Tokens: []string{"good"}, PerSecond: -1}})
	control := func(method, path, body string, status int) answer {
		t.Helper()
		got := do(t, request(t, method, server.URL+"/_emulator/"+path, body))
		if got.status != status {
			t.Errorf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
		}
		return got
	}
	control("POST", "script", "wechat env1 7\n0s reading\ndts ap-beijing dts-1\n", 204)
	wants(t, control("POST", "script", "wechat env1\n", 400), "line 1: ")
	control("POST", "fault?api=wechat", "error -1", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), ":-1,")
	control("DELETE", "fault?api=wechat", "", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), "reading")
	wants(t, control("POST", "fault?api=mysql", "hang", 400), "wechat")
	wants(t, control("POST", "fault?api=dts", "hangs", 400), "hangs")
	wants(t, control("GET", "secrets", "", 200), "good\n")
	wants(t, control("GET", "arrivals", "", 200), `"-1"`)
	wants(t, control("GET", "stats", "", 200), `"-1":1`)
	closed := httptest.NewServer(New(Options{Now: (&clock{now: noon}).Now, Closed: true}))
	defer closed.Close()
	wants(t, do(t, request(t, "GET", closed.URL+"/_emulator/secrets", "")), "40066")
}

func TestLogIsBounded(t *testing.T) {
	e, server, _ := begin(t, Options{Arrivals: 10})
	for i := range 25 {
		askWeChat(t, server, "bad", "env1", fmt.Sprint(i+1))
		if log := e.Arrivals(); len(log) != min(i+1, 10) || log[len(log)-1].N != int64(i+1) || log[0].N != int64(max(1, i-8)) {
			t.Fatalf("after %d: %d arrivals, from %d to %d", i+1, len(log), log[0].N, log[len(log)-1].N)
		}
	}
	if n := e.Counts()[0].Arrivals; n != 25 {
		t.Errorf("%d counted", n)
	}
	unbounded, server, _ := begin(t, Options{Arrivals: -1})
	for i := range 25 {
		askWeChat(t, server, "bad", "env1", fmt.Sprint(i+1))
	}
	if n := len(unbounded.Arrivals()); n != 25 {
		t.Errorf("unbounded: %d", n)
	}
}

// What callers invent may not grow without bounds.
func TestNamesAreBounded(t *testing.T) {
	l := arrivals{most: 1, tally: map[place]*tally{}}
	for i := range 5000 {
		a := &Arrival{API: DTS, Scope: fmt.Sprintf("ap-x%d", i)}
		l.come(a, 0)
		l.judge(a, fmt.Sprint("code", i))
	}
	if len(l.tally) > mostScopes+1 {
		t.Errorf("%d scopes", len(l.tally))
	}
	if n := len(l.of(DTS, "").Verdicts); n > mostVerdicts+1 {
		t.Errorf("%d verdicts", n)
	}
}

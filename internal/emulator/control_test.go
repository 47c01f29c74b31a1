package emulator

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestControl(t *testing.T) {
	e, server, _ := begin(t, Options{WeChat: WeChatOptions{Tokens: []string{"good"}, PerSecond: -1}})
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
	wants(t, askWeChat(t, server, "good", "env1", "7"), "reading")
	control("POST", "fault?api=wechat&scope=env1&job_id=7", "error 85088 times 1", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), "85088")
	control("POST", "fault?api=wechat", "error -1", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), ":-1,")
	control("DELETE", "fault?api=wechat", "", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), "reading")
	wants(t, control("POST", "fault?api=mysql", "hang", 400), "wechat")
	wants(t, control("POST", "fault?api=dts", "hangs", 400), "hangs")
	control("POST", "credentials", `[{"id":"AKIDpermanent","key":"key-of-permanent","token":""}]`, 204)
	wants(t, askDTS(t, server, "ap-beijing", "dts-1", noon), "unavailable")
	control("POST", "credentials", "x", 400)
	control("POST", "tokens/expire", "", 204)
	wants(t, askWeChat(t, server, "good", "env1", "7"), "42001")
	wants(t, control("GET", "secrets", "", 200), "good\n", "key-of-permanent\n")
	checkLog(t, e, control)

	closed := httptest.NewServer(New(Options{Now: (&clock{now: noon}).Now, Closed: true}))
	defer closed.Close()
	wants(t, do(t, request(t, "GET", closed.URL+"/_emulator/secrets", "")), "40066")
}

// checkLog reads the log and the counts of TestControl from outside, and empties them.
func checkLog(t *testing.T, e *Emulator, control func(method, path, body string, status int) answer) {
	t.Helper()
	var verdicts []string
	for line := range strings.Lines(control("GET", "arrivals?after=1&api=wechat&scope=env1&job_id=7", "", 200).body) {
		var a Arrival
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, fmt.Sprint(a.N, " ", a.Verdict))
	}
	if diff := cmp.Diff([]string{"2 85088", "3 -1", "4 ok"}, verdicts); diff != "" {
		t.Error(diff)
	}
	control("GET", "arrivals?after=x", "", 400)
	var counts []Count
	if err := json.Unmarshal([]byte(control("GET", "stats", "", 200).body), &counts); err != nil {
		t.Fatal(err)
	}
	want := []Count{
		{API: DTS, Scope: "ap-beijing", Arrivals: 1, OK: 1, Peak: 1, Verdicts: map[string]int64{"ok": 1}},
		{API: WeChat, Arrivals: 5, OK: 2, Peak: 5, Verdicts: map[string]int64{"ok": 2, "85088": 1, "-1": 1, "42001": 1}},
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	control("DELETE", "arrivals", "", 204)
	if len(e.Arrivals()) != 0 || len(e.Counts()) != 0 {
		t.Error("the log is not empty")
	}
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
	if log := e.arrivalsAfter(20); len(log) != 5 || log[0].N != 21 {
		t.Errorf("after 20: %+v", log)
	}
	unbounded, server, _ := begin(t, Options{Arrivals: -1})
	for i := range 25 {
		askWeChat(t, server, "bad", "env1", fmt.Sprint(i+1))
	}
	if log := unbounded.arrivalsAfter(20); len(log) != 5 || log[0].N != 21 || len(unbounded.Arrivals()) != 25 {
		t.Errorf("unbounded: %d, after 20: %+v", len(unbounded.Arrivals()), log)
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

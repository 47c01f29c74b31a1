package functions_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"migwatch/internal/notify/notifytest"
)

// The built function tells every kind of sink what its tick changed; a report counts it, and nothing secret shows.
func TestPollTells(t *testing.T) {
	t.Parallel()
	r := newRig(t, "wechat env-1 1\n  0s waiting\n  10s fail \"no space\"\nwechat env-1 2\n  0s waiting\n  10s success 3/0\n")
	sinks := notifytest.New(t)
	var urls []string
	for _, kind := range notifytest.Kinds {
		urls = append(urls, sinks.URL(kind, ""))
	}
	urls = append(urls, "slack://T/B/"+notifytest.Key+"?base=http://127.0.0.1:1&name=gone")
	r.env["MIGWATCH_NOTIFY"], r.env["MIGWATCH_NOTIFY_LINK"] = strings.Join(urls, "\n"), "https://page.example"
	r.watch("wechat/env-1/1", "wechat/env-1/2")
	r.tick(20 * time.Second)
	r.clock.step(10 * time.Second)
	r.again("wechat/env-1/1")
	r.again("wechat/env-1/2")
	for _, kind := range notifytest.Kinds {
		got := sinks.Got(kind)
		if want := map[bool]int{true: 1, false: 2}[kind == "pagerduty"]; len(got) != want || !strings.Contains(fmt.Sprint(got[0].Text, got[0].Body), "no space") { // a pager calls nobody for a success
			t.Errorf("%s got %d messages: %.300v", kind, len(got), got)
		}
	}
	if n := sinks.Got("webhook"); len(n) == 2 {
		data, _ := n[0].Body["data"].(map[string]any)
		own, _ := data["job"].(map[string]any)
		if n[0].Body["type"] != "migwatch.phase" || data["to"] != "failed" || data["job_id"] != "1" || own["phase"] != "failed" {
			t.Errorf("%v", n[0].Body)
		}
	}
	list := r.get("/v1/sinks", adminKey)["items"].([]any)
	gone := false
	for _, one := range list {
		s := one.(map[string]any)
		if s["name"] == "gone" {
			gone = s["failures"].(float64) > 0 && s["behind"].(float64) == 2
		} else if s["behind"].(float64) != 0 || s["failures"].(float64) != 0 {
			t.Errorf("%v", s)
		}
	}
	if len(list) != len(urls) || !gone {
		t.Errorf("%v", list)
	}
	if sum := r.get("/v1/summary", readKey); sum["sinks_failing"].(float64) != 1 {
		t.Errorf("%v", sum["sinks_failing"])
	}
	stored, err := os.ReadFile(r.database)
	wal, _ := os.ReadFile(r.database + "-wal") // there may be none
	if err != nil {
		t.Fatal(err)
	}
	everything := r.poll.Stdout() + r.poll.Stderr() + fmt.Sprint(list) + string(stored) + string(wal)
	for _, canary := range notifytest.Canaries {
		if strings.Contains(everything, canary) {
			t.Errorf("%q shows", canary)
		}
	}
}

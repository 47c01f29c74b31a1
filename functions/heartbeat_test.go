package functions_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// A watchdog elsewhere is told of each tick, and why one did not work; the key in its address shows nowhere.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	watchdog := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.Method + " " + r.URL.String() + " " + string(body)
		if strings.HasPrefix(r.URL.Path, "/away") {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer watchdog.Close()
	r := newRig(t, "wechat env-1 1\n  0s waiting\n")
	r.env["MIGWATCH_HEARTBEAT_URL"] = watchdog.URL + "/ping/canary-heartbeat?rid=7"
	r.tick(20 * time.Second)
	right := r.env["MIGWATCH_DATABASE_URL"]
	for _, wrong := range []map[string]string{{"MIGWATCH_DATABASE_URL": "sqlite:" + t.TempDir() + "/none/m.db"}, {"MIGWATCH_DATABASE_URL": right, "MIGWATCH_DTS_RATE": "fast"}} {
		for name, value := range wrong {
			r.env[name] = value
		}
		if _, err := r.poll.Invoke([]byte(timerEvent), r.env, time.Now().Add(20*time.Second), "req"); err == nil {
			t.Errorf("a tick worked with %v", wrong)
		}
	}
	delete(r.env, "MIGWATCH_DTS_RATE")
	r.env["MIGWATCH_HEARTBEAT_URL"] = watchdog.URL + "/away/canary-heartbeat"
	r.tick(20 * time.Second)
	want := []string{"GET /ping/canary-heartbeat?rid=7 ", "POST /ping/canary-heartbeat/fail?rid=7 ", "POST /ping/canary-heartbeat/fail?rid=7 ", "GET /away/canary-heartbeat "}
	var got []string
	for range want {
		got = append(got, <-asked)
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) || !strings.Contains(got[1], "MIGWATCH_DATABASE_URL") || !strings.Contains(got[2], "MIGWATCH_DTS_RATE") {
		t.Errorf("the watchdog was asked %q", got)
	}
	for end := time.Now().Add(10 * time.Second); !strings.Contains(r.poll.Stdout(), "the heartbeat was not taken") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if said := r.poll.Stdout() + r.poll.Stderr(); strings.Contains(said, "canary-heartbeat") || !strings.Contains(said, "the answer was 302") {
		t.Errorf("the log: %s", said)
	}
}

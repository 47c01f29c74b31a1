package functions_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestPollsGoThroughTheProxy names hosts that only the proxy knows, and one that NO_PROXY keeps from it.
func TestPollsGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
dts ap-beijing dts-1
  0s running 10%
wechat env-1 7
  0s migrating 1/0
`)
	var mu sync.Mutex
	hosts := map[string]int{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		hosts[req.URL.Host]++
		mu.Unlock()
		r.up.ServeHTTP(w, req)
	}))
	t.Cleanup(proxy.Close)
	r.env["HTTP_PROXY"], r.env["NO_PROXY"] = proxy.URL, "direct.invalid"
	r.env["MIGWATCH_DTS_URL"], r.env["MIGWATCH_WECHAT_URL"] = "http://dts.invalid", "http://direct.invalid"
	r.watch("dts/ap-beijing/dts-1", "wechat/env-1/7")

	if report := r.tick(20 * time.Second); report.Recorded != 1 || report.Failed != 1 {
		t.Errorf("%+v, want the DTS job polled through the proxy, and the WeChat job's host not found without it", report)
	}
	r.wants("dts/ap-beijing/dts-1", readKey, map[string]string{"phase": `"running"`})
	mu.Lock()
	defer mu.Unlock()
	if hosts["dts.invalid"] != 1 || len(hosts) != 1 {
		t.Errorf("the proxy was asked for %v, want dts.invalid once", hosts)
	}
}

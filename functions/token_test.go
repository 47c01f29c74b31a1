package functions_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/emulator"
	"migwatch/internal/poller"
	"migwatch/internal/scf/scftest"
)

const (
	appID     = "wx134c8103faa5a59e"
	appSecret = "canary-app-secret-0123456789abcdef"
	pushToken = "canary-callback-token"
	aesKey    = "canaryAESkeycanaryAESkeycanaryAESkeycanaryA"
)

// own makes the rig's platform one that buys its tokens here.
func (r *rig) own() {
	delete(r.env, "MIGWATCH_WECHAT_ACCESS_TOKEN")
	r.env["MIGWATCH_WECHAT_APPID"] = appID
	r.env["MIGWATCH_WECHAT_APPSECRET"] = appSecret
	r.env["MIGWATCH_WECHAT_CALLBACK_TOKEN"] = pushToken
	r.env["MIGWATCH_WECHAT_CALLBACK_AES_KEYS"] = aesKey
}

// push sends what WeChat would push to the callback, as a function URL event.
func (r *rig) push(query string, body []byte) reply {
	r.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		r.t.Fatal(err)
	}
	flat := map[string]string{}
	for name := range values {
		flat[name] = values.Get(name)
	}
	event, err := json.Marshal(map[string]any{"httpMethod": "POST", "path": "/wechat/callback", "queryString": flat,
		"headers": map[string]string{"content-type": "text/xml"}, "body": string(body)})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.send(event)
}

// pushTicket pushes a new ticket.
func (r *rig) pushTicket() {
	r.t.Helper()
	query, body, err := r.up.TicketPush()
	if err != nil {
		r.t.Fatal(err)
	}
	if out := r.push(query, body); out.StatusCode != 200 || out.Body != "success" {
		r.t.Fatalf("a ticket push was answered %d %s", out.StatusCode, out.Body)
	}
}

func newOwnRig(t *testing.T, jobs int) *rig {
	t.Helper()
	r := newRigWith(t, fmt.Sprintf("wechat env-1 %%d x %d\n  0s migrating 1/0\n", jobs), func(o *emulator.Options) {
		o.WeChat.Tokens = nil
		o.WeChat.AppID, o.WeChat.AppSecret = appID, appSecret
		o.WeChat.Callback = emulator.Callback{Token: pushToken, AESKey: aesKey, AppID: appID}
	})
	r.own()
	for n := range jobs {
		r.watch("wechat/env-1/" + strconv.Itoa(n+1))
	}
	return r
}

// TestTokensAreBoughtHere goes the whole way: a pushed ticket buys a token, the token polls, a dead
// token is replaced once, and none of them shows anywhere.
func TestTokensAreBoughtHere(t *testing.T) {
	t.Parallel()
	r := newOwnRig(t, 3)
	const key = "wechat/env-1/1"
	if report := r.tick(20 * time.Second); report.Failed != 3 {
		t.Errorf("before the first push: %+v", report)
	}
	j := r.get("/v1/jobs/"+key, readKey)
	if kind, text := field(j, "polling.last_error.kind"), fmt.Sprint(field(j, "polling.last_error.message")); kind != "credentials" || !strings.Contains(text, "ticket") {
		t.Errorf("without a ticket: %v, %v", kind, text)
	}
	query, body, err := r.up.Push("unauthorized", "")
	if err != nil {
		t.Fatal(err)
	}
	if out := r.push(query, body); out.StatusCode != 200 || out.Body != "success" {
		t.Errorf("another InfoType: %d %s", out.StatusCode, out.Body)
	}
	forged := strings.Replace(query, "msg_signature=", "msg_signature=0", 1)
	late := r.push(strings.Replace(query, "timestamp=", "timestamp=1", 1), body)
	if out := r.push(forged, body); out.StatusCode != 403 || out.Body != late.Body || out.Body != r.push(query, []byte("<xml/>")).Body {
		t.Errorf("refusals differ: %d %s, %d %s", out.StatusCode, out.Body, late.StatusCode, late.Body)
	}
	r.pushTicket()
	r.again(key)
	r.wants(key, readKey, map[string]string{"phase": `"running"`, "polling.failures": `0`})
	r.up.ExpireTokens()
	if report := r.again(key); report.Recorded < 1 || report.Failed != 0 {
		t.Errorf("with a dead token: %+v", report)
	}
	if n := r.up.Bought(); n != 2 {
		t.Errorf("%d tokens were bought", n)
	}
	r.searchCanaries(appSecret, pushToken, aesKey)
}

// TestManyInstancesBuyOneToken: sixteen processes meet the same dead token at once.
func TestManyInstancesBuyOneToken(t *testing.T) {
	t.Parallel()
	const instances, jobs = 16, 64
	r := newOwnRig(t, jobs)
	r.pushTicket()
	if report := r.tick(30 * time.Second); report.Recorded != jobs {
		t.Fatalf("%+v", report)
	}
	polls := make([]*scftest.Function, instances)
	for i := range polls {
		polls[i] = scftest.Start(t, scftest.Build(t, "./functions/poll"), nil)
		if _, err := polls[i].Invoke([]byte(timerEvent), r.env, time.Now().Add(20*time.Second), "warm"); err != nil {
			t.Fatal(err)
		}
	}
	before := r.up.Bought()
	r.up.ExpireTokens()
	for n := range jobs {
		r.ask("POST", "/v1/jobs/wechat/env-1/"+strconv.Itoa(n+1)+"/poll", adminKey)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var sum poller.Report
	for _, f := range polls {
		all.Go(func() {
			answer, err := f.Invoke([]byte(timerEvent), r.env, time.Now().Add(40*time.Second), "req")
			var report poller.Report
			if err == nil {
				err = json.Unmarshal(answer, &report)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			sum.Recorded += report.Recorded
			sum.Failed += report.Failed
			sum.Lost += report.Lost
		})
	}
	all.Wait()
	if bought := r.up.Bought() - before; bought != 1 || sum.Recorded != jobs || sum.Failed != 0 || sum.Lost != 0 {
		t.Errorf("%d tokens bought; %d recorded, %d failed, %d lost of %d", bought, sum.Recorded, sum.Failed, sum.Lost, jobs)
	}
}

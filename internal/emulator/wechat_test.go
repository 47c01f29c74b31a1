package emulator

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const exportJob = `
wechat test2-4a89da 100071736 export
  0s waiting
  3s reading
  6s migrating 120/0
  9s success 3000/2 "导出完成." file
`

const aLook = `{"env":"test2-4a89da","job_id":100071736}`

var wechatRefusals = map[string]struct{ method, query, body, code string }{
	"method":              {"GET", "access_token=good", "", "43002"},
	"no token":            {"POST", "", aLook, "41001"},
	"empty token":         {"POST", "access_token=", aLook, "41001"},
	"token in wrong case": {"POST", "access_Token=good", aLook, "41001"},
	"token in the body":   {"POST", "", `{"access_token":"good","env":"test2-4a89da","job_id":100071736}`, "41001"},
	"token in both":       {"POST", "access_token=good", `{"Access_Token":"good","env":"test2-4a89da","job_id":100071736}`, "40097"},
	"unknown token":       {"POST", "access_token=bad", aLook, "40014"},
	"replaced token":      {"POST", "access_token=REPLACED", aLook, "40001"},
	"expired token":       {"POST", "access_token=short", aLook, "42001"},
	"no body":             {"POST", "access_token=good", "", "44002"},
	"not JSON":            {"POST", "access_token=good", `{"env":`, "47001"},
	"JSON and more":       {"POST", "access_token=good", aLook + "x", "47001"},
	"a list":              {"POST", "access_token=good", "[]", "47001"},
	"null":                {"POST", "access_token=good", "null", "47001"},
	"too large":           {"POST", "access_token=good", aLook + strings.Repeat(" ", maxBody), "47001"},
	"no env":              {"POST", "access_token=good", `{"job_id":100071736}`, "40101"},
	"no job":              {"POST", "access_token=good", `{"env":"test2-4a89da"}`, "40101"},
	"job a string":        {"POST", "access_token=good", `{"env":"test2-4a89da","job_id":"100071736"}`, "40097"},
	"job a fraction":      {"POST", "access_token=good", `{"env":"test2-4a89da","job_id":100071736.0}`, "40097"},
	"job beyond 64 bits":  {"POST", "access_token=good", `{"env":"test2-4a89da","job_id":9223372036854775808}`, "40097"},
	"env a number":        {"POST", "access_token=good", `{"env":7,"job_id":100071736}`, "40097"},
	"names in wrong case": {"POST", "access_token=good", `{"Env":"test2-4a89da","Job_id":100071736}`, "40101"},
	"unknown job":         {"POST", "access_token=good", `{"env":"test2-4a89da","job_id":1}`, "40097"},
	"unknown environment": {"POST", "access_token=good", `{"env":"test2-4a89db","job_id":100071736}`, "40097"},
}

func TestWeChatRefusals(t *testing.T) {
	e, server, clock := begin(t, Options{
		Script: script(t, exportJob),
		WeChat: WeChatOptions{Tokens: []string{"good"}, PerSecond: -1, AppID: "wx1", AppSecret: "s", Ticket: "t"},
	})
	e.Grant("short", time.Minute)
	first := buy(t, server, "wx1", "s", "t")
	buy(t, server, "wx1", "s", "t")
	clock.pass(time.Hour) // short has expired, first was replaced long ago
	for name, test := range wechatRefusals {
		t.Run(name, func(t *testing.T) {
			e.Forget()
			got := do(t, request(t, test.method, server.URL+migrationState+"?"+strings.Replace(test.query, "REPLACED", first, 1), test.body))
			if got.status != 200 || got.header.Get("Content-Type") != "text/plain" {
				t.Errorf("status %d, %s; refusals are 200 text/plain", got.status, got.header.Get("Content-Type"))
			}
			wants(t, got, `"errcode":`+test.code+`,`)
			var read struct{ Errmsg string }
			if err := json.Unmarshal([]byte(got.body), &read); err != nil || !regexp.MustCompile(` rid: [0-9a-f]{8}(-[0-9a-f]{8}){2}$`).MatchString(read.Errmsg) {
				t.Errorf("errmsg %q, %v", read.Errmsg, err)
			}
			if log := e.Arrivals(); len(log) != 1 || log[0].Verdict != test.code || !strings.HasSuffix(read.Errmsg, log[0].RequestID) {
				t.Errorf("the log says %+v", log)
			}
		})
	}
	wants(t, do(t, request(t, "POST", server.URL+"/componenttcb/other?access_token=good", aLook)), `"errcode":40066`)
	e.ExpireTokens()
	wants(t, askWeChat(t, server, "good", "test2-4a89da", "100071736"), `"errcode":42001`)
}

func TestWeChatStory(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, exportJob), WeChat: WeChatOptions{Tokens: []string{"good"}}})
	clock.pass(time.Hour) // times count from the first poll
	poll := func() answer { return askWeChat(t, server, "good", "test2-4a89da", "100071736") }
	if got, want := poll().body, `{"errcode":0,"errmsg":"ok","status":"waiting","record_success":0,"record_fail":0,"error_msg":"","file_url":""}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	clock.pass(3 * time.Second)
	wants(t, poll(), `"status":"reading"`)
	clock.pass(3 * time.Second)
	wants(t, poll(), `"status":"migrating","record_success":120,"record_fail":0`)
	clock.pass(3 * time.Second)
	signatures := map[string]bool{}
	for range 2 {
		got := poll()
		wants(t, got, `"status":"success","record_success":3000,"record_fail":2,"error_msg":"导出完成."`, "&q-sign-time=1763816409;1763820009&")
		var read struct {
			FileURL string `json:"file_url"`
		}
		if err := json.Unmarshal([]byte(got.body), &read); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(read.FileURL)
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(u.RawQuery, "q-signature=")
		signatures[signature] = true
		if all := strings.Join(e.Secrets(), "\n"); len(signature) != 40 || !strings.Contains(all, signature) {
			t.Errorf("the signature %q is not among the secrets", signature)
		}
	}
	if len(signatures) != 2 {
		t.Error("two URLs have the same signature")
	}
	if n := e.Polls(WeChat, "test2-4a89da", "100071736"); n != 5 {
		t.Errorf("%d polls, want 5", n)
	}
	last := e.Arrivals()[4]
	if last.Scope != "test2-4a89da" || last.ID != "100071736" || last.Credential != Fingerprint("good") || last.Verdict != "ok" || !last.At.Equal(clock.Now()) {
		t.Errorf("the log says %+v", last)
	}
}

func TestWeChatLimits(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, exportJob), WeChat: WeChatOptions{Tokens: []string{"good"}, PerDay: 9}})
	poll := func() answer { return askWeChat(t, server, "good", "test2-4a89da", "100071736") }
	for range 5 {
		wants(t, poll(), `"errcode":0,`)
		clock.pass(199 * time.Millisecond)
	}
	wants(t, poll(), `"errcode":45011,`)
	if e.Refused(WeChat) != 1 || e.Peak(WeChat, "") != 6 || !e.Arrivals()[5].Limited {
		t.Errorf("refused %d, peak %d", e.Refused(WeChat), e.Peak(WeChat, ""))
	}
	for range 4 {
		clock.pass(time.Second)
		wants(t, poll(), `"errcode":0,`)
	}
	clock.pass(time.Second)
	wants(t, poll(), `"errcode":45009,`)
	clock.pass(3*time.Hour + 59*time.Minute) // the day ends at 16:00 UTC
	wants(t, poll(), `"errcode":45009,`)
	clock.pass(time.Minute)
	wants(t, poll(), `"errcode":0,`)
}

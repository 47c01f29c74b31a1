package wechat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func n(v int64) *int64 { return &v }

func poll(t testing.TB, status int, answer string) (job.Observation, error) {
	t.Helper()
	a := newAPI(t, "")
	a.answer = func(int) (int, string) { return status, answer }
	return newClient(t, a.base(), wechat.NewFixed(token)).Poll(t.Context(), job.Job{Key: aJob}, nil)
}

func TestStates(t *testing.T) {
	const signed = "https://tcb-1254135806.cos.ap-shanghai.myqcloud.com/a%20b.json?q-sign-algorithm=sha1&q-sign-time=1772622000;1772625600&q-signature=x"
	const plain = "https://tcb-1254135806.cos.ap-shanghai.myqcloud.com/..."
	file := func(link string, expires time.Time) *job.File {
		return &job.File{URL: secret.New(link), ExpiresAt: expires}
	}
	later := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		answer string
		want   job.Observation
	}{
		"the page's example, mended": {
			`{"errcode":0,"errmsg":"ok","status":"success","record_success":3,"record_fail":0,"error_msg":"Export completed.","file_url":"` + plain + `"}`,
			job.Observation{Phase: job.Succeeded, Status: "success", Message: "Export completed.", RecordsSucceeded: n(3), RecordsFailed: n(0), File: file(plain, later)},
		},
		"signed file": {
			`{"status":"success","file_url":"` + signed + `"}`,
			job.Observation{Phase: job.Succeeded, Status: "success", File: file(signed, time.Unix(1772625600, 0).UTC())},
		},
		"escaped semicolon": {
			`{"status":"success","file_url":"` + strings.Replace(signed, ";", "%3B", 1) + `"}`,
			job.Observation{Phase: job.Succeeded, Status: "success", File: file(strings.Replace(signed, ";", "%3B", 1), time.Unix(1772625600, 0).UTC())},
		},
		"unreadable end":   {`{"status":"success","file_url":"` + plain + `?q-sign-time=1;x"}`, job.Observation{Phase: job.Succeeded, Status: "success", File: file(plain+"?q-sign-time=1;x", later)}},
		"end without time": {`{"status":"success","file_url":"` + plain + `?q-sign-time=5"}`, job.Observation{Phase: job.Succeeded, Status: "success", File: file(plain+"?q-sign-time=5", later)}},
		"script link":      {`{"status":"success","file_url":"javascript:alert(1)"}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"no host":          {`{"status":"success","file_url":"https:///x"}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"broken link":      {`{"status":"success","file_url":"https://h/%zz\n"}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"empty file":       {`{"status":"success","file_url":""}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"waiting":          {`{"errcode":0,"errmsg":"ok","status":"waiting"}`, job.Observation{Phase: job.Pending, Status: "waiting"}},
		"reading":          {`{"status":"reading"}`, job.Observation{Phase: job.Running, Status: "reading"}},
		"writing":          {`{"status":"writing"}`, job.Observation{Phase: job.Running, Status: "writing"}},
		"migrating":        {`{"status":"migrating","record_success":"12"}`, job.Observation{Phase: job.Running, Status: "migrating", RecordsSucceeded: n(12)}},
		"partial":          {`{"status":"success","record_success":9,"record_fail":"2"}`, job.Observation{Phase: job.Partial, Status: "success", RecordsSucceeded: n(9), RecordsFailed: n(2)}},
		"negative counts":  {`{"status":"success","record_success":-1,"record_fail":-1}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"fail":             {`{"status":"fail","error_msg":"nothing matched"}`, job.Observation{Phase: job.Failed, Status: "fail", Message: "nothing matched"}},
		"older name":       {`{"status":"fail","err_msg":"old"}`, job.Observation{Phase: job.Failed, Status: "fail", Message: "old"}},
		"both names":       {`{"status":"fail","err_msg":"old","error_msg":"new"}`, job.Observation{Phase: job.Failed, Status: "fail", Message: "new"}},
		"empty new name":   {`{"status":"fail","err_msg":"old","error_msg":""}`, job.Observation{Phase: job.Failed, Status: "fail", Message: "old"}},
		"other word":       {`{"status":"Paused by 管理员"}`, job.Observation{Phase: job.Unknown, Status: "Paused by 管理员"}},
		"other case":       {`{"status":"SUCCESS"}`, job.Observation{Phase: job.Succeeded, Status: "SUCCESS"}},
		"bare line break":  {"\ufeff{\"errcode\":0,\"errmsg\":\"ok\",\"status\":\"fail\",\"error_msg\":\"第3行\n解析失败\"}", job.Observation{Phase: job.Failed, Status: "fail", Message: "第3行\n解析失败"}},
		"exact keys":       {`{"Status":"fail","status":"success","STATUS":"x","ERRCODE":-1}`, job.Observation{Phase: job.Succeeded, Status: "success"}},
		"request id":       {`{"errcode":0,"errmsg":"ok rid: 60eeb120-08eb133c-7e30ea1a","status":"waiting"}`, job.Observation{Phase: job.Pending, Status: "waiting", RequestID: "60eeb120-08eb133c-7e30ea1a"}},
		"nulls":            {`{"errcode":null,"errmsg":null,"status":"waiting","record_success":null,"error_msg":null,"file_url":null}`, job.Observation{Phase: job.Pending, Status: "waiting"}},
		"errcode as text":  {`{"errcode":"0","status":"waiting"}`, job.Observation{Phase: job.Pending, Status: "waiting"}},
		"unknown keys":     {`{"status":"waiting","x":{"status":"fail"},"y":[1,2]}`, job.Observation{Phase: job.Pending, Status: "waiting"}},
		"dirty text":       {"{\"status\":\"fail\",\"error_msg\":\"a\\u0000b\xffc\"}", job.Observation{Phase: job.Failed, Status: "fail", Message: "abc"}},
		"long text":        {`{"status":"fail","error_msg":"` + strings.Repeat("错", 1000) + `"}`, job.Observation{Phase: job.Failed, Status: "fail", Message: strings.Repeat("错", 682)}},
		"long status":      {`{"status":"` + strings.Repeat("s", 100) + `"}`, job.Observation{Phase: job.Unknown, Status: strings.Repeat("s", 64)}},
		"quotes the token": {`{"status":"fail","error_msg":"at ` + token.Reveal() + `"}`, job.Observation{Phase: job.Failed, Status: "fail", Message: "at [hidden]"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen, err := poll(t, 200, c.answer)
			if err != nil {
				t.Fatal(err)
			}
			sameLink := cmp.Comparer(func(a, b job.Hidden) bool {
				if a == nil || b == nil {
					return a == b
				}
				return a.Reveal() == b.Reveal()
			})
			if diff := cmp.Diff(c.want, seen, sameLink); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestErrcodes(t *testing.T) {
	kinds := map[job.Kind][]string{
		job.Transient:   {"-1", "-1000", "-501001", "-501002", "-601001", "-601003"},
		job.Credentials: {"40001", "40014", "42001", "41001", "61005", "61006", "61011", "40013", "40125", "41004", "41018"},
		job.Invalid:     {"40097", "40101", "47001", "44002", "43002", "40066"},
		job.Quota:       {"45009"},
		job.Throttled:   {"45011", "-501003", "-501004", "-501015", "-501016"},
		job.Forbidden:   {"48001", "48004", "50002", "61003", "61007", "61014", "61004", "40164", "45035", "85088"},
	}
	for kind, codes := range kinds {
		for _, code := range codes {
			for _, form := range []string{code, `"` + code + `"`} {
				_, err := poll(t, 200, `{"errcode":`+form+`,"errmsg":"the text rid: 60eeb120-08eb133c-7e30ea1a","status":"success"}`)
				e := pollError(t, err)
				if e.Kind != kind || e.Code != code || e.Unlisted || e.RequestID != "60eeb120-08eb133c-7e30ea1a" {
					t.Errorf("%s: %#v, want %s", form, e, kind)
				}
				if !strings.HasPrefix(e.Message, "the text") || strings.Contains(e.Message, "rid") || kind != job.Forbidden && e.Message != "the text" {
					t.Errorf("%s: message %q", form, e.Message)
				}
				wait := time.Duration(0)
				if kind == job.Throttled {
					wait = time.Minute
				}
				if e.RetryAfter != wait {
					t.Errorf("%s: wait %v, want %v", form, e.RetryAfter, wait)
				}
			}
			if e := pollError(t, second(poll(t, 200, `{"errcode":`+code+`}`))); e.Message == "" {
				t.Errorf("%s without errmsg says nothing", code)
			}
		}
	}
	for _, code := range []string{"12345", "-9", "9223372036854775807"} {
		e := pollError(t, second(poll(t, 200, `{"errcode":`+code+`,"errmsg":"new"}`)))
		if e.Kind != job.Transient || !e.Unlisted || e.Code != code || e.Message != "new" {
			t.Errorf("%s: %#v, want an unlisted transient one", code, e)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct{ errmsg, message, id string }{
		{"invalid credential rid: 60eeb120-08eb133c-7e30ea1a", "invalid credential", "60eeb120-08eb133c-7e30ea1a"},
		{"invalid credential, rid: 60ee", "invalid credential", "60ee"},
		{"invalid credential hint: [NmHlBA06683952!]", "invalid credential", "NmHlBA06683952!"},
		{"invalid credential hint: [abc] rid: 60ee", "invalid credential", "60ee"},
		{"invalid credential rid: 60ee hint: [abc]", "invalid credential", "60ee"},
		{"rid: 60ee", "the access token is not valid", "60ee"},
		{"no grid: here", "no grid: here", ""},
		{"the rid: 60ee is in the middle", "the rid: 60ee is in the middle", ""},
		{"  ok  ", "ok", ""},
		{"sent access_token=" + "CANARY%2F%2Bfirst" + " and " + canary + "first", "sent access_token=[hidden] and [hidden]", ""},
		{strings.Repeat("长", 1000) + " rid: 60ee", strings.Repeat("长", 682), "60ee"},
	} {
		e := pollError(t, second(poll(t, 200, `{"errcode":40001,"errmsg":"`+c.errmsg+`"}`)))
		if e.Message != c.message || e.RequestID != c.id {
			t.Errorf("%q: %q and %q, want %q and %q", c.errmsg, e.Message, e.RequestID, c.message, c.id)
		}
	}
	for _, code := range []string{"61004", "40164", "45035"} {
		e := pollError(t, second(poll(t, 200, `{"errcode":`+code+`,"errmsg":"invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist rid: 60ee"}`)))
		if !strings.Contains(e.Message, "203.0.113.9") || !strings.Contains(e.Message, "allow list") {
			t.Errorf("%s does not show the IP to register: %q", code, e.Message)
		}
	}
	e := pollError(t, second(poll(t, 200, `{"errcode":61004,"errmsg":"`+strings.Repeat("长", 1000)+`"}`)))
	if len(e.Message) > 2048 {
		t.Errorf("a message of %d bytes", len(e.Message))
	}
}

func TestGarbage(t *testing.T) {
	const page = "初始值\n\"errcode\": 0,\n\"errmsg\": \"ok\",\n\"status\": \"success\",\n\"record_success\": 3,\n\"record_fail\": 0,\n\"error_msg\": \"Export completed.\"\n\"file_url\": \"https://x\"\n}"
	const good = `{"errcode":0,"errmsg":"ok","status":"success","record_success":3}`
	bodies := map[string]string{
		"the page's example": page, "empty": "", "null": "null", "list": "[]", "html": "<html>", "two boms": "\ufeff\ufeff" + good, "trailing": good + "}", "two": good + good,
		"no status": `{"errcode":0,"errmsg":"ok"}`, "empty status": `{"status":""}`, "null status": `{"status":null}`, "number status": `{"status":1}`,
		"nul status": `{"status":"\u0000"}`, "twice": `{"status":"waiting","status":"success"}`, "other case only": `{"Status":"success"}`,
		"bad count": `{"status":"success","record_fail":"many"}`, "huge count": `{"status":"success","record_fail":9223372036854775808}`, "bad errcode": `{"errcode":true,"status":"success"}`,
		"empty object": `{}`, "deep": `{"x":` + strings.Repeat("[", 100000) + `}`, "list text": `{"status":"fail","error_msg":[]}`, "list url": `{"status":"fail","file_url":[]}`,
		"errmsg object": `{"errmsg":{},"status":"success"}`,
	}
	for i := range len(good) {
		bodies["cut at "+good[:i]] = good[:i]
	}
	for name, body := range bodies {
		e := pollError(t, second(poll(t, 200, body)))
		if e.Kind != job.Protocol {
			t.Errorf("%s: %s %s, want protocol", name, e.Kind, e.Code)
		}
	}
	for status, kind := range map[int]job.Kind{404: job.Protocol, 403: job.Protocol, 500: job.Transient, 502: job.Transient, 429: job.Throttled, 302: job.Protocol} {
		e := pollError(t, second(poll(t, status, "<html>"+token.Reveal())))
		if e.Kind != kind {
			t.Errorf("%d: %s, want %s", status, e.Kind, kind)
		}
	}
	if e := pollError(t, second(poll(t, 403, `{"errcode":48001,"errmsg":"api unauthorized"}`))); e.Kind != job.Forbidden {
		t.Errorf("an errcode beside a status: %s", e.Kind)
	}
	if e := pollError(t, second(poll(t, 404, good))); e.Kind != job.Protocol || e.Code != "http_404" {
		t.Errorf("a state beside a status: %s %s", e.Kind, e.Code)
	}
}

func TestTheJobIDIsWrittenAsItStands(t *testing.T) {
	for _, id := range []string{"1", "9007199254740993", "9223372036854775807"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if want := `{"env":"test2-4a89da","job_id":` + id + `}`; string(body) != want {
				t.Errorf("the body is %s, want %s", body, want)
			}
			_, _ = io.WriteString(w, `{"status":"waiting"}`)
		}))
		if _, err := newClient(t, s.URL, wechat.NewFixed(token)).Poll(t.Context(), job.Job{Key: job.Key{Provider: job.WeChat, Scope: aJob.Scope, ID: id}}, nil); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

func TestWrongKeysAreNotSent(t *testing.T) {
	a := newAPI(t, `{"status":"waiting"}`)
	for _, k := range []job.Key{{}, {Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}, {Provider: job.WeChat, Scope: "a b", ID: "1"}, {Provider: job.WeChat, Scope: "a", ID: "-1"}} {
		if e := pollError(t, second(newClient(t, a.base(), wechat.NewFixed(token)).Poll(t.Context(), job.Job{Key: k}, nil))); e.Kind != job.Invalid {
			t.Errorf("%v: %s", k, e.Kind)
		}
	}
	if a.count() != 0 {
		t.Error("something was sent")
	}
}

func TestTheGateIsAskedForEachCallAndItsErrorComesBack(t *testing.T) {
	refusal := errors.New("no slot")
	a := newAPI(t, `{"status":"waiting"}`)
	c := newClient(t, a.base(), wechat.NewFixed(token))
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, func(context.Context) error { return refusal }); err != refusal { // the very error is promised
		t.Errorf("error is %v, want the gate's", err)
	}
	if a.count() != 0 {
		t.Error("a request was sent through a shut gate")
	}
	g := &gate{}
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, g.open); err != nil || g.calls != 1 {
		t.Errorf("%v with %d gate calls, want 1", err, g.calls)
	}
}

func TestNewRefusesAWrongURL(t *testing.T) {
	_, err := wechat.New(wechat.Options{BaseURL: "https://host?x=" + canary})
	if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "MIGWATCH_WECHAT_URL") {
		t.Errorf("error is %v", err)
	}
	if c, err := wechat.New(wechat.Options{}); err != nil || c == nil {
		t.Errorf("the default URL is refused: %v", err)
	}
}

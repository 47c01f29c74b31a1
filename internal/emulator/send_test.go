package emulator

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

const waiting = `{"errcode":0,"errmsg":"ok","status":"waiting","record_success":0,"record_fail":0,"error_msg":"","file_url":""}`

// broken starts an emulator whose only job meets one fault, and gives a poll of it.
func broken(t *testing.T, fault string) (*Emulator, func() (*http.Response, error)) {
	t.Helper()
	e, server, _ := begin(t, Options{
		Script: script(t, "wechat env1 7\n0s waiting\n0s "+fault), WeChat: WeChatOptions{Tokens: []string{"good"}},
	})
	return e, func() (*http.Response, error) {
		client := &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		return client.Post(server.URL+migrationState+"?access_token=good", "", strings.NewReader(`{"env":"env1","job_id":7}`))
	}
}

func TestFaultsThatAnswer(t *testing.T) {
	for fault, want := range map[string]struct {
		status  int
		body    string
		verdict string
	}{
		"http 500 html":            {500, "500 Internal Server Error", "http 500"},
		`http 502 "bad"`:           {502, "bad", "http 502"},
		"http 204":                 {204, "", "http 204"},
		`body "{\"errcode\":\xff"`: {200, "{\"errcode\":\xff", "body"},
		"empty":                    {200, "", "empty"},
		"null":                     {200, "null", "null"},
		"bom":                      {200, "\xef\xbb\xbf" + waiting, "bom"},
		"truncated 0":              {200, "", "truncated"},
		"truncated 20":             {200, waiting[:20], "truncated"},
		"truncated 2000":           {200, waiting, "truncated"},
		"deep 3":                   {200, `{"Response":[[[]]]}`, "deep"},
		"delay 1ms":                {200, waiting, "delay"},
		"drip 10us":                {200, waiting, "drip"},
		`redirect "http://h/"`:     {307, "", "redirect"},
		`error 85088`:              {200, `{"errcode":85088,"errmsg":"no qbase privilege rid: `, "85088"},
		`error -7 "odd"`:           {200, `{"errcode":-7,"errmsg":"odd rid: `, "-7"},
		"throttle":                 {200, `{"errcode":45011,`, "45011"},
		"missing":                  {200, `{"errcode":40097,`, "40097"},
	} {
		t.Run(fault, func(t *testing.T) {
			e, poll := broken(t, fault)
			res, err := poll()
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != want.status || !strings.Contains(string(body), want.body) || want.body == "" && len(body) > 0 {
				t.Errorf("%d %q, %v", res.StatusCode, body, err)
			}
			if log := e.Arrivals(); log[0].Verdict != want.verdict || log[0].Limited {
				t.Errorf("the log says %+v", log[0])
			}
			if location := res.Header.Get("Location"); strings.HasPrefix(fault, "redirect") != (location == "http://h/") {
				t.Errorf("Location %q", location)
			}
		})
	}
}

func TestFaultsThatBreakOff(t *testing.T) {
	_, poll := broken(t, "reset")
	if res, err := poll(); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("reset: %v, %v", res, err)
	}
	_, poll = broken(t, "cut 20")
	res, err := poll()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if string(body) != waiting[:20] || res.ContentLength != int64(len(waiting)) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %q of %d, %v", body, res.ContentLength, err)
	}
}

func TestGzipBomb(t *testing.T) {
	_, poll := broken(t, "gzip-bomb 3")
	res, err := poll()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	packed, err := io.ReadAll(res.Body)
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" || len(packed) > 10_000 {
		t.Fatalf("%d bytes of %q, %v", len(packed), res.Header.Get("Content-Encoding"), err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil || len(body) != 3<<20+len(waiting) || !strings.HasSuffix(string(body), waiting) {
		t.Errorf("%d bytes unpacked, %v", len(body), err)
	}
}

func TestEndless(t *testing.T) {
	_, poll := broken(t, "endless")
	res, err := poll()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.CopyN(io.Discard, res.Body, 5<<20); err != nil {
		t.Errorf("ends after %d bytes: %v", n, err)
	}
}

func TestHang(t *testing.T) {
	e, server, _ := begin(t, Options{Script: script(t, "wechat env1 7\n0s waiting\ndts ap-beijing dts-1\n"),
		WeChat: WeChatOptions{Tokens: []string{"good"}}, DTS: DTSOptions{Credentials: []Credential{permanent}}})
	e.Hang(WeChat)
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error, 1)
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", server.URL+migrationState+"?access_token=good", strings.NewReader(`{"env":"env1","job_id":7}`))
		_, err := http.DefaultClient.Do(req)
		hung <- err
	}()
	for len(e.Arrivals()) == 0 || e.Arrivals()[0].Verdict != "hang" { // it is in the log before it ends
		time.Sleep(time.Millisecond)
	}
	wants(t, askDTS(t, server, "ap-beijing", "dts-1", noon), "unavailable") // the other API goes on
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Errorf("the hung call ended with %v", err)
	}
	e.Heal(WeChat)
	wants(t, askWeChat(t, server, "good", "env1", "7"), waiting)

	e.Hang(WeChat)
	go func() {
		_, err := http.Post(server.URL+migrationState+"?access_token=good", "", strings.NewReader(`{"env":"env1","job_id":7}`))
		hung <- err
	}()
	for len(e.Arrivals()) < 4 || e.Arrivals()[3].Verdict == "" {
		time.Sleep(time.Millisecond)
	}
	e.Close()
	if err := <-hung; err == nil {
		t.Error("a hanging call was answered when the emulator closed")
	}
}

func TestFaultsFromOutside(t *testing.T) {
	e, server, clock := begin(t, Options{
		Script: script(t, "wechat env1 %d x 9\nwechat env2 1\napi wechat env2\n10s error -1 for 5s\n"),
		WeChat: WeChatOptions{Tokens: []string{"good"}, PerSecond: -1},
	})
	code := func(env, id string) string {
		code, _, _ := strings.Cut(strings.TrimPrefix(askWeChat(t, server, "good", env, id).body, `{"errcode":`), ",")
		return code
	}
	codes := func() string { return code("env1", "1") + " " + code("env1", "2") + " " + code("env2", "1") }
	expect := func(when, want string) {
		t.Helper()
		if got := codes(); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	expect("at first", "0 0 0")
	e.Fail(WeChat, "", "", Fault{Do: "error", Code: "1", For: 3 * time.Second})
	e.Fail(WeChat, "env1", "", Fault{Do: "error", Code: "2"})
	e.Fail(WeChat, "env1", "2", Fault{Do: "error", Code: "3", Times: 1})
	expect("the closest fault wins", "2 3 1")
	expect("once", "2 2 1")
	clock.pass(3 * time.Second)
	expect("for three seconds", "2 2 0")
	e.Heal(WeChat)
	expect("healed", "0 0 0")
	clock.pass(7 * time.Second)
	expect("scripted for a scope", "0 0 -1")
	clock.pass(5 * time.Second)
	expect("over", "0 0 0")
}

// A purchase whose answer is lost has been made all the same; one that was refused has not.
func TestFaultsAndEffects(t *testing.T) {
	e, server, _ := begin(t, Options{WeChat: WeChatOptions{AppID: "wx1", AppSecret: "s", Ticket: "t"}})
	e.Fail(ComponentToken, "", "", Fault{Do: "truncated", N: 5})
	purchase(t, server, "wx1", "s", "t")
	if n := e.Bought(); n != 1 {
		t.Errorf("%d bought behind a lost answer", n)
	}
	e.Fail(ComponentToken, "", "", Fault{Do: "http", N: 502})
	purchase(t, server, "wx1", "s", "t")
	if n := e.Bought(); n != 1 {
		t.Errorf("%d bought behind a gateway's error", n)
	}
}

func TestBrokenOffRequest(t *testing.T) {
	e, server, _ := begin(t, Options{})
	body, write := io.Pipe()
	go func() {
		_, _ = io.WriteString(write, `{"env":`)
		_ = write.CloseWithError(errors.New("gone"))
	}()
	_, err := http.Post(server.URL+migrationState+"?access_token=good", "", bufio.NewReader(body))
	if err == nil {
		t.Fatal("answered")
	}
	for len(e.Arrivals()) == 0 || e.Arrivals()[0].Verdict == "" {
		time.Sleep(time.Millisecond)
	}
	if v := e.Arrivals()[0].Verdict; v != "request broken off" {
		t.Errorf("the log says %q", v)
	}
}

package notify_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
	"migwatch/internal/notify"
	"migwatch/internal/notify/notifytest"
	"migwatch/internal/secret"
	"migwatch/internal/sink"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

var at = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func client(link string) *notify.Client {
	return &notify.Client{Now: time.Now, Link: link, HTTP: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func sinkOf(t *testing.T, url string) sink.Sink {
	t.Helper()
	list, wrong := sink.Parse(secret.New(url))
	if len(wrong) > 0 || len(list) != 1 {
		t.Fatal(wrong)
	}
	return list[0]
}

const hostile = `@all <!channel> <at user_id="all">x</at> **b** & "q" [a](https://evil.example) <script>`

// told is something of everything.
func told() map[string]job.Told {
	key := job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-1kl0iy0v"}
	started, progress := at.Add(-51*time.Hour), int64(40)
	j := job.Job{Key: key, Label: "orders", Phase: job.Failed, WatchedAt: at.Add(-60 * time.Hour), ChangedAt: at, About: job.About{Name: "mysql-orders", StartedAt: &started},
		Latest: &job.Snapshot{Seq: 4, Observation: job.Observation{Phase: job.Failed, Status: "failed", Progress: &progress}, FirstObservedAt: at.Add(-7 * time.Hour), LastObservedAt: at, Observations: 3}}
	with := func(id int64, from, to job.Phase, status, message string) job.Told {
		own := j
		snapshot := *j.Latest
		snapshot.Status, own.Latest = status, &snapshot
		return job.Told{Event: job.Event{ID: id, Type: job.PhaseChanged, Key: key, From: from, To: to, At: at, Seq: 4, Message: message, Jobs: 1}, Job: &own}
	}
	stuck := with(5, job.Running, job.Running, "running", "running at 40% shows nothing new since 2026-03-01 01:00 UTC")
	stuck.Event.Type = job.Stuck
	check := with(6, job.Running, job.Succeeded, "finished", "")
	check.Event.Key.Provider = job.DTS
	check.Job = nil
	foul := with(7, job.Running, job.Failed, "failed", hostile+"\r\n"+strings.Repeat("错误", 20_000))
	foul.Job.Label = hostile
	trouble := job.Trouble{Budget: "wechat", Kind: job.Forbidden, Jobs: 40, Code: "61004", Message: "access clientip is not registered: 1.2.3.4"}
	return map[string]job.Told{
		"failed": with(1, job.Running, job.Failed, "failed", "The target is full — Make room, then retry."), "succeeded": with(2, job.Running, job.Succeeded, "success", ""),
		"waits": with(3, job.Running, job.ActionRequired, "readyComplete", ""), "missing": with(4, job.Running, job.Missing, "not_listed", ""), "stuck": stuck, "check": check,
		"hostile": foul, "trouble": {Event: trouble.Event(false, at)}, "over": {Event: trouble.Event(true, at)}, "test": notify.TestMessage(at),
	}
}

// TestTexts holds what people read, in both languages, to what it was when somebody last read it.
func TestTexts(t *testing.T) {
	r := notifytest.New(t)
	for _, lang := range []string{"en", "zh"} {
		var all strings.Builder
		s := sinkOf(t, r.URL("wecom", "&lang="+lang))
		r.Now = func() time.Time { return time.Now().Add(time.Duration(r.Asked("wecom")) * time.Minute) }
		for _, name := range []string{"failed", "succeeded", "waits", "missing", "stuck", "check", "trouble", "over", "test"} {
			before := len(r.Got("wecom"))
			if _, err := client("https://page.example/m").Send(t.Context(), s, []job.Told{told()[name]}); err != nil {
				t.Fatal(name, err)
			}
			fmt.Fprintf(&all, "== %s\n%s\n\n", name, r.Got("wecom")[before].Text)
		}
		var many []job.Told
		for _, name := range []string{"failed", "succeeded", "waits", "stuck", "check", "trouble", "over", "succeeded"} {
			many = append(many, told()[name])
		}
		before := len(r.Got("wecom"))
		if n, err := client("https://page.example/m").Send(t.Context(), s, many); n != len(many) || err != nil {
			t.Fatal(n, err)
		}
		fmt.Fprintf(&all, "== digest\n%s\n", r.Got("wecom")[before].Text)
		golden := filepath.Join("testdata", lang+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(all.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if diff := cmp.Diff(string(want), all.String()); err != nil || diff != "" {
			t.Errorf("%s (-want +got), go test -update accepts it: %v\n%s", golden, err, diff)
		}
	}
}

// TestEveryKindTakesEverything: each kind of sink, as strict as the real one, takes each type of event and a digest in
// both languages; texts of others are no markup and call nobody; nothing secret shows.
func TestEveryKindTakesEverything(t *testing.T) {
	for _, kind := range notifytest.Kinds {
		for _, lang := range []string{"en", "zh"} {
			t.Run(kind+"/"+lang, func(t *testing.T) {
				t.Parallel()
				r := notifytest.New(t)
				r.Now = func() time.Time { return time.Now().Add(time.Duration(r.Asked(kind)) * 3 * time.Second) } // the rate is another test's
				s, c := sinkOf(t, r.URL(kind, "&lang="+lang)), client("")
				for _, name := range []string{"failed", "succeeded", "stuck", "trouble", "over", "hostile"} {
					if n, err := c.Send(t.Context(), s, []job.Told{told()[name]}); n != 1 || err != nil {
						t.Errorf("%s: %d, %v", name, n, err)
					}
				}
				var many []job.Told
				for n := range 400 {
					m := told()["hostile"]
					m.Event.ID = int64(n)
					many = append(many, m)
				}
				n, err := c.Send(t.Context(), s, many)
				if want := map[bool]int{true: 1, false: 400}[kind == "webhook" || kind == "pagerduty"]; n != want || err != nil {
					t.Errorf("digest: %d, %v", n, err)
				}
				for _, g := range r.Got(kind) {
					if !utf8.ValidString(g.Text) || strings.ContainsRune(g.Text, utf8.RuneError) {
						t.Errorf("a character is cut: %q", g.Text)
					}
					if chat := kind != "webhook" && kind != "mail" && kind != "pagerduty"; chat && (strings.Contains(g.Text, "@all") || strings.Contains(g.Text, "<at")) {
						t.Errorf("people are called: %.200q", g.Text)
					}
				}
				if kind == "mail" && strings.Contains(fmt.Sprint(r.Got(kind)[5].Body["text/html"]), "<script") {
					t.Error("a label is HTML")
				}
			})
		}
	}
}

// TestAnswers sorts what services answer, as their documents have it.
func TestAnswers(t *testing.T) {
	retry := http.Header{"Retry-After": {"7"}}
	for name, test := range map[string]struct {
		kind   string
		status int
		body   string
		header http.Header
		class  notify.Class
		code   string
		after  time.Duration
	}{
		"wecom busy":             {"wecom", 200, `{"errcode":-1,"errmsg":"system busy"}`, nil, notify.Again, "-1", 0},
		"wecom too fast":         {"wecom", 200, `{"errcode":45009,"errmsg":"api freq out of limit"}`, nil, notify.Again, "45009", time.Minute},
		"wecom too long":         {"wecom", 200, `{"errcode":40058,"errmsg":"exceed max length 2048"}`, nil, notify.Refused, "40058", 0},
		"wecom wrong key":        {"wecom", 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, nil, notify.Gone, "93000", 0},
		"wecom a proxy's page":   {"wecom", 200, `<html>sign in</html>`, nil, notify.Again, "200", 0},
		"wecom down":             {"wecom", 502, `bad gateway`, retry, notify.Again, "502", 7 * time.Second},
		"dingtalk too fast":      {"dingtalk", 200, `{"errcode":130101,"errmsg":"send too fast"}`, nil, notify.Again, "130101", 10 * time.Minute},
		"dingtalk keyword":       {"dingtalk", 200, `{"errcode":310000,"errmsg":"keywords not in content"}`, nil, notify.Gone, "310000", 0},
		"dingtalk token":         {"dingtalk", 200, `{"errcode":300001,"errmsg":"token is not exist"}`, nil, notify.Gone, "300001", 0},
		"feishu busy":            {"feishu", 200, `{"code":11232,"msg":"frequency limited"}`, nil, notify.Again, "11232", 5 * time.Second},
		"feishu sign":            {"feishu", 200, `{"code":19021,"msg":"sign match fail"}`, nil, notify.Gone, "19021", 0},
		"lark keyword":           {"lark", 200, `{"code":19024,"msg":"Key Words Not Found"}`, nil, notify.Gone, "19024", 0},
		"lark body":              {"lark", 400, `{"code":9499,"msg":"Bad Request"}`, nil, notify.Refused, "9499", 0},
		"slack too fast":         {"slack", 429, `rate_limited`, retry, notify.Again, "429", 7 * time.Second},
		"slack body":             {"slack", 400, `invalid_payload`, nil, notify.Refused, "400", 0},
		"slack revoked":          {"slack", 404, `no_service`, nil, notify.Gone, "404", 0},
		"slack archived":         {"slack", 410, `channel_is_archived`, nil, notify.Gone, "410", 0},
		"slack says another":     {"slack", 200, `hello`, nil, notify.Again, "200", 0},
		"pagerduty too fast":     {"pagerduty", 429, `{}`, nil, notify.Again, "429", 0},
		"pagerduty key":          {"pagerduty", 400, `{"errors":["Invalid routing key"]}`, nil, notify.Gone, "400", 0},
		"pagerduty body":         {"pagerduty", 400, `{"errors":["'summary' is missing"]}`, nil, notify.Refused, "400", 0},
		"webhook gone":           {"webhook", 410, ``, nil, notify.Gone, "410", 0},
		"webhook elsewhere":      {"webhook", 302, ``, http.Header{"Location": {"http://127.0.0.1:1/"}}, notify.Again, "302", 0},
		"webhook slow down":      {"webhook", 504, ``, retry, notify.Again, "504", 7 * time.Second},
		"webhook under repair":   {"webhook", 404, `no such route`, nil, notify.Again, "404", 0},
		"webhook says its key":   {"webhook", 500, `POST /webhook?team=canary-query failed ` + notifytest.Whsec, nil, notify.Again, "500", 0},
		"mail for good":          {"mail", 550, `5.1.1 no such user`, nil, notify.Refused, "550", 0},
		"mail for now":           {"mail", 451, `4.3.0 try later`, nil, notify.Again, "451", 0},
		"mail login":             {"mail", 530, `5.7.0 log in`, nil, notify.Gone, "530", 0},
		"feishu too large":       {"feishu", 200, `{"code":19036,"msg":"too large"}`, nil, notify.Refused, "19036", 0},
		"dingtalk not a number":  {"dingtalk", 200, `{"errcode":"0"}`, nil, notify.Again, "200", 0},
		"pagerduty a maintainer": {"pagerduty", 200, `ok`, nil, notify.Again, "200", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := notifytest.New(t)
			r.Answer = func(string) (int, string, http.Header) { return test.status, test.body, test.header }
			n, err := client("").Send(t.Context(), sinkOf(t, r.URL(test.kind, "")), []job.Told{told()["failed"]})
			var e *notify.Error
			if n != 0 || !errors.As(err, &e) {
				t.Fatalf("%d, %v", n, err)
			}
			if e.Class != test.class || e.Code != test.code || e.RetryAfter != test.after {
				t.Errorf("%+v", e)
			}
			for _, canary := range notifytest.Canaries {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("%q shows in %v", canary, err)
				}
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		for _, url := range []string{"webhook+http://127.0.0.1:1/canary?canary-query=1&secret=" + notifytest.Whsec, "slack://T/B/" + notifytest.Key + "?base=http://127.0.0.1:1", "smtp://u:" + notifytest.MailWord + "@127.0.0.1:1/?from=a@b.example&to=c@d.example"} {
			_, err := client("").Send(context.Background(), sinkOf(t, url), []job.Told{told()["failed"]})
			var e *notify.Error
			if !errors.As(err, &e) || e.Class != notify.Again || e.Code != "network" || strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		}
	})
}

// A pager calls somebody once a job, and says with the same key when that is over.
func TestPagerResolves(t *testing.T) {
	r := notifytest.New(t)
	s := sinkOf(t, r.URL("pagerduty", ""))
	all := told()
	begun := all["failed"]
	begun.Event.From, begun.Event.To = job.Failed, job.Running
	if !notify.IsTold(s, begun.Event) || notify.IsTold(sinkOf(t, r.URL("slack", "")), begun.Event) {
		t.Error("who called somebody for a failed job is not told that it runs again")
	}
	started := all["failed"]
	started.Event.From, started.Event.To = job.Pending, job.Running
	for _, m := range []job.Told{all["failed"], begun, started, all["stuck"], all["succeeded"], all["trouble"], all["over"], all["test"]} {
		if _, err := client("").Send(t.Context(), s, []job.Told{m}); err != nil {
			t.Fatal(err)
		}
	}
	const of = "migwatch/dts-migration/ap-shanghai/dts-1kl0iy0v"
	want := []string{"trigger " + of, "resolve " + of, "trigger " + of, "resolve " + of, "trigger migwatch/wechat//forbidden", "resolve migwatch/wechat//forbidden", "trigger migwatch/dts/ap-test/dts-test", "resolve migwatch/dts/ap-test/dts-test"}
	var got []string
	for _, g := range r.Got("pagerduty") {
		got = append(got, g.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

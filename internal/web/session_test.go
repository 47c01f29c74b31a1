package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
)

func TestWhoMaySee(t *testing.T) {
	for _, test := range []struct {
		name   string
		o      setup
		header map[string]string
		path   string
		status int
		text   string
	}{
		{"no key", setup{}, nil, "/", 401, `name="key"`},
		{"no key, Chinese", setup{}, map[string]string{"Accept-Language": "zh-CN,zh;q=0.9"}, "/", 401, "请输入 API 密钥"},
		{"wrong key", setup{}, map[string]string{"Authorization": "Bearer nonsense"}, "/", 401, `name="key"`},
		{"not a bearer", setup{}, map[string]string{"Authorization": "Basic " + readKey}, "/", 401, `name="key"`},
		{"read key", setup{}, map[string]string{"Authorization": "Bearer " + readKey}, "/", 200, "Migration jobs"},
		{"key in the URL", setup{}, nil, "/?key=" + readKey, 401, `name="key"`},
		{"forged cookie", setup{}, map[string]string{"Cookie": "migwatch_session=t2.AAAA"}, "/", 401, `name="key"`},
		{"the key as cookie", setup{}, map[string]string{"Cookie": "migwatch_session=" + adminKey}, "/", 401, `name="key"`},
		{"public", setup{public: true}, nil, "/", 200, `href="./session?next=%2f"`},
		{"public, wrong key", setup{public: true}, map[string]string{"Authorization": "Bearer nonsense"}, "/", 401, `name="key"`},
		{"no keys, loopback", setup{noKeys: true}, nil, "/", 200, "Watch a job"},
		{"no keys, foreign host", setup{noKeys: true}, map[string]string{"Host": "evil.example"}, "/", 403, "MIGWATCH_ADMIN_KEYS"},
		{"no keys, foreign origin", setup{noKeys: true}, map[string]string{"Origin": "https://evil.example"}, "/", 403, "MIGWATCH_ADMIN_KEYS"},
		{"no keys, another site's link", setup{noKeys: true}, map[string]string{"Sec-Fetch-Site": "cross-site"}, "/", 403, "MIGWATCH_ADMIN_KEYS"},
		{"no keys, another port's link", setup{noKeys: true}, map[string]string{"Sec-Fetch-Site": "same-site"}, "/", 403, "MIGWATCH_ADMIN_KEYS"},
		{"no keys, another site's picture", setup{noKeys: true}, map[string]string{"Sec-Fetch-Site": "cross-site"}, "/badge/dts/ap-beijing/dts-1.svg", 403, "<svg"},
		{"no keys, through a proxy", setup{noKeys: true}, map[string]string{"X-Forwarded-For": "203.0.113.9"}, "/", 403, "MIGWATCH_ADMIN_KEYS"},
		{"no keys, public, through a proxy", setup{noKeys: true, public: true}, map[string]string{"Via": "1.1 proxy"}, "/", 200, "Migration jobs"},
		{"no keys in the cloud", setup{noKeys: true, cloud: true}, nil, "/", 503, "set MIGWATCH_ADMIN_KEYS or MIGWATCH_READ_KEYS"},
		{"no keys, public", setup{noKeys: true, public: true}, nil, "/", 200, "Watch a job"},
		{"no keys, public, in the cloud", setup{noKeys: true, public: true, cloud: true}, nil, "/", 200, "Migration jobs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.o)
			b := r.browser()
			for name, value := range test.header {
				b.with(name, value)
			}
			a := b.get(test.path)
			if a.status != test.status {
				t.Errorf("%d, want %d", a.status, test.status)
			}
			a.has(t, test.text)
			a.hasNot(t, readKey, adminKey, "⟦")
		})
	}
}

func TestSignIn(t *testing.T) {
	r := newRig(t, setup{})
	b := r.browser()
	a := b.post("/session", url.Values{"key": {"not-a-key"}, "next": {"/?phase=failed"}})
	if a.status != 401 || len(a.header.Values("Set-Cookie")) > 0 {
		t.Fatal(a.status, a.header)
	}
	a.has(t, "This key is not known here.", `value="/?phase=failed"`)
	a.hasNot(t, "not-a-key")

	a = b.post("/session", url.Values{"key": {" " + adminKey + " "}, "next": {"/?phase=failed"}})
	cookie := a.header.Get("Set-Cookie")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/?phase=failed" {
		t.Fatal(a.status, a.header)
	}
	for _, part := range []string{"migwatch_session=t2.", "HttpOnly", "SameSite=Strict", "Max-Age=43200"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("no %s in %s", part, cookie)
		}
	}
	if strings.Contains(cookie, adminKey) || strings.Contains(cookie, "Secure") {
		t.Error(cookie)
	}
	b.get("/").has(t, "Sign out", "Watch a job")
	a = b.post("/session", url.Values{"end": {"1"}})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Error(a.status, a.header)
	}
	if a := b.get("/"); a.status != 401 {
		t.Errorf("signed out: %d", a.status)
	}
	if strings.Contains(r.logs.String(), "canary") {
		t.Error(r.logs.String())
	}
}

// TestSignOutEndsTheTicket: a copy of the cookie opens nothing either, in any instance, and others stay in.
func TestSignOutEndsTheTicket(t *testing.T) {
	r := newRig(t, setup{})
	b, other := r.signedIn(adminKey), r.signedIn(adminKey)
	copied := b.client.Jar.Cookies(mustParse(t, r.url))[0].Value
	stolen := r.browser().with("Cookie", "migwatch_session="+copied)
	if a := stolen.get("/"); a.status != http.StatusOK {
		t.Fatal(a.status)
	}
	b.post("/session", url.Values{"end": {"1"}})
	for range 2 {
		for _, path := range []string{"/", runningJob, "/badge/dts/ap-guangzhou/x.svg"} {
			if a := stolen.get(path); a.status != http.StatusUnauthorized {
				t.Errorf("signed out, %s: %d", path, a.status)
			}
		}
		if a := stolen.post("/jobs", url.Values{"provider": {"dts"}, "scope": {"ap-x"}, "job_id": {"dts-x"}}); a.status != http.StatusUnauthorized {
			t.Errorf("signed out, a form: %d", a.status)
		}
		if a := other.get("/"); a.status != http.StatusOK {
			t.Errorf("another session: %d", a.status)
		}
		r.serve(setup{}) // another instance
		other.at, stolen.at = mustParse(t, r.url+"/"), mustParse(t, r.url+"/")
	}
}

// TestOnlyTheHostCookieOverHTTPS: the other one may have been set by a neighbouring host, or over http.
func TestOnlyTheHostCookieOverHTTPS(t *testing.T) {
	r := newRig(t, setup{})
	ticket := r.signedIn(adminKey).client.Jar.Cookies(mustParse(t, r.url))[0].Value
	both := "migwatch_session=" + ticket + "; __Host-migwatch_session=" + ticket
	for _, test := range []struct {
		cookie, proto string
		status        int
	}{
		{"migwatch_session=" + ticket, "https", http.StatusUnauthorized},
		{"__Host-migwatch_session=" + ticket, "https", http.StatusOK},
		{"migwatch_session=" + ticket, "http", http.StatusOK},
		{"__Host-migwatch_session=" + ticket, "http", http.StatusUnauthorized},
		{both, "https", http.StatusOK},
	} {
		if a := r.browser().with("Cookie", test.cookie).with("X-Forwarded-Proto", test.proto).get("/"); a.status != test.status {
			t.Errorf("%s over %s: %d, want %d", test.cookie, test.proto, a.status, test.status)
		}
	}
	a := r.browser().with("Cookie", both).with("X-Forwarded-Proto", "https").post("/session", url.Values{"end": {"1"}})
	var gone []string
	for _, line := range a.header.Values("Set-Cookie") {
		if name, rest, _ := strings.Cut(line, "=;"); strings.Contains(rest, "Max-Age=0") {
			gone = append(gone, name)
		}
	}
	if len(gone) != 2 {
		t.Errorf("signing out clears %v of %v", gone, a.header.Values("Set-Cookie"))
	}
}

func TestSessionEnds(t *testing.T) {
	r := newRig(t, setup{})
	b := r.signedIn(adminKey)
	r.skew = 12*time.Hour + time.Second
	r.serve(setup{}) // another instance, later
	cookies := b.client.Jar.Cookies(mustParse(t, r.url))
	if len(cookies) != 1 {
		t.Fatal(cookies)
	}
	if a := b.get("/"); a.status != 401 {
		t.Errorf("after twelve hours: %d", a.status)
	}
}

func TestSecureCookie(t *testing.T) {
	for name, b := range map[string]*browser{
		"behind https": newRig(t, setup{}).browser().with("X-Forwarded-Proto", "https"),
		"in the cloud": newRig(t, setup{cloud: true}).browser(),
	} {
		cookie := b.post("/session", url.Values{"key": {readKey}}).header.Get("Set-Cookie")
		if !strings.HasPrefix(cookie, "__Host-migwatch_session=t2.") || !strings.Contains(cookie, "Secure") {
			t.Errorf("%s: %s", name, cookie)
		}
	}
}

func TestNextStaysHere(t *testing.T) {
	r := newRig(t, setup{})
	for _, next := range []string{"", "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "/\t/evil.example", "evil", "/" + strings.Repeat("a", 3000), "%zz"} {
		a := r.browser().post("/session", url.Values{"key": {readKey}, "next": {next}})
		if got := a.header.Get("Location"); got != "/" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

// TestReloadBringsTheCookie: browsers keep a Strict cookie back when a link elsewhere led here.
func TestReloadBringsTheCookie(t *testing.T) {
	r := newRig(t, setup{})
	const reload = `<meta http-equiv="refresh" content="0">`
	r.browser().with("Sec-Fetch-Site", "cross-site").with("Sec-Fetch-Mode", "navigate").get("/").has(t, reload)
	r.browser().with("Sec-Fetch-Site", "same-origin").with("Sec-Fetch-Mode", "navigate").get("/").hasNot(t, reload)
}

func TestPreferences(t *testing.T) {
	r := newRig(t, setup{public: true})
	b := r.browser().with("Accept-Language", "fr, en;q=0.5, zh;q=0.9")
	b.get("/").has(t, `<html lang="zh-CN"`, "迁移任务")
	if a := b.post("/preferences", url.Values{"lang": {"en"}, "next": {"/?provider=dts"}}); a.status != 303 || a.header.Get("Location") != "/?provider=dts" {
		t.Error(a.status, a.header)
	}
	b.get("/").has(t, `<html lang="en"`, "Migration jobs")
	b.post("/preferences", url.Values{"theme": {"dark"}})
	b.get("/").has(t, `data-theme="dark"`)
	b.post("/preferences", url.Values{"theme": {`"><script>`}, "lang": {"../en"}})
	b.get("/").has(t, `<html lang="en" data-theme="dark">`)
}

func TestActions(t *testing.T) {
	r := newDemo(t, setup{})
	admin := r.signedIn(adminKey)
	done := func(action string, form url.Values, location string) {
		t.Helper()
		a := admin.post(runningJob+"/"+action, form)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != location {
			t.Errorf("%s: %d to %s\n%s", action, a.status, a.header.Get("Location"), a.body)
		}
	}
	k := dts("ap-guangzhou", "dts-m3x9rt2b")
	get := func() job.Job {
		t.Helper()
		j, err := r.store.Job(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	done("poll", nil, runningJob+"?done=poll")
	if next := get().Polling.NextAt; next == nil || time.Until(*next) > time.Second {
		t.Errorf("next poll at %v", next)
	}
	admin.get(runningJob+"?done=poll").has(t, "It will be polled in the next tick.")
	admin.get(runningJob+"?done=%3Cscript%3E").hasNot(t, `class="flash"`)
	done("pause", nil, runningJob+"?done=pause")
	if !get().Paused {
		t.Error("not paused")
	}
	admin.get(runningJob).has(t, "/resume", "disabled")
	done("poll", nil, runningJob+"?done=paused")
	done("resume", nil, runningJob+"?done=resume")
	done("label", url.Values{"label": {" a new name "}}, runningJob+"?done=label")
	if j := get(); j.Paused || j.Label != "a new name" {
		t.Errorf("%+v", j)
	}
	for _, label := range []string{strings.Repeat("x", 201), "a\x1b[2Jb", "a\nb", "a\u009bb", "a\x7fb", "a\x00b"} {
		if a := admin.post(runningJob+"/label", url.Values{"label": {label}}); a.status != 422 {
			t.Errorf("label %.20q: %d", label, a.status)
		}
		if a := admin.post("/jobs", url.Values{"provider": {"dts"}, "scope": {"ap-guangzhou"}, "job_id": {"dts-m3x9rt2b"}, "label": {label}}); a.status != 422 {
			t.Errorf("watching with the label %.20q: %d", label, a.status)
		}
	}
	if j := get(); j.Label != "a new name" {
		t.Errorf("label %q", j.Label)
	}
	if a := admin.post(runningJob+"/unwatch", nil); a.status != 422 {
		t.Errorf("unwatched without being sure: %d", a.status)
	}
	done("unwatch", url.Values{"sure": {"yes"}}, "/?done=unwatch")
	if a := admin.get(runningJob); a.status != 404 {
		t.Errorf("unwatched: %d", a.status)
	}
	if a := admin.post(runningJob+"/label", url.Values{"label": {"back"}}); a.status != 404 {
		t.Errorf("a label brought it back: %d", a.status)
	}
	a := admin.post("/jobs", url.Values{"provider": {"dts"}, "scope": {" ap-guangzhou "}, "job_id": {"dts-m3x9rt2b"}, "label": {"again"}})
	if a.status != 303 || a.header.Get("Location") != runningJob+"?done=watch" || get().Label != "again" {
		t.Errorf("watch: %d %v", a.status, a.header)
	}
	a = admin.post("/jobs", url.Values{"provider": {"dts"}, "scope": {"nowhere!"}, "job_id": {"x"}})
	if a.status != 422 {
		t.Errorf("a bad key: %d", a.status)
	}
	a.has(t, "must be a region")
	a = admin.post("/jobs", url.Values{"provider": {"wechat"}, "job_id": {"https://migwatch.example.com/jobs/dts/ap-beijing/dts-1"}})
	if a.status != 303 || a.header.Get("Location") != "/jobs/dts/ap-beijing/dts-1?done=watch" {
		t.Errorf("an address: %d %v", a.status, a.header)
	}
}

// A form with something wrong comes back whole: what was written, and a word beside each field, in the
// reader's language and without names that only programs know.
func TestWatchFormComesBack(t *testing.T) {
	r := newDemo(t, setup{})
	bad := url.Values{"provider": {"wechat"}, "scope": {"not an <env>"}, "job_id": {"dts-1"}, "label": {"two\nlines"}}
	for lang, words := range map[string][]string{
		"en": {"the ID of a cloud environment", "the job&#39;s number", "none of them a line break"},
		"zh": {"请填写云环境 ID", "请只填写任务编号", "不能含换行"},
	} {
		a := r.signedIn(adminKey).with("Accept-Language", lang).post("/jobs", bad)
		if a.status != 422 || strings.Count(a.body, `aria-invalid="true"`) != 3 {
			t.Errorf("%d with %d fields marked", a.status, strings.Count(a.body, `aria-invalid="true"`))
		}
		a.has(t, append(words, `<details class="add" open>`, `value="not an &lt;env&gt;"`, `value="dts-1"`, `<option value="wechat" data-scope="prod-1a2b3c" data-id="100071736" selected>`, `placeholder="prod-1a2b3c"`, `role="rowheader"`)...)
		a.hasNot(t, "is not a WeChat", "control characters.\"", "⟦", `data-refresh`)
	}
	a := r.signedIn(adminKey).with("Accept-Language", "zh").post(runningJob+"/label", url.Values{"label": {strings.Repeat("x", 201)}})
	a.has(t, "备注最多 200 个字符")
	a.hasNot(t, "characters")
}

func TestActionsNeedAnAdmin(t *testing.T) {
	r := newDemo(t, setup{})
	read := r.signedIn(readKey)
	for _, path := range []string{runningJob + "/poll", runningJob + "/pause", runningJob + "/resume", runningJob + "/label", runningJob + "/unwatch", "/jobs"} {
		if a := read.post(path, url.Values{"sure": {"yes"}}); a.status != 403 {
			t.Errorf("%s with a read key: %d", path, a.status)
		}
		if a := r.browser().post(path, url.Values{"sure": {"yes"}}); a.status != 401 {
			t.Errorf("%s without a key: %d", path, a.status)
		}
		if a := r.signedIn(adminKey).get(path); a.status != 405 && a.status != 404 {
			t.Errorf("%s by GET: %d", path, a.status)
		}
	}
	if _, err := r.store.Job(t.Context(), dts("ap-guangzhou", "dts-m3x9rt2b")); err != nil {
		t.Error(err)
	}
}

func TestCrossSiteForms(t *testing.T) {
	r := newDemo(t, setup{})
	for _, header := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
	} {
		for _, path := range []string{runningJob + "/unwatch", "/session", "/preferences", "/jobs"} {
			b := r.signedIn(adminKey)
			for name, value := range header {
				b.with(name, value)
			}
			if a := b.post(path, url.Values{"sure": {"yes"}, "key": {adminKey}}); a.status != 403 || len(a.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s with %v: %d", path, header, a.status)
			}
		}
	}
	if a := r.signedIn(adminKey).with("Sec-Fetch-Site", "same-origin").post(runningJob+"/poll", nil); a.status != 303 {
		t.Errorf("our own form: %d", a.status)
	}
	if a := r.signedIn(adminKey).post(runningJob+"/label", url.Values{"label": {strings.Repeat("x", 20<<10)}}); a.status != 400 {
		t.Errorf("a large form: %d", a.status)
	}
	if a := r.signedIn(adminKey).post(runningJob+"/label", url.Values{"label": {"\xb6\xa9\xb5\xa5"}}); a.status != 422 || !strings.Contains(a.body, "is not UTF-8") {
		t.Errorf("a form in GBK: %d %s", a.status, a.body)
	}
	if a := r.signedIn(readKey).get("/?q=%B6%A9%B5%A5"); a.status != 422 || !strings.Contains(a.body, "is not UTF-8") {
		t.Errorf("a search in GBK: %d %s", a.status, a.body)
	}
}

// A whole region is watched by one tick in the form, and shown with how its sweeps go.
func TestWatchAllOfARegion(t *testing.T) {
	r := newDemo(t, setup{})
	admin := r.signedIn(adminKey)
	a := admin.post("/jobs", url.Values{"provider": {"dts-migration"}, "scope": {" ap-shanghai "}, "all": {"yes"}})
	if a.status != 303 || a.header.Get("Location") != "/?done=discover" {
		t.Fatal(a.status, a.header)
	}
	admin.get("/").has(t, "Watched as a whole", "DTS migration</b> <code>ap-shanghai</code>", "0 jobs · list read: never", "Find no more")
	r.signedIn(readKey).get("/").hasNot(t, "Find no more")
	for values, text := range map[string]string{"provider=wechat&scope=env&all=yes": "Only migrations and syncs have a list", "provider=dts-sync&scope=nowhere&all=yes": "This must be a region"} {
		form, err := url.ParseQuery(values)
		if err != nil {
			t.Fatal(err)
		}
		a := admin.post("/jobs", form)
		if a.status != 422 {
			t.Errorf("%s: %d", values, a.status)
		}
		a.has(t, text, `value="yes" checked`)
	}
	odd := url.Values{"provider": {"dts-sync"}, "scope": {"ap-shangai"}, "all": {"yes"}}
	a = admin.post("/jobs", odd)
	a.has(t, "This region is not known here", "<code>ap-shanghai</code>", `name="sure" value="ap-shangai"`)
	odd.Set("sure", "ap-shangai")
	if a := admin.post("/jobs", odd); a.status != 303 {
		t.Errorf("a region that is meant: %d", a.status)
	}
	for range 2 { // the second finds it gone
		if a := admin.post("/discoveries/dts-migration/ap-shanghai/end", nil); a.status != 303 || a.header.Get("Location") != "/?done=undiscover" {
			t.Error(a.status, a.header)
		}
	}
	admin.get("/").hasNot(t, "/discoveries/dts-migration/ap-shanghai/end")
	if a := r.signedIn(readKey).post("/discoveries/dts-migration/ap-shanghai/end", nil); a.status != 403 {
		t.Errorf("with a read key: %d", a.status)
	}
}

func TestBadge(t *testing.T) {
	r := newDemo(t, setup{})
	r.watched(dts("ap-shanghai", "dts-new"), "")
	for _, test := range []struct {
		name, path string
		status     int
		text       string
	}{
		{"running", "/badge/dts/ap-guangzhou/dts-m3x9rt2b.svg", 200, "clickstream, 2 TB: Checking 70%"},
		{"failed", "/badge/dts/ap-shanghai/dts-1kl0iy0v.svg", 200, "orders to TencentDB: Check not passed"},
		{"no label", "/badge/wechat/shop-prod-8e1f2c/100072240.svg", 200, "100072240: Running"},
		{"Chinese", "/badge/dts/ap-shanghai/dts-1kl0iy0v.svg?lang=zh", 200, "orders to TencentDB: 校验未通过"},
		{"passed", "/badge/dts/ap-shanghai/dts-dau5czmd.svg", 200, "customers to TencentDB: Check passed"},
		{"not seen yet", "/badge/dts/ap-shanghai/dts-new.svg", 200, "dts-new: Not seen yet"},
		{"not watched", "/badge/dts/ap-shanghai/dts-none.svg", 404, "migwatch: not watched"},
		{"not a picture", "/badge/dts/ap-shanghai/dts-1kl0iy0v", 404, "migwatch: not watched"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := r.browser().with("Authorization", "Bearer "+readKey).get(test.path)
			if a.status != test.status || !strings.HasPrefix(a.header.Get("Content-Type"), "image/svg+xml") {
				t.Error(a.status, a.header)
			}
			a.has(t, "<title>"+test.text+"</title>")
		})
	}
	a := r.browser().get("/badge/dts/ap-shanghai/dts-1kl0iy0v.svg")
	if a.status != 401 {
		t.Error(a.status)
	}
	a.has(t, "key needed")
	a.hasNot(t, "orders")
	if a := newDemo(t, setup{public: true}).browser().get("/badge/dts/ap-shanghai/dts-1kl0iy0v.svg"); a.status != 200 {
		t.Error("public", a.status)
	}
}

func mustParse(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

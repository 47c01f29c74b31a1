package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"migwatch/internal/cloudapi"
	clouddts "migwatch/internal/cloudapi/dts"
	"migwatch/internal/emulator"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/web"
)

const (
	runningJob = "/jobs/dts/ap-guangzhou/dts-m3x9rt2b"
	failedJob  = "/jobs/dts/ap-shanghai/dts-1kl0iy0v"
	failingJob = "/jobs/dts/ap-beijing/dts-7h2kqp4w"
	exportJob  = "/jobs/wechat/test2-4a89da/100071736"
)

func TestOverview(t *testing.T) {
	r := newDemo(t, setup{})
	b := r.signedIn(readKey)
	t.Run("all", func(t *testing.T) {
		a := b.get("/")
		if a.status != http.StatusOK || strings.Count(a.body, `role="rowheader"`) != 14 {
			t.Fatalf("%d with %d jobs", a.status, strings.Count(a.body, `role="rowheader"`))
		}
		a.has(t, `<html lang="en" data-theme="auto">`, "orders to TencentDB", `href=".`+failedJob+`"`, "The database table you selected",
			"2,875 records", "<b>125 failed</b>", "1 job is paused", "1 × throttled", "RequestLimitExceeded", "2 times in a row", "Last tick", "9 polled, 3 new",
			`<progress max="100" value="70"`, "Read only")
		a.hasNot(t, "⟦", "%!", "Watch a job", "/poll", "ZgotmplZ")
	})
	for _, test := range []struct {
		name, query string
		jobs        int
		has, hasNot string
	}{
		{"one phase", "phase=failed", 3, "orders to TencentDB", "clickstream"},
		{"two phases", "phase=failed&phase=partial", 4, "members import", "clickstream"},
		{"provider", "provider=wechat", 6, "product catalogue", "clickstream"},
		{"provider and phase", "provider=wechat&phase=failed", 1, "年订单", "orders to TencentDB"},
		{"search", "q=CLICK", 1, "clickstream", "orders"},
		{"search in scopes", "q=ap-beijing", 2, "invoices", "orders"},
		{"nothing", "q=nowhere", 0, "No job matches", "clickstream"},
		{"nonsense", "phase=nonsense&provider=aws&cursor=%00&q=", 14, "clickstream", "No job"},
		{"search that looks like HTML", "q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", 0, "&lt;script&gt;", "<script>alert"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := b.get("/?" + test.query)
			if n := strings.Count(a.body, `role="rowheader"`); n != test.jobs {
				t.Errorf("%d jobs, want %d", n, test.jobs)
			}
			a.has(t, test.has)
			a.hasNot(t, test.hasNot, "ZgotmplZ")
		})
	}
}

func TestOverviewWithoutJobs(t *testing.T) {
	r := newRig(t, setup{})
	r.signedIn(adminKey).get("/").has(t, "No job is watched yet.", "migwatch watch", "No tick has run yet", "Watch a job")
}

func TestOverviewPages(t *testing.T) {
	r := newRig(t, setup{})
	for i := range 65 {
		r.watched(dts("ap-shanghai", "dts-"+string(rune('a'+i/26))+string(rune('a'+i%26))), "")
	}
	b := r.signedIn(readKey)
	next := regexp.MustCompile(`rel="next" href="([^"]+)"`)
	row := regexp.MustCompile(`data-row="([^"]+)"`)
	seen := map[string]bool{}
	path, pages := "/?provider=dts", 0
	for path != "" {
		a := b.get(path)
		for _, m := range row.FindAllStringSubmatch(a.body, -1) {
			if seen[m[1]] {
				t.Errorf("%s comes twice", m[1])
			}
			seen[m[1]] = true
		}
		if pages > 0 {
			a.has(t, "« Newest")
		}
		path = ""
		if m := next.FindStringSubmatch(a.body); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
			if !strings.Contains(path, "provider=dts") {
				t.Errorf("%s forgot the filter", path)
			}
		}
		pages++
	}
	if len(seen) != 65 || pages != 3 {
		t.Errorf("%d jobs on %d pages", len(seen), pages)
	}
}

func TestJobPage(t *testing.T) {
	r := newDemo(t, setup{})
	b := r.signedIn(readKey)
	t.Run("running", func(t *testing.T) {
		a := b.get(runningJob)
		a.has(t, "<h1><bdi>clickstream, 2 TB</bdi></h1>", "ap-guangzhou / dts-m3x9rt2b", `value="70"`, `class="timeline" role="img"`, "Check pending 5 min 59 s.",
			"data-series=\"../../.."+runningJob+"/series\"", "3c140219-cfe9-470e-b241-907877d6fb03", "Check pending →", "goes on", "uplot.")
		a.hasNot(t, "⟦", "%!", "ZgotmplZ", "/unwatch", "Export file")
	})
	t.Run("failed", func(t *testing.T) {
		b.get(failedJob).has(t, "not passed", "<code>-1</code>", "The database table you selected does not exist.", "Check not passed", "the migration cannot be started yet")
	})
	t.Run("failing", func(t *testing.T) {
		a := b.get(failingJob)
		a.has(t, "The last poll failed", "throttled", "8b2f7a1e-2c55-4a0c-9f17-5f1d1c6f0f11", "What to do", "lower MIGWATCH_DTS_RATE", "2 times in a row")
		a.hasNot(t, "uplot.") // one number is no curve
	})
	t.Run("a check that passed", func(t *testing.T) {
		for _, path := range []string{"/jobs/dts/ap-shanghai/dts-dau5czmd", "/?q=dts-dau5czmd"} {
			a := b.get(path)
			a.has(t, "Check passed")
			if path != "/?q=dts-dau5czmd" { // the tiles count all jobs
				a.hasNot(t, "Succeeded", "nothing lost", `<div class="large">`)
			}
		}
		b.get("/?q=dts-dau5czmd").hasNot(t, `value="100"`)
		b.get("/?provider=dts").has(t, `data-count="Check passed 1"`, `data-count="Check not passed 2"`)
		b.get("/?provider=wechat").has(t, `data-count="Succeeded 1"`, `title="done, nothing lost"`)
	})
	t.Run("a migration that waits for a person", func(t *testing.T) {
		k := job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-waits"}
		created, seconds := r.start.Add(-time.Hour), int64(125)
		r.watched(k, "", at(1, job.Observation{Phase: job.Running, Status: "running", Step: "loader", Progress: p(20)}), at(2, job.Observation{Phase: job.Running, Status: "running", Step: "loader", Progress: p(40)}),
			at(45, job.Observation{Phase: job.ActionRequired, Status: "readyComplete", Step: "sinker", Progress: p(100), About: &job.About{Name: "orders <b>", CreatedAt: &created, Lag: &job.Lag{Seconds: &seconds}}}))
		for _, path := range []string{"/jobs/" + k.String(), "/?q=dts-waits"} {
			a := b.get(path)
			a.has(t, "Action required", "Complete it in the console. Until then it copies on and is billed.", "orders &lt;b&gt;", "<code>sinker</code>", "lag: 2 min 5 s", `value="100"`)
		}
		b.get("/jobs/"+k.String()).has(t, "https://console.cloud.tencent.com/dts/migration?jobId=dts-waits&amp;region=ap-shanghai", "<dt>Created</dt>", "stands still until a person acts")
		b.get("/?phase=action_required").has(t, "dts-waits", `data-count="Action required 1"`)
	})
	t.Run("a migration that copies", func(t *testing.T) {
		k := job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai", ID: "dts-copies"}
		var steps []step
		for i, percent := range []int64{10, 20, 30, 40} {
			steps = append(steps, at(float64(15+10*i), job.Observation{Phase: job.Running, Status: "running", Step: "loader", Progress: p(percent)}))
		}
		r.watched(k, "", steps...)
		b.get("/jobs/"+k.String()).has(t, "done in about 5", "<code>loader</code>")
	})
	t.Run("never seen", func(t *testing.T) { neverSeen(t, r) })
	for _, path := range []string{"/jobs/dts/ap-shanghai/dts-none", "/jobs/aws/x/y", "/jobs/wechat/env/0x1", "/jobs/dts/AP/%3Cscript%3E"} {
		if a := b.get(path); a.status != http.StatusNotFound || !strings.Contains(a.body, "No such job is watched") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

// neverSeen: a job that no poll has seen says that, and why.
func neverSeen(t *testing.T, r *rig) {
	paused := true
	for id, test := range map[string]struct {
		steps  []step
		change job.Change
		why    string
	}{
		"dts-due":     {nil, job.Change{}, "the next tick polls it"},
		"dts-paused":  {nil, job.Change{Paused: &paused}, "paused before its first poll"},
		"dts-failing": {[]step{failed(46, &job.PollError{Kind: job.Credentials, Code: "AuthFailure.SecretIdNotFound"})}, job.Change{}, "no poll has worked yet: credentials"},
	} {
		k := dts("ap-shanghai", id)
		r.watched(k, "", test.steps...)
		if _, _, err := r.store.Watch(t.Context(), k, test.change); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/jobs/" + k.String(), "/?q=" + id} {
			a := r.signedIn(readKey).get(path)
			a.has(t, "Not seen yet", test.why)
			if path != "/?q="+id { // the tiles count all jobs
				a.hasNot(t, "In this phase for", "not begun", "Pending")
			}
		}
	}
}

// A person who lost the way is answered with a page, a program with a problem.
func TestAddressesWithoutAPage(t *testing.T) {
	r := newDemo(t, setup{})
	people := r.browser().with("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for _, tt := range []struct {
		path   string
		status int
		text   string
	}{
		{"/nope", http.StatusNotFound, "There is no such page"},
		{"/jobs/xx", http.StatusNotFound, "There is no such page"},
		{"/jobs//xx", http.StatusNotFound, "There is no such page"},
		{"/" + strings.Repeat("x", 9000), http.StatusRequestURITooLong, "There is no such page"},
		{"/preferences", http.StatusMethodNotAllowed, "this path takes POST"},
	} {
		a := people.get(tt.path)
		if a.status != tt.status || a.header.Get("Content-Type") != "text/html; charset=utf-8" || a.header.Get("X-Request-Id") == "" {
			t.Errorf("%.20s: %d %v", tt.path, a.status, a.header)
		}
		a.has(t, tt.text, "Back to all jobs")
		program := r.browser().with("Accept", "*/*").get(tt.path)
		if program.status != tt.status || program.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.20s: %d %v", tt.path, program.status, program.header)
		}
	}
	people.with("Accept-Language", "zh-CN").get("/nope").has(t, "没有这个页面")
	if a := people.get("/v1/nope"); a.header.Get("Content-Type") != "application/problem+json" {
		t.Error("a page in the API", a.header)
	}
}

func TestSnapshotPages(t *testing.T) {
	r := newRig(t, setup{skew: time.Hour})
	var steps []step
	for i := range 60 {
		steps = append(steps, at(float64(i)/2, check("running", job.Running, int64(i))))
	}
	k := dts("ap-shanghai", "dts-long")
	r.watched(k, "", steps...)
	b := r.signedIn(readKey)
	older := regexp.MustCompile(`rel="next" href="([^"#]+)#snapshots"`)
	seq := regexp.MustCompile(`<tr><td class="number">(\d+)</td>`)
	var seqs []string
	for path := "/jobs/" + k.String(); path != ""; {
		a := b.get(path)
		for _, m := range seq.FindAllStringSubmatch(a.body, -1) {
			seqs = append(seqs, m[1])
		}
		path = ""
		if m := older.FindStringSubmatch(a.body); m != nil {
			path = m[1]
		}
	}
	if len(seqs) != 60 || seqs[0] != "60" || seqs[59] != "1" {
		t.Errorf("%d snapshots: %v", len(seqs), seqs)
	}
}

func TestFileLink(t *testing.T) {
	const canary = "canary-5813"
	r := newDemo(t, setup{})
	if a := r.signedIn(adminKey).get(exportJob); !strings.Contains(a.body, canary) || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("an admin sees no link, or may keep it: %s", a.header.Get("Cache-Control"))
	}
	r.signedIn(readKey).get(exportJob).hasNot(t, canary)
	r.signedIn(readKey).get(exportJob).has(t, "Sign in with an admin key to see the link.")
	r.browser().with("Authorization", "Bearer "+adminKey).get(exportJob).has(t, canary)
	for why, o := range map[string]setup{"MIGWATCH_FILE_URLS is false": {noFiles: true}, "set MIGWATCH_ADMIN_KEYS": {noKeys: true}, "without MIGWATCH_ENCRYPTION_KEYS": {noSealing: true}} {
		t.Run(why, func(t *testing.T) {
			r := newDemo(t, o)
			b := r.browser()
			if !o.noKeys {
				b = r.signedIn(adminKey)
			}
			a := b.get(exportJob)
			a.hasNot(t, canary)
			a.has(t, why)
		})
	}
	r.skew += time.Hour
	r.serve(setup{})
	a := r.signedIn(adminKey).get(exportJob)
	a.hasNot(t, canary)
	a.has(t, "The link has expired.")
	if strings.Contains(r.logs.String(), canary) {
		t.Error("the link is in the log")
	}
	r.skew -= time.Hour
	r.openStore(true)
	r.serve(setup{})
	a = r.signedIn(adminKey).get(exportJob)
	a.hasNot(t, canary)
	a.has(t, "sealed with none of MIGWATCH_ENCRYPTION_KEYS")
}

func TestSeries(t *testing.T) {
	r := newDemo(t, setup{})
	a := r.signedIn(readKey).get(exportJob + "/series")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Fatal(a.status, a.header)
	}
	a.has(t, `"progress":[null,null,null,null]`, `"succeeded":[0,0,2,3]`, `"failed":[0,0,0,0]`)
	if a := r.browser().get(exportJob + "/series"); a.status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", a.status)
	}
}

func TestStoreFails(t *testing.T) {
	canary := errors.New("dial tcp: password canary-5813")
	for _, test := range []struct {
		name   string
		err    error
		status int
		text   string
	}{
		{"not ready", &job.NotReadyError{Reason: "the database has schema version 0: run migwatch migrate", Err: canary}, 503, "run migwatch migrate"},
		{"slow", context.DeadlineExceeded, 503, "Not ready"},
		{"broken", canary, 500, "Something broke here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, setup{open: func(context.Context) (web.Store, error) { return nil, test.err }})
			b := r.signedIn(readKey)
			for _, path := range []string{"/", failedJob, failedJob + "/series"} {
				a := b.get(path)
				if a.status != test.status {
					t.Errorf("%s: %d", path, a.status)
				}
				a.has(t, test.text)
				a.hasNot(t, "canary")
				if again := strings.Contains(a.body, `<meta http-equiv="refresh" content="10">`); again != (test.status == 503) {
					t.Errorf("%s: asks again by itself: %v", path, again)
				}
			}
			if a := r.signedIn(adminKey).post("/jobs", url.Values{"provider": {"dts"}, "scope": {"ap-shanghai"}, "job_id": {"dts-1"}}); test.status == 503 {
				a.has(t, "Nothing was changed")
				a.hasNot(t, `http-equiv="refresh"`)
			}
			if a := b.get("/badge/dts/ap-shanghai/dts-1.svg"); a.status != 503 || strings.Contains(a.body, "canary") {
				t.Errorf("badge: %d %s", a.status, a.body)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	r := newDemo(t, setup{})
	for _, path := range []string{"/", failedJob, "/nothing-such"} {
		a := r.signedIn(adminKey).get(path)
		if path == "/nothing-such" {
			continue // httpapi's
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Vary": "Accept-Language, Authorization, Cookie",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %s is %q", path, name, got)
			}
		}
		for _, bad := range []*regexp.Regexp{regexp.MustCompile(`<script(?:[^>]*)>[^<]`), regexp.MustCompile(`\sstyle="`), regexp.MustCompile(`\son[a-z]+="`), regexp.MustCompile(`(?:src|href)="(?:https?:)?//[^c]`)} {
			if m := bad.FindString(a.body); m != "" {
				t.Errorf("%s has %q", path, m)
			}
		}
	}
}

// TestFirstView holds the size of all that a first visit loads, uncompressed, with a full page of jobs
// that all have something to say.
func TestFirstView(t *testing.T) {
	const most = 100 << 10
	r := newRig(t, setup{skew: time.Hour})
	for i := range 40 {
		r.watched(dts("ap-shanghai", "dts-size"+string(rune('a'+i/26))+string(rune('a'+i%26))), "customers to TencentDB, the second try",
			at(1, finished(0, -1, "The database table you selected does not exist. Please re-select. [The input parameter table cannot be found in the source instance]")),
			failed(2, &job.PollError{Kind: job.Throttled, Code: "RequestLimitExceeded", Message: "Your current request times equals to 21 in a second, which exceeds the frequency limit 20 for a second."}))
	}
	for _, lang := range []string{"en", "zh"} {
		b := r.signedIn(adminKey).with("Accept-Language", lang)
		a := b.get("/")
		total, assets := len(a.body), map[string]bool{}
		for _, m := range regexp.MustCompile(`(?:src|href)="[./]*(/assets/[^"]+)"`).FindAllStringSubmatch(a.body, -1) {
			assets[m[1]] = true
		}
		for path := range assets {
			asset := b.get(path)
			if asset.status != http.StatusOK {
				t.Errorf("%s: %d", path, asset.status)
			}
			total += len(asset.body)
		}
		t.Logf("%s: page %d bytes, all %d bytes", lang, len(a.body), total)
		if total > most {
			t.Errorf("%s: %d bytes", lang, total)
		}
	}
}

func TestAssets(t *testing.T) {
	r := newDemo(t, setup{})
	a := r.signedIn(readKey).get(runningJob)
	found := regexp.MustCompile(`"([./]*assets/[^"]+)"`).FindAllStringSubmatch(a.body, -1)
	if len(found) < 6 {
		t.Fatalf("%d assets", len(found))
	}
	for _, m := range found {
		res := r.browser().get(strings.TrimLeft(m[1], ".")) // without a key: there is nothing secret in them
		if res.status != http.StatusOK || res.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || res.header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", m[1], res.status, res.header)
		}
	}
	for _, path := range []string{"/assets/page.css", "/assets/page.000000000000.css", "/assets/..%2fweb.go"} {
		if a := r.browser().get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestHostileTexts(t *testing.T) {
	r := newRig(t, setup{skew: time.Hour})
	k := r.hostile()
	b := r.signedIn(adminKey)
	for _, path := range []string{"/", "/jobs/" + k.String(), "/?q=" + url.QueryEscape(hostileLabel)} {
		a := b.get(path)
		a.hasNot(t, "<script>alert", "<img src=x", `href="javascript`, "\u202e", "\u2066", "\u200b", "ZgotmplZ")
		a.has(t, "&lt;script&gt;alert")
	}
	b.get("/jobs/"+k.String()).has(t, "[U&#43;202E]", "javascript:alert(3)")
	if a := b.get("/badge/" + k.String() + ".svg"); strings.Contains(a.body, "<script>") {
		t.Error(a.body)
	}
}

const hostileLabel = `<script>alert('label')</script>`

// hostile is a job whose every text is an attack: said by an upstream over HTTP, read as in earnest.
func (r *rig) hostile() job.Key {
	r.t.Helper()
	const (
		attack  = "<script>alert(2)</script> javascript:alert(3) https://evil.example/ \u202egnp.exe\u2066 \u200b\x1b[31m \" onload=\"alert(4)"
		finally = "<a href=javascript:alert(7)>\u202etxet</a>"
	)
	said := func(response map[string]any) string {
		body, err := json.Marshal(map[string]any{"Response": response})
		if err != nil {
			r.t.Fatal(err)
		}
		return "body " + strconv.Quote(string(body))
	}
	k := dts("ap-shanghai", "dts-hostile")
	bad := said(map[string]any{"Status": "<img src=x onerror=alert(1)>", "Progress": "40", "ErrorMessage": attack, "RequestId": `"><script>alert(5)</script>`})
	script, err := emulator.Parse("dts ap-shanghai dts-hostile\n  0s " + bad + "\n  1s " + said(map[string]any{"Status": "}}{{.}}"}) + "\n  2s " + bad + "\n  3s " +
		said(map[string]any{"Error": map[string]any{"Code": "<b onmouseover=alert(6)>", "Message": finally}, "RequestId": "<svg/onload=alert(8)>"}) + "\n")
	if err != nil {
		r.t.Fatal(err)
	}
	now := time.Now()
	up := emulator.New(emulator.Options{Now: func() time.Time { return now }, Script: script, DTS: emulator.DTSOptions{Credentials: []emulator.Credential{{ID: "AKIDx", Key: "x"}}}})
	server := httptest.NewServer(up)
	r.t.Cleanup(func() { up.Close(); server.Close() })
	transport := cloudapi.NewTransport(cloudapi.Options{})
	r.t.Cleanup(transport.Close)
	client, err := clouddts.New(clouddts.Options{BaseURL: server.URL, Transport: transport, Keys: clouddts.Static(clouddts.Keys{SecretID: secret.New("AKIDx"), SecretKey: secret.New("x")})})
	if err != nil {
		r.t.Fatal(err)
	}
	var steps []step
	for n := range 4 {
		seen, err := client.Poll(r.t.Context(), job.Job{Key: k}, func(context.Context) error { return nil })
		if (err != nil) != (n == 3) {
			r.t.Fatal(n, err)
		}
		steps = append(steps, step{after: time.Duration(n+1) * time.Minute, seen: seen, err: err})
		now = now.Add(time.Second)
	}
	r.watched(k, hostileLabel, steps...)
	return k
}

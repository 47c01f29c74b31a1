package web_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"migwatch/internal/job"
)

// TestBrowser does in a real browser what a person would.
func TestBrowser(t *testing.T) {
	r := newDemo(t, setup{})
	b := chromium(t)
	t.Run("signing in and out", func(t *testing.T) { signsIn(t, newTab(t, b, r.url)) })
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rig, *tab)
	}{
		{"overview", seesAll}, {"filter", filters}, {"search while typing", searches}, {"job page", seesJob}, {"news arrive", getsNews}, {"news disturb nothing", keepsPlace}, {"times go on", countsOn}, {"old news", tellsAge}, {"printing", prints}, {"timeline", fitsTimeline}, {"examples", showsExamples},
		{"language", switchesLanguage}, {"colours", switchesColours}, {"phone", fitsPhones}, {"keyboard", usesKeys}, {"without scripts", hasNoScripts}, {"actions", acts},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := newTab(t, b, r.url)
			tab.screen(1280, 900, false)
			tab.language("en")
			tab.signIn(adminKey)
			test.run(t, r, tab)
		})
	}
	t.Run("a link from elsewhere", func(t *testing.T) { comesFromElsewhere(t, r, newTab(t, b, r.url)) })
}

func signsIn(t *testing.T, tab *tab) {
	tab.language("en")
	tab.open("/?phase=failed")
	if eval[string](tab, `document.activeElement.id`) != "f-key" {
		t.Error("the key's field has no focus")
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("#f-key"), "a wrong key of mine"))
	tab.click(".signin button")
	tab.until(`document.getElementById('wrong')?.textContent.includes('not known')`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#f-key"), adminKey))
	tab.click(".signin button")
	tab.until(`location.search === '?phase=failed' && document.querySelectorAll('.jobs tbody').length === 3`)
	if c := eval[string](tab, `document.cookie`); c != "" {
		t.Errorf("scripts see the cookie %q", c)
	}
	tab.click(".who button")
	tab.until(`document.getElementById('f-key')`)
}

func seesAll(t *testing.T, _ *rig, tab *tab) {
	if n := eval[int](tab, `document.querySelectorAll('.jobs tbody').length`); n != 14 {
		t.Errorf("%d jobs", n)
	}
	tab.until(`document.getElementById('zone').textContent.includes('Asia/Shanghai')`)
	utc := eval[string](tab, `document.querySelector('.jobs .small time').dateTime`)
	at, err := time.Parse(time.RFC3339, utc)
	if err != nil {
		t.Fatal(err)
	}
	want := at.In(time.FixedZone("", 8*3600)).Format("15:04:05")
	if got := eval[string](tab, `document.querySelector('.jobs .small time').textContent`); !strings.Contains(got, want) {
		t.Errorf("%s is shown as %s", utc, got)
	}
	// Every phase has a colour and a shape of its own, and its words are no other's.
	if !eval[bool](tab, `(() => { const of = {}; return [...document.querySelectorAll('.jobs .phase')].every((p) => (of[p.textContent] ??= p.className) === p.className) })()`) {
		t.Error("one word for two phases")
	}
	list := strings.Join(words(job.Phases), " ")
	for _, property := range []string{`getComputedStyle(p).color + getComputedStyle(p).backgroundColor`, `document.getElementById('i-' + name).innerHTML`} {
		if n := eval[int](tab, `new Set('`+list+`'.split(' ').map((name) => { const p = document.querySelector('.jobs td').appendChild(document.createElement('span')); p.className = 'phase p-' + name; return `+property+` })).size`); n != len(job.Phases) {
			t.Errorf("%d of %s for %d phases", n, property, len(job.Phases))
		}
	}
	if icons := eval[bool](tab, `[...document.querySelectorAll('.jobs .phase use')].every((u) => u.getBBox().width > 8)`); !icons {
		t.Error("a shape shows nothing")
	}
}

func words[T ~string](list []T) (out []string) {
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}

func filters(t *testing.T, _ *rig, tab *tab) {
	tab.click(`.tiles a.p-failed`)
	tab.until(`location.search === '?phase=failed' && document.querySelectorAll('.jobs tbody').length === 3`)
	tab.click(`.tiles a.p-partial`)
	tab.until(`document.querySelectorAll('.jobs tbody').length === 4 && document.querySelectorAll('.tiles [aria-current]').length === 2`)
	tab.click(`.toolbar .segments a[href*="provider=wechat"]`)
	tab.until(`document.querySelectorAll('.jobs tbody').length === 2`)
	tab.click(`.tiles li:first-child a`)
	tab.until(`location.search === '?provider=wechat' && document.querySelectorAll('.jobs tbody').length === 6`)
}

func searches(t *testing.T, _ *rig, tab *tab) {
	eval[any](tab, `window.mark = 1`)
	tab.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "CLICKSTREAM"))
	tab.until(`document.querySelectorAll('.jobs tbody').length === 1 && location.search === '?q=CLICKSTREAM'`)
	tab.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), " nothing"))
	tab.until(`document.querySelector('.empty')?.textContent.includes('No job matches')`)
	if !eval[bool](tab, `window.mark === 1 && document.activeElement.name === 'q'`) {
		t.Error("the page was loaded anew, or the field lost the focus")
	}
}

func seesJob(t *testing.T, _ *rig, tab *tab) {
	tab.click(`.jobs a[href$="dts-m3x9rt2b"]`)
	tab.until(`document.getElementById('chart').dataset.drawn > 10 && document.querySelector('#chart canvas').width > 300`)
	if n := eval[int](tab, `document.querySelectorAll('.timeline > svg').length`); n != 2 {
		t.Errorf("%d parts of the timeline", n)
	}
	tab.open(exportJob)
	if !eval[bool](tab, `document.querySelector('a[href*="q-signature=canary"]').rel.includes('noreferrer')`) {
		t.Error("the link to the file tells where it was clicked")
	}
}

func getsNews(t *testing.T, r *rig, tab *tab) {
	eval[any](tab, `window.mark = 1; document.querySelector('main').dataset.refresh`)
	tab.do(chromedp.Focus(chromedp.CSS(".tiles a.p-failed")))
	r.watched(dts("ap-beijing", "dts-news"), "brand-new job", at(45, finished(0, -1, "it failed")))
	// A hidden tab asks for nothing; one that comes back asks at once.
	eval[any](tab, `Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))`)
	eval[any](tab, `Object.defineProperty(document, 'hidden', {value: false, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))`)
	tab.until(`document.querySelector('.jobs').textContent.includes('brand-new job') && document.querySelector('#refresh .says').textContent.startsWith('Updated ')`)
	if !eval[bool](tab, `window.mark === 1 && document.activeElement.matches('.tiles a.p-failed')`) {
		t.Error("news took the focus away")
	}
	tab.until(`document.getElementById('announce').textContent === 'Changed: Failed 4'`)
	tab.do(chromedp.Click(chromedp.CSS("#refresh button")))
	tab.until(`document.querySelector('#refresh .says').textContent === 'Updates paused'`)
	// What fails is said, and tried again later.
	eval[any](tab, `window.fetch = () => Promise.reject(new Error('off'))`)
	tab.do(chromedp.Click(chromedp.CSS("#refresh button")))
	tab.until(`document.querySelector('#refresh .says').textContent === 'Update failed; again in 20 s'`)
	if _, err := r.store.Unwatch(t.Context(), dts("ap-beijing", "dts-news")); err != nil {
		t.Fatal(err)
	}
}

func switchesLanguage(t *testing.T, _ *rig, tab *tab) {
	tab.click(`button[name=lang][value=zh]`)
	tab.until(`document.documentElement.lang === 'zh-CN' && document.querySelector('h1').textContent === '迁移任务'`)
	tab.open(failedJob)
	tab.until(`document.body.textContent.includes('阶段时间线')`)
	if text := eval[string](tab, `document.body.innerText`); strings.Contains(text, "⟦") || strings.Contains(text, "Snapshots") {
		t.Error(text)
	}
	tab.click(`button[name=lang][value=en]`)
	tab.until(`document.documentElement.lang === 'en' && location.pathname === '` + failedJob + `'`)
}

func switchesColours(t *testing.T, _ *rig, tab *tab) {
	background := func() string { t.Helper(); return eval[string](tab, `getComputedStyle(document.body).backgroundColor`) }
	light := background()
	tab.screen(1280, 900, true)
	dark := background()
	if light == dark {
		t.Errorf("both are %s", dark)
	}
	tab.click(`button[name=theme][value=light]`)
	if got := background(); got != light {
		t.Errorf("light is %s", got)
	}
	tab.click(`button[name=theme][value=dark]`)
	tab.screen(1280, 900, false)
	if got := background(); got != dark {
		t.Errorf("dark is %s", got)
	}
}

func fitsPhones(t *testing.T, _ *rig, tab *tab) {
	for _, width := range []int64{360, 320} {
		tab.screen(width, 740, false)
		for _, path := range []string{"/", runningJob, failingJob, exportJob, "/session"} {
			for _, lang := range []string{"en", "zh"} {
				tab.language(lang)
				tab.open(path)
				right := eval[float64](tab, `Math.max(...[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll table, svg, .unseen')).map((e) => e.getBoundingClientRect().right))`)
				if right > float64(width) {
					t.Errorf("%s in %s reaches to %v of %d px", path, lang, right, width)
				}
			}
		}
	}
	tab.open("/")
	if got := eval[string](tab, `getComputedStyle(document.querySelector('.jobs tbody')).display`); got != "block" {
		t.Errorf("jobs are no cards: %s", got)
	}
}

func usesKeys(t *testing.T, _ *rig, tab *tab) {
	tab.do(chromedp.KeyEvent("\t"))
	tab.until(`document.activeElement.matches('.skip') && document.activeElement.getBoundingClientRect().top >= 0`)
	tab.do(chromedp.KeyEvent("\r"))
	tab.until(`location.hash === '#main'`)
	tab.do(chromedp.KeyEvent("\t"))
	tab.until(`document.querySelector('main').contains(document.activeElement) && getComputedStyle(document.activeElement).outlineStyle === 'solid'`)
}

func hasNoScripts(t *testing.T, _ *rig, tab *tab) {
	command(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tab.open("/")
	if !eval[bool](tab, `!document.documentElement.classList.contains('live') && document.getElementById('refresh').hidden`) {
		t.Error("scripts run")
	}
	if text := eval[string](tab, `document.querySelector('.jobs .small time').textContent`); !strings.HasSuffix(text, " UTC") {
		t.Errorf("times are %s", text)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "clickstream"))
	tab.click(".search button")
	tab.until(`document.querySelectorAll('.jobs tbody').length === 1`)
	tab.click(".jobs a")
	tab.until(`document.querySelectorAll('.snapshots tbody tr').length === 16`)
}

func acts(t *testing.T, r *rig, tab *tab) {
	k := dts("ap-shanghai", "dts-act")
	r.watched(k, "to be acted on", at(40, check("running", job.Running, 5)))
	tab.open("/jobs/" + k.String())
	tab.click(`form[action$="/pause"] button`)
	tab.until(`document.querySelector('.flash').textContent.includes('Paused') && location.search === ''`)
	if j, err := r.store.Job(t.Context(), k); err != nil || !j.Paused {
		t.Error(j, err)
	}
	tab.click(`form[action$="/resume"] button`)
	tab.click(`form[action$="/poll"] button`)
	tab.until(`document.querySelector('.flash').textContent.includes('next tick')`)
	tab.do(chromedp.Click(chromedp.CSS(".danger summary")))
	tab.do(chromedp.Click(chromedp.CSS(".danger button.bad"))) // the box is not ticked: the browser itself refuses
	tab.do(chromedp.Click(chromedp.CSS(".danger [name=sure]")))
	tab.click(".danger button.bad")
	tab.until(`location.pathname === '/' && document.querySelector('.flash').textContent.includes('no longer watched')`)
	if _, err := r.store.Job(t.Context(), k); err == nil {
		t.Error("it is still watched")
	}
}

// comesFromElsewhere: localhost and 127.0.0.1 are two sites.
func comesFromElsewhere(t *testing.T, r *rig, tab *tab) {
	tab.signIn(readKey)
	tab.do(chromedp.Navigate(strings.Replace(r.url, "127.0.0.1", "localhost", 1) + "/"))
	eval[any](tab, `location.href = '`+r.url+failedJob+`'`)
	tab.until(`location.hostname === '127.0.0.1' && document.querySelector('.state')`)
}

// TestHostileTextsInABrowser: what an upstream says is shown and does nothing.
func TestHostileTextsInABrowser(t *testing.T) {
	r := newRig(t, setup{skew: time.Hour})
	k := r.hostile()
	tab := newTab(t, chromium(t), r.url)
	tab.language("en")
	tab.signIn(adminKey)
	for _, path := range []string{"/", "/jobs/" + k.String()} {
		tab.open(path)
		eval[any](tab, `window.alert = () => { window.attacked = true }`)
		tab.until(`document.body.innerText.includes("alert('label')")`)
		for what, script := range map[string]string{
			"a script ran":      `window.attacked === true`,
			"a foreign script":  `[...document.scripts].some((s) => !s.src.startsWith(location.origin + '/assets/') || s.textContent)`,
			"an image":          `document.images.length !== document.querySelectorAll('.brand img').length`,
			"a link to outside": `[...document.links].some((a) => new URL(a.href).origin !== location.origin)`,
			"a handler":         `[...document.querySelectorAll('*')].some((e) => [...e.attributes].some((a) => a.name.startsWith('on')))`,
			"an override":       `/[\u202a-\u202e\u2066-\u2069\u200b]/.test(document.documentElement.outerHTML)`,
		} {
			if eval[bool](tab, script) {
				t.Errorf("%s has %s", path, what)
			}
		}
	}
	if text := eval[string](tab, `document.body.innerText`); !strings.Contains(text, "[U+202E]") || !strings.Contains(text, "<script>alert(2)</script>") {
		t.Error("the texts are not shown as they are")
	}
}

// TestAccessible lets axe-core look at every page, in both languages and colours.
func TestAccessible(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join("..", "..", "test", "browser", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		missing(t, "axe-core is not installed: run npm ci --ignore-scripts in test/browser")
	}
	r := newDemo(t, setup{})
	b := chromium(t)
	for _, lang := range []string{"en", "zh"} {
		for _, dark := range []bool{false, true} {
			tab := newTab(t, b, r.url)
			tab.screen(1280, 900, dark)
			tab.language(lang)
			tab.open("/")
			inspect(t, tab, string(axe), "signing in")
			tab.signIn(adminKey)
			for _, path := range []string{"/", "/?phase=failed&phase=running&phase=unknown&phase=missing", "/?q=nowhere", runningJob, failingJob, failedJob, exportJob, "/jobs/dts/ap-shanghai/dts-none", runningJob + "?done=poll"} {
				tab.open(path)
				inspect(t, tab, string(axe), path)
			}
			tab.screen(360, 740, dark)
			for _, path := range []string{"/", failingJob} {
				tab.open(path)
				inspect(t, tab, string(axe), "phone "+path)
			}
		}
	}
}

type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

func inspect(t *testing.T, tab *tab, axe, what string) {
	t.Helper()
	eval[any](tab, axe+"; undefined")
	raw, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then((r) => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	var found []violation
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		if !slices.Contains([]string{"serious", "critical"}, v.Impact) {
			t.Logf("%s: %s (%s): %s", what, v.ID, v.Impact, v.Nodes[0].HTML)
			continue
		}
		for _, n := range v.Nodes {
			t.Errorf("%s: %s (%s): %s\n%s", what, v.ID, v.Impact, n.HTML, n.FailureSummary)
		}
	}
}

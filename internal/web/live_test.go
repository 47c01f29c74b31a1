package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"migwatch/internal/job"
)

// asks makes the page ask for news at once, as one does that was hidden.
func (b *tab) asks() {
	b.t.Helper()
	eval[any](b, `document.getElementById('refresh').querySelector('.says').textContent = ''; document.dispatchEvent(new Event('visibilitychange'))`)
	b.until(`document.querySelector('#refresh .says').textContent.startsWith('Updated ')`)
}

// keepsPlace: what is selected, what has the focus and how far a table is scrolled outlive an update that
// changes something else.
func keepsPlace(t *testing.T, r *rig, tab *tab) {
	k := dts("ap-shanghai", "dts-news")
	eval[any](tab, `window.row = document.querySelector('[data-row$="100072240"]'); getSelection().selectAllChildren(row.querySelector('.key')); window.chosen = getSelection().toString()`)
	r.watched(k, "moves to the top", at(45.9, check("running", job.Running, 5)))
	tab.asks()
	if !eval[bool](tab, `document.querySelector('.jobs').textContent.includes('moves to the top') && chosen.length > 10 && getSelection().toString() === chosen && row.isConnected`) {
		t.Error("the selection is lost")
	}
	tab.open("/jobs/" + k.String())
	tab.screen(390, 800, false)
	tab.do(chromedp.Focus(chromedp.CSS(".scroll")))
	eval[any](tab, `document.querySelector('.scroll').scrollLeft = 50`)
	r.watched(k, "moves to the top", at(45.95, check("running", job.Running, 25)))
	tab.asks()
	tab.until(`document.querySelectorAll('.snapshots tbody tr').length === 2 && document.querySelector('.state progress').value === 25`)
	if got := eval[string](tab, `document.activeElement.className + ' ' + document.querySelector('.scroll').scrollLeft`); got != "scroll 50" {
		t.Errorf("the table that was scrolled by keys is now: %s", got)
	}
	if _, err := r.store.Unwatch(t.Context(), k); err != nil {
		t.Fatal(err)
	}
}

// countsOn: what is told as so long ago grows while nothing comes from the server, in the server's words.
func countsOn(t *testing.T, r *rig, tab *tab) {
	r.ticked(job.Tick{Claimed: 1, Recorded: 1}) // a moment ago, by the pages' clock
	for lang, words := range map[string]map[string]string{
		"en": {"62000": "Last tick 1 min ", "7261000": "Last tick 2 h 1 min ago", "90061000": "Last tick 1 d 1 h ago"},
		"zh": {"62000": "上次巡检：1 分 ", "7261000": "上次巡检：2 小时 1 分前", "90061000": "上次巡检：1 天 1 小时前"},
	} {
		tab.click(`button[name=lang][value=` + lang + `]`)
		eval[any](tab, `window.fetch = () => new Promise(() => {}); window.real = Date.now.bind(Date)`)
		if n := eval[int](tab, `document.querySelectorAll('time[data-far]').length`); n < 20 {
			t.Errorf("%d instants that are counted", n)
		}
		for away, want := range words {
			eval[any](tab, `Date.now = () => real() + `+away)
			tab.until(`document.querySelector('.tick time').textContent.startsWith('` + want + `')`)
		}
		eval[any](tab, `Date.now = real`)
	}
}

// tellsAge: a page that gets no news is greyed after two updates and says how old it is; one whose session is
// over offers to resume.
func tellsAge(t *testing.T, _ *rig, tab *tab) {
	tab.asks()
	eval[any](tab, `window.get = window.fetch; window.fetch = () => Promise.reject(new Error('off')); window.real = Date.now.bind(Date); window.before = document.querySelector('.tick time').textContent; Date.now = () => real() + 15000`)
	tab.until(`document.querySelector('.tick time').textContent !== before`)
	if eval[bool](tab, `document.querySelector('main').classList.contains('stale')`) {
		t.Error("one update that is late greys the page")
	}
	eval[any](tab, `Date.now = () => real() + 21000`)
	tab.until(`document.querySelector('main.stale') && /^This is how it was at \d\d:\d\d:\d\d$/.test(document.querySelector('.since').textContent)`)
	if got := eval[string](tab, `getComputedStyle(document.querySelector('.stale [data-live=list]')).filter`); !strings.Contains(got, "grayscale(1)") {
		t.Errorf("old news have filter %q", got)
	}
	eval[any](tab, `window.fetch = get`)
	tab.asks()
	tab.until(`!document.querySelector('main.stale') && document.querySelector('.since').textContent === ''`)
	eval[any](tab, `window.fetch = () => Promise.resolve(new Response('', {status: 401})); document.dispatchEvent(new Event('visibilitychange'))`)
	tab.until(`document.querySelector('#refresh .says').textContent.startsWith('Signed out') && document.querySelector('#refresh button').title === 'Resume updates'`)
}

// prints: on paper there is ink on white and nothing to click, whatever the screen shows.
func prints(t *testing.T, _ *rig, tab *tab) {
	for _, path := range []string{"/", failedJob} {
		for _, theme := range []string{"auto", "dark"} {
			tab.open(path)
			tab.screen(1280, 900, true)
			tab.click(`button[name=theme][value=` + theme + `]`)
			command(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
			if got := eval[string](tab, `getComputedStyle(document.body).color + ' on ' + getComputedStyle(document.querySelector('.jobs, .card')).backgroundColor`); got != "rgb(24, 33, 45) on rgb(255, 255, 255)" {
				t.Errorf("%s in %s prints %s", path, theme, got)
			}
			if n := eval[int](tab, `[...document.querySelectorAll('button, input, summary, nav.segments')].filter((el) => el.offsetParent).length`); n > 0 {
				t.Errorf("%s prints %d things to click", path, n)
			}
			command(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
		}
	}
	tab.click(`button[name=theme][value=auto]`)
}

// fitsTimeline: words in the timeline stand where there is room for all of them.
func fitsTimeline(t *testing.T, _ *rig, tab *tab) {
	shown := 0
	for _, lang := range []string{"en", "zh"} {
		tab.click(`button[name=lang][value=` + lang + `]`)
		for _, path := range []string{runningJob, failedJob, exportJob, failingJob, "/jobs/dts/ap-guangzhou/dts-w5j0yz7f", "/jobs/wechat/test2-4a89da/100071801"} {
			tab.open(path)
			for _, width := range []int64{1280, 990, 770, 390, 320} {
				tab.screen(width, 900, false)
				cut := eval[string](tab, `[...document.querySelectorAll('.timeline text')].filter((el) => el.getBoundingClientRect().width && el.getBoundingClientRect().right > el.parentNode.getBoundingClientRect().right).map((el) => el.textContent).join()`)
				if cut != "" {
					t.Errorf("%s at %d px in %s cuts %s", path, width, lang, cut)
				}
				shown += eval[int](tab, `[...document.querySelectorAll('.timeline text')].filter((el) => el.getBoundingClientRect().width).length`)
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d words are shown", shown)
	}
}

// showsExamples: the examples in the form are the chosen provider's.
func showsExamples(t *testing.T, _ *rig, tab *tab) {
	tab.do(chromedp.Click(chromedp.CSS(".add summary")))
	examples := func() string {
		return eval[string](tab, `[...document.querySelectorAll('#watch [placeholder]')].map((el) => el.placeholder).join()`)
	}
	if got := examples(); got != "ap-shanghai,dts-dau5czmd" {
		t.Error(got)
	}
	eval[any](tab, `const choice = document.querySelector('#watch [name=provider]'); choice.value = 'wechat'; choice.dispatchEvent(new Event('change'))`)
	if got := examples(); got != "prod-1a2b3c,100071736" {
		t.Error(got)
	}
	tab.do(chromedp.SendKeys(chromedp.CSS("#watch [name=job_id]"), "dts-1"))
	tab.click("#watch button")
	tab.until(`document.querySelector('#watch [name=job_id]').value === 'dts-1' && document.querySelector('.add').open && document.querySelectorAll('#watch .wrong').length === 2`)
}

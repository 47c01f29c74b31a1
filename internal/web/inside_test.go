package web

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
)

// TestCatalogs: both languages have every text, with the same blanks, and every text is used.
func TestCatalogs(t *testing.T) {
	en, zh := catalogs()["en"].texts, catalogs()["zh"].texts
	blanks := regexp.MustCompile(`%(\[\d\])?s|\{\d\}`)
	for key, text := range en {
		other, ok := zh[key]
		if !ok {
			t.Errorf("%s is not in Chinese", key)
		}
		if a, b := len(blanks.FindAllString(text, -1)), len(blanks.FindAllString(other, -1)); a != b {
			t.Errorf("%s has %d blanks and %d", key, a, b)
		}
		if (text == "") != (other == "") {
			t.Errorf("%s is empty in one language", key)
		}
	}
	for key := range zh {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is not in English", key)
		}
	}
	source := sources(t)
	for key := range en {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		group, _, _ := strings.Cut(key, ".")
		if !strings.Contains(source, `"`+base+`"`) && !strings.Contains(source, `"`+key+`"`) && !strings.Contains(source, `word "`+group) && !wordGroups[group] {
			t.Errorf("%s is used nowhere", key)
		}
	}
	for _, m := range regexp.MustCompile(`\{\{(?:[^}]*[( ])?t "([a-z0-9.]+)"`).FindAllStringSubmatch(source, -1) {
		if _, ok := en[m[1]]; !ok {
			t.Errorf("no text %s", m[1])
		}
	}
	for group, words := range map[string][]string{"phase": words(job.Phases), "means": words(job.Phases), "kind": words(job.Kinds), "advice": words(job.Kinds), "provider": words(job.Providers)} {
		for _, w := range words {
			if en[group+"."+w] == "" {
				t.Errorf("no text %s.%s", group, w)
			}
		}
	}
}

// wordGroups are texts whose keys are put together in Go.
var wordGroups = map[string]bool{"phase": true, "means": true, "wrong": true, "advice": true, "done": true, "error": true, "job": true}

func words[T ~string](list []T) []string {
	var out []string
	for _, w := range list {
		out = append(out, string(w))
	}
	return out
}

// sources are all templates and Go files that are no tests.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".html") || strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")) {
			var text []byte
			text, err = os.ReadFile(path)
			all.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestAcceptedLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh", "en-GB, zh;q=0.5": "en", "fr;q=1, zh;q=0.1": "zh", "fr": "en",
		"zh;q=0, en;q=0.1": "en", "zh;q=nan": "en", "zh;q=2": "en", "*": "en", "ZH-hant": "zh", ";;;,,,": "en",
	} {
		if got := acceptedLanguage(header); got != want {
			t.Errorf("%q gives %s", header, got)
		}
	}
}

func FuzzAcceptedLanguage(f *testing.F) {
	for _, s := range []string{"", "zh-CN,zh;q=0.9,en;q=0.8", "zh;q=", ";q=1", "zh;Q=1e309"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if catalogs()[acceptedLanguage(s)] == nil {
			t.Errorf("%q gives no language of ours", s)
		}
	})
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"0 s", "0 秒"}, -time.Hour: {"0 s", "0 秒"}, 59 * time.Second: {"59 s", "59 秒"}, 60 * time.Second: {"1 min", "1 分"},
		61 * time.Second: {"1 min 1 s", "1 分 1 秒"}, 10*time.Minute + 9*time.Second: {"10 min", "10 分"}, 2*time.Hour + time.Second: {"2 h", "2 小时"},
		26*time.Hour + 5*time.Minute: {"1 d 2 h", "1 天 2 小时"}, 2000 * 24 * time.Hour: {"2,000 d", "2,000 天"},
	} {
		if got := [2]string{catalogs()["en"].Span(d), catalogs()["zh"].Span(d)}; got != want {
			t.Errorf("%v is %q", d, got)
		}
	}
}

// What DTS's check tells is never told as the migration's.
func TestStates(t *testing.T) {
	for _, p := range job.Phases {
		for lang, ended := range map[string]map[job.Phase]string{
			"en": {job.Succeeded: "Check passed", job.Failed: "Check not passed"},
			"zh": {job.Succeeded: "校验通过", job.Failed: "校验未通过"},
		} {
			of, other := catalogs()[lang].state(job.DTS, p), catalogs()[lang].state(job.WeChat, p)
			if want := ended[p]; want != "" && (of.Word != want || of.Word == other.Word || of.Means == other.Means) {
				t.Errorf("%s %s: %q (%s), and for WeChat %q (%s)", lang, p, of.Word, of.Means, other.Word, other.Means)
			}
			if strings.Contains(other.Word+other.Means, "DTS") {
				t.Errorf("%s: WeChat's %s tells of DTS: %s", lang, p, other.Means)
			}
		}
	}
}

func TestPasted(t *testing.T) {
	for _, test := range []struct{ scope, id, want string }{
		{"", "dts/ap-shanghai/dts-dau5czmd", "dts/ap-shanghai/dts-dau5czmd"},
		{"", "wechat/prod-1a2b3c/100071736", "wechat/prod-1a2b3c/100071736"},
		{"wechat/prod-1a2b3c/100071736", "", "wechat/prod-1a2b3c/100071736"},
		{"", "https://migwatch.example.com/ops/jobs/dts/ap-beijing/dts-1?done=poll#snapshots", "dts/ap-beijing/dts-1"},
		{"", "https://console.cloud.tencent.com/dts/migration/detail/dts-dau5czmd?region=ap-guangzhou", "dts-migration/ap-guangzhou/dts-dau5czmd"},
		{"ap-shanghai", "https://console.cloud.tencent.com/dts/detail/dts-dau5czmd", "dts-migration/ap-shanghai/dts-dau5czmd"},
		{"https://console.cloud.tencent.com/dts/detail/dts-dau5czmd", "", "dts-migration//dts-dau5czmd"},
		{"", "https://console.cloud.tencent.com/dts/replication?region=ap-beijing&jobId=sync-btso140", "dts-sync/ap-beijing/sync-btso140"},
		{"", "dts-sync/ap-beijing/sync-btso140", "dts-sync/ap-beijing/sync-btso140"},
		{" ap-shanghai ", " dts-1 ", "dts/ap-shanghai/dts-1"},
		{"ap-shanghai", "https://example.com/nothing", "dts/ap-shanghai/https://example.com/nothing"},
	} {
		f := newWatchForm(url.Values{"provider": {"dts"}, "scope": {test.scope}, "job_id": {test.id}})
		if k, _, _ := f.check(); k.String() != test.want {
			t.Errorf("%q and %q are %s, want %s", test.scope, test.id, k, test.want)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{
		"plain 中文 text": "plain 中文 text", "a\nb\tc": "a b c", "x\u202ey": "x[U+202E]y", "\u200b\u2066\ufeff": "[U+200B][U+2066][U+FEFF]",
		"\x00\x1b[31m": "[U+0000][U+001B][31m", "\u2028": "[U+2028]", strings.Repeat("é", 2000): strings.Repeat("é", 1024) + "…",
	} {
		if got := inert(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}

func TestCursor(t *testing.T) {
	p := job.Place{ChangedAt: time.UnixMilli(1767322445123).UTC(), Row: 12345}
	if diff := cmp.Diff(&p, decodeCursor(encodeCursor(p))); diff != "" {
		t.Error(diff)
	}
	for _, s := range []string{"", "x", "AQ", encodeCursor(p) + "A", encodeCursor(p)[1:], encodeCursor(job.Place{ChangedAt: p.ChangedAt, Row: -1}), "%00"} {
		if got := decodeCursor(s); got != nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(job.Place{ChangedAt: time.UnixMilli(1767322445123), Row: 12345}))
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, s string) {
		if p := decodeCursor(s); p != nil && encodeCursor(*p) != s {
			t.Errorf("%q and %q are one place", s, encodeCursor(*p))
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/?phase=failed", "javascript:alert(1)", "/%2f/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := localPath(s)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, "/\\") || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("%q leads to %q", s, got)
		}
	})
}

func TestWidths(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var spells []job.Spell
	for i := range 200 {
		from, until := now.Add(time.Duration(i)*time.Second), now.Add(time.Duration(i+1)*time.Second)
		spells = append(spells, job.Spell{Phase: job.Running, From: from, Until: &until})
	}
	for n := 1; n <= len(spells); n++ {
		for _, final := range []bool{false, true} {
			sum := 0.0
			for _, w := range widthsOf(spells[:n], now.Add(time.Hour), final) {
				if w <= 0 {
					t.Fatalf("%d spells: a width of %v", n, w)
				}
				sum += w
			}
			if sum < 99.99 || sum > 100.01 {
				t.Errorf("%d spells fill %v", n, sum)
			}
		}
	}
}

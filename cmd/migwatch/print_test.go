package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"migwatch/client"
)

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "客户迁移": 8, "a客b": 4, "ＡＢ": 4, "é": 1, "e\u0301": 1, "🚚": 2, "✓ ok": 4, "│█░": 3} {
		if got := columns(s); got != want {
			t.Errorf("%q takes %d columns, not %d", s, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, tc := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"客户迁移", 8, "客户迁移"}, {"客户迁移", 7, "客户迁…"}, {"客户迁移", 6, "客户…"},
		{"客户迁移", 2, "…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"", 0, ""},
	} {
		if got := clip(tc.s, tc.n); got != tc.want {
			t.Errorf("clip(%q, %d) = %q, not %q", tc.s, tc.n, got, tc.want)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("客户 move", 5)
	f.Add("\x1b[31mred\x1b[0m", 2)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if !utf8.ValidString(s) || n > 1000 || n < 0 {
			t.Skip()
		}
		if got := clip(s, n); columns(got) > n {
			t.Errorf("clip(%q, %d) = %q takes %d columns", s, n, got, columns(got))
		}
		for _, r := range plain(s) {
			if r < ' ' || r == 0x7f || r == 0x9b || r >= 0x202a && r <= 0x202e {
				t.Errorf("plain(%q) = %q", s, plain(s))
			}
		}
	})
}

func TestClipStyled(t *testing.T) {
	if got, want := clipStyled("\x1b[31m客户\x1b[0mabc", 5), "\x1b[31m客户\x1b[0ma"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestPlain(t *testing.T) {
	if got, want := plain("a\x1b[31mb\r\nc\u202ed\u2066e\u009b2J\x7f"), "a [31mb  cde 2J "; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestTable(t *testing.T) {
	tab := &table{whole: 1}
	tab.head("KEY", "LABEL", "NOTE")
	tab.row(cell{text: "dts/a/1"}, cell{text: "客户"}, cell{text: "a long note that does not fit"})
	tab.row(cell{text: "wechat/b/22"}, cell{text: ""}, cell{text: ""})
	want := []string{
		"KEY          LABEL  NOTE",
		"dts/a/1      客户   a long note that does not fit",
		"wechat/b/22",
	}
	if diff := cmp.Diff(want, tab.lines()); diff != "" {
		t.Error(diff)
	}
	for width := 20; width < 60; width++ {
		tab.width = width
		for _, line := range tab.lines() {
			if columns(line) > width {
				t.Errorf("%d columns for %d: %s", columns(line), width, line)
			}
		}
	}
	tab.colour = true
	if got := strings.Join(tab.lines(), ""); !strings.Contains(got, "\x1b[2m") {
		t.Errorf("no colours: %q", got)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", time.Minute: "1m", 90 * time.Second: "1m30s", 2 * time.Hour: "2h", 25 * time.Hour: "1d1h",
		48 * time.Hour: "2d", 11*24*time.Hour + time.Hour: "11d", 3*time.Hour + 4*time.Minute + 5*time.Second: "3h4m",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s is %s, not %s", d, got, want)
		}
	}
}

func TestWhen(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"": {}, "2026-01-30T08:00:00+08:00": time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC), "90m": now.Add(-90 * time.Minute),
		"7d": now.AddDate(0, 0, -7), "0.5d": now.Add(-12 * time.Hour), "2026-01-30": time.Date(2026, 1, 30, 0, 0, 0, 0, time.Local),
		"2026-01-30 07:08": time.Date(2026, 1, 30, 7, 8, 0, 0, time.Local),
	} {
		if got, err := when(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"-1h", "soon", "1", "-2d", "NaNd", "2026-13-01", "99999999d"} {
		if got, err := when(s, now); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestETA(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds int, percent int64) point {
		return point{start.Add(time.Duration(seconds) * time.Second), percent}
	}
	for name, tc := range map[string]struct {
		points []point
		now    int
		want   time.Duration
		known  bool
	}{
		"nothing":          {nil, 0, 0, false},
		"one":              {[]point{at(0, 50)}, 10, 0, false},
		"steady":           {[]point{at(0, 0), at(10, 10)}, 10, 90 * time.Second, true},
		"between":          {[]point{at(0, 0), at(10, 10)}, 15, 85 * time.Second, true},
		"stands":           {[]point{at(0, 50), at(10, 50)}, 15, 0, false},
		"overdue":          {[]point{at(0, 0), at(10, 50)}, 60, 0, false},
		"begun anew":       {[]point{at(0, 10), at(10, 90), at(20, 0), at(30, 20)}, 30, 40 * time.Second, true},
		"lately":           {[]point{at(0, 1), at(1000, 2), at(2000, 3), at(2001, 4), at(2002, 5), at(2003, 6), at(2004, 7), at(2005, 8), at(2006, 9), at(2007, 10)}, 2007, 90 * time.Second, true},
		"same instant":     {[]point{at(0, 0), at(0, 10)}, 0, 0, false},
		"done but unknown": {[]point{at(0, 0), at(10, 100)}, 10, 0, false},
	} {
		if got, known := eta(tc.points, start.Add(time.Duration(tc.now)*time.Second)); got != tc.want || known != tc.known {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, known, tc.want, tc.known)
		}
	}
}

func TestBar(t *testing.T) {
	forty := int64(40)
	j := client.Job{Phase: client.Running, Latest: &client.Snapshot{Progress: &forty}}
	if got, want := bar(j, false), "◐ ████████░░░░░░░░░░░░ "; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got, want := bar(client.Job{Phase: client.Pending}, false), "○ "; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// Every phase has a sign and a colour.
func TestLooks(t *testing.T) {
	if len(phases) != len(phaseStyles) || len(phases) != 9 {
		t.Errorf("%d phases, %d phaseStyles", len(phases), len(phaseStyles))
	}
	for _, p := range phases {
		if phaseStyles[p].sign == "" || phaseStyles[p].style == "" {
			t.Errorf("%s has no style", p)
		}
	}
}

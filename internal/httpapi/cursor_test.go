package httpapi

import (
	"math"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
)

func TestCursorRoundTrip(t *testing.T) {
	for _, c := range []cursor{
		{jobsList, digest("a"), 0, 0},
		{jobsList, digest(), time.Now().UnixMilli(), 1},
		{historyList, digest("x", "y"), math.MaxInt64, math.MaxInt64},
	} {
		s := c.String()
		got, err := readCursor(s, c.list, c.of)
		if err != nil || got != c {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
		if len(s) > 52 {
			t.Errorf("%d characters", len(s))
		}
	}
	place := job.Place{ChangedAt: exampleTime, Row: 42}
	c, err := readCursor(placeCursor(place, digest()), jobsList, digest())
	if err != nil || *c.place() != place {
		t.Errorf("%+v, %v", c.place(), err)
	}
}

func TestDigestKeepsPartsApart(t *testing.T) {
	if digest("a", "b") == digest("ab") || digest("a", "", "b") == digest("a", "b", "") || digest() == digest("") {
		t.Error("parts run together")
	}
}

func TestBadCursors(t *testing.T) {
	of := digest("x")
	good := cursor{jobsList, of, 5, 6}.String()
	for _, s := range []string{
		"", "A", "====", good + "A", good + "=", good[1:], strings.ToLower(good), good[:len(good)-1], " " + good,
		cursor{jobsList, of, -1, 6}.String(), cursor{jobsList, of, 5, -6}.String(),
		cursor{historyList, of, 5, 6}.String(), cursor{jobsList, digest("y"), 5, 6}.String(),
		"Ag" + good[2:],            // another version
		good[:5] + "\n" + good[5:], // base64 skips line ends
		"AWoAAAAAAAAAAIAAgAA",      // the same numbers, longer than need be
	} {
		if c, err := readCursor(s, jobsList, of); err == nil {
			t.Errorf("%q: %+v", s, c)
		}
	}
}

func TestCursorsHaveOneForm(t *testing.T) {
	if _, err := parseCursor("AWoAAAAAAAAAAAAA"); err != nil {
		t.Error("the shortest cursor is refused")
	}
	if c, err := parseCursor("AWoAAAAAAAAAAIAAgAA"); err == nil { // the same numbers, longer than need be
		t.Errorf("%+v", c)
	}
}

// A cursor is read or refused, and what is read is written alike.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursor{jobsList, digest("x"), 5, 6}.String())
	f.Add(cursor{historyList, digest(), math.MaxInt64, math.MinInt64}.String())
	f.Add("AWoAAAAAAAAAAP__________fwA")
	f.Add(strings.Repeat("_", 512))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			if c != (cursor{}) {
				t.Errorf("%+v with %v", c, err)
			}
			return
		}
		if c.String() != s {
			t.Errorf("%q is read as %q", s, c)
		}
		if _, err := readCursor(s, c.list, digest("another")); err == nil && c.of != digest("another") {
			t.Error("read where it does not belong")
		}
	})
}

// If-None-Match and Accept come from anybody.
func FuzzHeaders(f *testing.F) {
	f.Add(`W/"a", "b"`, "text/csv;q=0.5, */*")
	f.Add(`*`, "a/b;q=;q=2")
	f.Fuzz(func(t *testing.T, match, accept string) {
		if matches(match, `"tag"`) && !strings.Contains(match, `"tag"`) && strings.Trim(match, " \t") != "*" {
			t.Errorf("%q matches", match)
		}
		switch negotiate(accept) {
		case "", jsonType, csvType, ndjsonType:
		default:
			t.Errorf("%q gives what is not offered", accept)
		}
		loopbackName(match)
	})
}

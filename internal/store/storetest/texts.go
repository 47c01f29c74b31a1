package storetest

import (
	"testing"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// hostile are texts that become SQL where a server reads them in another character set, or with another
// meaning of quotes and backslashes, than they were written in.
var hostile = []string{
	`中')) OR 1=1 -- `, `中' UNION SELECT sealed FROM credentials -- `, `中'x`, `é"x`, `\' OR 1=1 -- `, `\\`, `a''b`, `"); DELETE FROM jobs; -- `,
	"\u00bf\u005c' OR '1'='1", `100 %`, "ﾃ｡ｽ 😀 ｜", "誠\\表' OR 1=1 -- ",
}

// Texts keeps hostile texts as labels, messages and statuses and searches for each: what comes back is
// what was written, and a search finds what holds its text and no more.
func Texts(t *testing.T, open Fresh) {
	s := open(t, store.Options{})
	for n, text := range hostile {
		k := key(n)
		if _, _, err := s.Watch(ctxOf(t), k, job.Change{Label: &text}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		seen := running(50)
		seen.Message, seen.Status = text, text
		see(t, s, k, seen)
		see(t, s, k, seen)
	}
	fresh := open(t, store.Options{}) // what a connection only shows itself is no use to others
	for n, text := range hostile {
		j := get(t, fresh, key(n))
		if j.Label != text || j.Latest == nil || j.Latest.Message != text || j.Latest.Status != text || j.Latest.Observations != 2 {
			t.Errorf("%q came back as %+v", text, j)
		}
		list, err := fresh.Jobs(ctxOf(t), job.Filter{Text: text}, nil, 100)
		if err != nil {
			t.Errorf("search for %q: %v", text, err)
		}
		if len(list) != 1 || list[0].Job.Key != key(n) {
			t.Errorf("the search for %q finds %d jobs", text, len(list))
		}
	}
	if got := events(t, fresh); len(got) != len(hostile) {
		t.Errorf("%d events of %d", len(got), len(hostile))
	}
}

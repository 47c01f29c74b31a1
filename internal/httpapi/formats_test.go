package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
)

// The other formats have the same rows and pages; their next page is in Link.
func TestHistoryFormats(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	texts := []string{"plain", "=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\r\nx", "＝1+1", "＋1", "－1", "＠x", "x＝1", "a \"quoted\", text", "two\nlines", "two\r\nlines", " blank ", "<b>&", "导出完成.", ""}
	for i, text := range texts {
		r.see(dtsKey, then.Add(time.Duration(i)*time.Minute), &job.Observation{Phase: job.Running, Status: "running", ErrorCode: num(-1), Progress: num(int64(i)), Message: text}, nil)
	}
	path := "/v1/jobs/" + dtsKey.String() + "/history?order=asc&limit=5"
	want, _ := r.pages(path, "cursor")
	var lines []map[string]any
	var cells [][]string
	for accept, take := range map[string]func(body string){
		"application/x-ndjson": func(body string) {
			for line := range strings.Lines(body) {
				var v map[string]any
				if err := json.Unmarshal([]byte(line), &v); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, v)
			}
		},
		"text/csv": func(body string) {
			if !strings.HasSuffix(body, "\r\n") {
				t.Errorf("no CRLF at the end: %q", body)
			}
			rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			cells = append(cells, rows[1:]...)
		},
	} {
		next := path
		for next != "" {
			g := r.ask("GET", next, readKey, "Accept", accept)
			if g.status != 200 || !strings.HasPrefix(g.header.Get("Content-Type"), accept) || g.header.Get("Vary") != "Accept, Authorization" {
				t.Fatalf("%d %v", g.status, g.header)
			}
			take(g.body)
			asked := next
			next = ""
			if m := nextURL.FindStringSubmatch(g.header.Get("Link")); m != nil {
				next = follow(r, asked, m[1])
			}
		}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("NDJSON differs from JSON:\n%s", diff)
	}
	if len(cells) != len(texts) {
		t.Fatalf("%d rows of CSV", len(cells))
	}
	for i, row := range cells {
		text := texts[i]
		if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
			text = "'" + text
		}
		text = strings.ReplaceAll(text, "\r\n", "\n") // encoding/csv's reader does so
		if row[6] != text || row[5] != "-1" || row[4] != "" || row[0] != fmt.Sprint(i+1) {
			t.Errorf("row %d: %q, want the message %q", i, row, text)
		}
	}
}

func TestNegotiation(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	for accept, want := range map[string]string{
		"":                                 "application/json",
		"*/*":                              "application/json",
		"application/json":                 "application/json",
		"application/*":                    "application/json",
		"text/*":                           "text/csv",
		"TEXT/CSV":                         "text/csv",
		"text/csv, */*":                    "text/csv",
		"*/*, text/csv":                    "text/csv",
		"text/csv;q=0.5, */*":              "application/json",
		"text/csv;q=0.5, application/json": "application/json",
		"application/json;q=0, */*":        "text/csv",
		"application/json;q=0, application/*, text/csv;q=0.1": "application/x-ndjson",
		"text/csv;q=0.2, application/x-ndjson;q=0.3":          "application/x-ndjson",
		"text/csv;header=absent;q=0.2,application/json;q=.1":  "text/csv",
		"text/html,application/xhtml+xml,*/*;q=0.8":           "application/json",
		"application/json;q=nonsense":                         "application/json",
		"application/json;q=0":                                "",
		"*/*;q=0":                                             "",
		"image/png":                                           "",
		"text/csvx":                                           "",
		", ,":                                                 "application/json",
	} {
		g := r.ask("GET", "/v1/jobs/"+dtsKey.String()+"/history", readKey, "Accept", accept)
		if want == "" {
			g.wantProblem(r, 406, "not_acceptable")
		} else if got, _, _ := strings.Cut(g.header.Get("Content-Type"), ";"); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
		// Everything else is JSON, whatever is asked for.
		if g := r.ask("GET", "/v1/jobs", readKey, "Accept", accept); g.header.Get("Content-Type") != "application/json" {
			t.Errorf("%q: list is %s", accept, g.header.Get("Content-Type"))
		}
		if g := r.ask("GET", "/v1/jobs?limit=x", readKey, "Accept", accept); g.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: problem is %s", accept, g.header.Get("Content-Type"))
		}
	}
}

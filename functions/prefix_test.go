package functions_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestBelowAPrefix: what a gateway has in front of our paths, a stage or a function's name, stays in front of
// all that an answer leads to.
func TestBelowAPrefix(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
dts ap-beijing dts-1
  0s running 10%
dts ap-beijing dts-2
  0s running 10%
`)
	r.watch("dts/ap-beijing/dts-1", "dts/ap-beijing/dts-2")
	ask := func(api, path, query string) reply {
		event, err := json.Marshal(map[string]any{"httpMethod": "GET", "path": path, "queryString": query,
			"requestContext": map[string]any{"path": api, "stage": "release"}, "headers": map[string]string{"authorization": "Bearer " + readKey}})
		if err != nil {
			t.Fatal(err)
		}
		return r.send(event)
	}
	for _, test := range []struct{ name, api, path, shown, home string }{
		{"a stage in the path", "/", "/release/", "/release/", "/release/"},
		{"a stage that only the browser sees", "/", "/", "/release/", "/release/"},
		{"a function's name by itself", "/migwatch-query", "/migwatch-query", "/release/migwatch-query", "/release/migwatch-query/"},
		{"a job below a function's name", "/migwatch-query", "/migwatch-query/jobs/dts/ap-beijing/dts-1", "/release/migwatch-query/jobs/dts/ap-beijing/dts-1", "/release/migwatch-query/"},
		{"no prefix", "/{path}", "/jobs/dts/ap-beijing/dts-1", "/jobs/dts/ap-beijing/dts-1", "/"},
	} {
		a := ask(test.api, test.path, "")
		found := regexp.MustCompile(`(?:href|src|action)="([^"#][^"]*)"`).FindAllStringSubmatch(a.Body, -1)
		if a.StatusCode != 200 || len(found) < 8 {
			t.Errorf("%s: %d with %d links", test.name, a.StatusCode, len(found))
		}
		for _, m := range found {
			at := url.URL{Path: test.shown}
			to, err := at.Parse(m[1])
			if err != nil || !strings.HasPrefix(to.Path, test.home) {
				t.Errorf("%s: %s leads to %s", test.name, m[1], to)
				continue
			}
			switch first, _, _ := strings.Cut(strings.TrimPrefix(to.Path, test.home), "/"); first {
			case "", "assets", "jobs", "preferences", "session":
			default:
				t.Errorf("%s: %s leads to %s, which is no path of ours", test.name, m[1], to)
			}
		}
	}
	if link := ask("/migwatch-query", "/migwatch-query/v1/jobs", "limit=1").Headers["Link"]; !strings.HasPrefix(link, "<?cursor=") {
		t.Errorf("Link: %s", link)
	}
}

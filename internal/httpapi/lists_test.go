package httpapi_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
)

var nextURL = regexp.MustCompile(`^<([^>]+)>; rel="next"$`)

// pages follows a list by its cursor, and checks that Link and cursor agree.
func (r *rig) pages(path, parameter string) (items []map[string]any, sizes []int) {
	r.Helper()
	for range 50 {
		g := r.ask("GET", path, readKey)
		if g.status != 200 {
			r.Fatalf("%s: %d %s", path, g.status, g.body)
		}
		v := g.json(r)
		page := v["items"].([]any)
		sizes = append(sizes, len(page))
		for _, item := range page {
			items = append(items, item.(map[string]any))
		}
		link := g.header.Get("Link")
		next, _ := v["next_cursor"].(string)
		if v["next_cursor"] == nil {
			if link != "" {
				r.Errorf("a Link on the last page: %s", link)
			}
			return items, sizes
		}
		m := nextURL.FindStringSubmatch(link)
		if m == nil {
			r.Fatalf("Link %q", link)
		}
		u, err := url.Parse(m[1])
		if err != nil || u.Query().Get(parameter) != next || len(next) > 512 || url.QueryEscape(next) != next {
			r.Fatalf("Link %s, next_cursor %q", link, next)
		}
		path = follow(r, path, m[1])
	}
	r.Fatal("no end")
	return nil, nil
}

// follow gives where a reference in the answer to path leads.
func follow(r *rig, path, reference string) string {
	r.Helper()
	from, err := url.Parse(path)
	if err != nil {
		r.Fatal(err)
	}
	to, err := from.Parse(reference)
	if err != nil {
		r.Fatal(err)
	}
	return to.String()
}

func TestJobPages(t *testing.T) {
	r := newRig(t, nil)
	for i := range 23 {
		scope := []string{"ap-shanghai", "ap-beijing"}[i%2]
		r.watch(job.Key{Provider: job.DTS, Scope: scope, ID: fmt.Sprintf("dts-%02d", i)})
	}
	r.watch(job.Key{Provider: job.WeChat, Scope: "env-1", ID: "123"})
	for i := range 8 { // these all change in the same millisecond
		r.see(job.Key{Provider: job.DTS, Scope: "ap-beijing", ID: fmt.Sprintf("dts-%02d", 2*i+1)}, then, &job.Observation{Phase: job.Running, Status: "running"}, nil)
	}
	for _, test := range []struct {
		query string
		want  int
		sizes []int
	}{
		{"limit=10", 24, []int{10, 10, 4}},
		{"limit=24", 24, []int{24}},
		{"limit=23", 24, []int{23, 1}},
		{"limit=500", 24, []int{24}},
		{"", 24, []int{24}},
		{"limit=", 24, []int{24}},
		{"provider=dts&limit=10", 23, []int{10, 10, 3}},
		{"provider=wechat", 1, []int{1}},
		{"provider=", 24, []int{24}},
		{"scope=ap-beijing&limit=3", 11, []int{3, 3, 3, 2}},
		{"phase=running&limit=3", 8, []int{3, 3, 2}},
		{"phase=running&phase=failed&limit=3", 8, []int{3, 3, 2}},
		{"phase=&phase=running", 8, []int{8}},
		{"phase=running&phase=pending&phase=running&limit=20", 24, []int{20, 4}},
		{"phase=failed", 0, []int{0}},
		{"q=DTS-1&limit=4", 10, []int{4, 4, 2}},
		{"q=%25", 0, []int{0}},
		{"q=env-1", 1, []int{1}},
		{"_=1&stage=release&limit=20", 24, []int{20, 4}},
	} {
		t.Run(test.query, func(t *testing.T) {
			items, sizes := r.pages("/v1/jobs?"+test.query, "cursor")
			if !slices.Equal(sizes, test.sizes) {
				t.Errorf("pages of %v, want %v", sizes, test.sizes)
			}
			seen := map[any]bool{}
			for i, item := range items {
				if seen[item["job_id"]] {
					t.Errorf("%v twice", item["job_id"])
				}
				seen[item["job_id"]] = true
				if i > 0 && item["changed_at"].(string) > items[i-1]["changed_at"].(string) {
					t.Errorf("%v is out of order", item["job_id"])
				}
			}
			if len(items) != test.want {
				t.Errorf("%d items, want %d", len(items), test.want)
			}
		})
	}
}

// A cursor is a place in one list; anywhere else it is refused.
func TestCursorsAreBound(t *testing.T) {
	r := newRig(t, nil)
	other := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-2"}
	r.watch(dtsKey, other)
	for i := range 3 {
		r.see(dtsKey, then.Add(time.Duration(i)*time.Minute), &job.Observation{Phase: job.Running, Progress: num(int64(i))}, nil)
	}
	history := "/v1/jobs/" + dtsKey.String() + "/history"
	jobs := r.get("/v1/jobs?limit=1&provider=dts")["next_cursor"].(string)
	snapshots := r.get(history + "?limit=1")["next_cursor"].(string)
	for path, status := range map[string]int{
		"/v1/jobs?provider=dts&cursor=" + jobs:                        200,
		"/v1/jobs?provider=dts&limit=7&cursor=" + jobs:                200,
		"/v1/jobs?cursor=" + jobs:                                     422,
		"/v1/jobs?provider=dts&phase=running&cursor=" + jobs:          422,
		"/v1/jobs?provider=dts&q=x&cursor=" + jobs:                    422,
		"/v1/jobs?provider=dts&cursor=" + snapshots:                   422,
		"/v1/jobs?provider=dts&cursor=" + jobs + "A":                  422,
		"/v1/jobs?provider=dts&cursor=" + jobs + "%3D":                422,
		"/v1/jobs?provider=dts&cursor=" + jobs[:len(jobs)-1]:          422,
		history + "?cursor=" + snapshots:                              200,
		history + "?order=desc&cursor=" + snapshots:                   200,
		history + "?order=asc&cursor=" + snapshots:                    422,
		history + "?since=2020-01-01T00:00:00Z&cursor=" + snapshots:   422,
		history + "?cursor=" + jobs:                                   422,
		"/v1/jobs/" + other.String() + "/history?cursor=" + snapshots: 422,
		"/v1/events?cursor=" + jobs:                                   200, // no such parameter there
	} {
		if g := r.ask("GET", path, readKey); g.status != status {
			t.Errorf("%s: %d, want %d: %s", path, g.status, status, g.body)
		}
	}
}

func seqs(items []map[string]any) (out []int) {
	for _, item := range items {
		out = append(out, int(item["seq"].(float64)))
	}
	return out
}

func TestHistoryPages(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey)
	for i := range 7 {
		r.see(dtsKey, then.Add(time.Duration(i)*time.Minute), &job.Observation{Phase: job.Running, Status: "running", Progress: num(int64(i))}, nil)
	}
	at := func(minutes int) string {
		return url.QueryEscape(then.Add(time.Duration(minutes) * time.Minute).In(time.FixedZone("", 8*3600)).Format(time.RFC3339Nano))
	}
	path := "/v1/jobs/" + dtsKey.String() + "/history?"
	for _, test := range []struct {
		query string
		want  []int
	}{
		{"limit=3", []int{7, 6, 5, 4, 3, 2, 1}},
		{"limit=3&order=asc", []int{1, 2, 3, 4, 5, 6, 7}},
		{"limit=2&since=" + at(2) + "&until=" + at(5), []int{5, 4, 3}},
		{"limit=2&order=asc&since=" + at(5), []int{6, 7}},
		{"limit=1&until=" + at(2), []int{2, 1}},
		{"since=" + at(60), nil},
	} {
		items, _ := r.pages(path+test.query, "cursor")
		if got := seqs(items); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.query, got, test.want)
		}
	}
}

// A client that follows events by the last ID it saw sees each once, also those that come meanwhile.
func TestEventsAreFollowed(t *testing.T) {
	r := newRig(t, nil)
	r.watch(dtsKey, wechatKey)
	phases := []job.Phase{job.Running, job.Failed}
	var seen []string
	last := ""
	follow := func(limit int) {
		for {
			v := r.get(fmt.Sprintf("/v1/events?limit=%d&after=%s", limit, last))
			items := v["items"].([]any)
			for _, item := range items {
				e := item.(map[string]any)
				last = e["id"].(string)
				seen = append(seen, fmt.Sprint(e["from"], ">", e["to"], "@", e["seq"]))
			}
			if v["next_cursor"] == nil {
				return
			}
			if v["next_cursor"] != last {
				t.Errorf("next_cursor %v, last ID %s", v["next_cursor"], last)
			}
		}
	}
	for i := range 7 {
		r.see(dtsKey, then.Add(time.Duration(i)*time.Minute), &job.Observation{Phase: phases[i%2], Status: "x"}, nil)
		if i == 4 {
			follow(2)
		}
	}
	follow(100)
	want := []string{"pending>running@1", "running>failed@2", "failed>running@3", "running>failed@4", "failed>running@5", "running>failed@6", "failed>running@7"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	r.see(wechatKey, then, &job.Observation{Phase: job.Partial, Status: "success"}, nil)
	for query, n := range map[string]int{"provider=wechat": 1, "scope=test2-4a89da": 1, "provider=dts&scope=ap-beijing": 0, "provider=dts&scope=ap-shanghai": 7} {
		if items, _ := r.pages("/v1/events?limit=3&"+query, "after"); len(items) != n {
			t.Errorf("%s: %d events, want %d", query, len(items), n)
		}
	}
}

// A slash behind a path changes nothing.
func TestSlashBehind(t *testing.T) {
	r := newRig(t, nil)
	r.scene()
	one := "/v1/jobs/" + dtsKey.String()
	for path, query := range map[string]string{"/v1/jobs": "?limit=1", one: "", one + "/history": "?limit=1", "/v1/events": "", "/v1/summary": ""} {
		want, got := r.ask("GET", path+query, readKey), r.ask("GET", path+"/"+query, readKey)
		if got.status != 200 || got.body != want.body || got.header.Get("Link") != want.header.Get("Link") {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if g := r.ask("PUT", one+"/", adminKey, "body", `{"label":"kept"}`); g.status != 200 || r.get(one)["label"] != "kept" {
		t.Errorf("PUT: %s", g)
	}
	if g := r.ask("GET", "/v1/jobs/dts/ap-beijing/a%2F", readKey); g.status != 422 {
		t.Errorf("an escaped slash is a part of the ID: %s", g)
	}
}

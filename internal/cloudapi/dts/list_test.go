package dts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
)

// lister answers a list of n jobs page by page, and notes the bodies.
func lister(t *testing.T, n int, bodies *[]string) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*bodies = append(*bodies, r.Header.Get("X-TC-Action")+" "+string(body))
		var q struct{ Offset, Limit int }
		if err := json.Unmarshal(body, &q); err != nil {
			t.Error(err)
		}
		var items []string
		for i := q.Offset; i < min(n, q.Offset+q.Limit); i++ {
			status := []string{"running", "failed", "checkNotPass"}[i%3]
			items = append(items, fmt.Sprintf(`{"JobId":"dts-%05d","Status":%q}`, i, status))
		}
		_, _ = fmt.Fprintf(w, `{"Response":{"TotalCount":%d,"JobList":[%s],"RequestId":"r"}}`, n, strings.Join(items, ","))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestList(t *testing.T) {
	place := job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai"}
	for n, calls := range map[int]int{0: 1, 1: 1, 99: 1, 100: 2, 250: 3} {
		var bodies []string
		g := &gate{}
		got, last := map[string]bool{}, int64(0)
		err := newClient(t, lister(t, n, &bodies).URL, dts.Static(first)).List(t.Context(), place, 0, true, g.open, func(found []job.Found, read int64) error {
			for _, f := range found {
				got[f.Key.ID] = true
				if f.Key.Provider != job.DTSMigration || f.Key.Scope != "ap-shanghai" || f.Ask != (f.Observation.Status != "running") || f.Observation.About.Version != "2021-12-06" {
					t.Errorf("%+v", f)
				}
			}
			last = read
			return nil
		})
		if err != nil || len(got) != n || last != int64(n) || len(bodies) != calls || g.count() != calls {
			t.Errorf("%d jobs: %d found, %d read, %d calls, %v", n, len(got), last, len(bodies), err)
		}
		if bodies[0] != `DescribeMigrationJobs {"Limit":100,"Offset":0,"OrderSeq":"asc"}` {
			t.Errorf("%s", bodies[0])
		}
	}
}

func TestListGoesOn(t *testing.T) {
	place := job.Key{Provider: job.DTSMigration, Scope: "ap-shanghai"}
	var bodies []string
	stop := errors.New("enough")
	c := newClient(t, lister(t, 400, &bodies).URL, dts.Static(first))
	err := c.List(t.Context(), place, 200, false, nil, func(_ []job.Found, read int64) error {
		if read != 300 {
			t.Errorf("%d read", read)
		}
		return stop
	})
	if err != stop || len(bodies) != 1 || !strings.Contains(bodies[0], `"Offset":200`) || !strings.Contains(bodies[0], `"Status":["created","checking"`) { // the very error is promised
		t.Errorf("%v, %q", err, bodies)
	}
	refused := errors.New("not begun")
	if err := c.List(t.Context(), place, 0, false, func(context.Context) error { return refused }, nil); err != refused {
		t.Errorf("%v", err)
	}
}

func TestListOfOtherKinds(t *testing.T) {
	a := newActions(t, map[string]string{
		"DescribeMigrationJobs": refusal("ActionOffline", "gone"),
		"DescribeMigrateJobs":   listOf(`{"JobId":"dts-old1","Status":10}`, `{"JobId":"dts-bad","Status":{}}`, `{"JobId":"a/b","Status":7}`, `null`),
		"DescribeSyncJobs":      listOf(`{"JobId":"sync-1","Status":"Failed"}`),
	})
	c := newClient(t, a.URL, dts.Static(first))
	for provider, want := range map[job.Provider]string{job.DTSMigration: "dts-migration/ap-shanghai/dts-old1 10 2018-03-30 false", job.DTSSync: "dts-sync/ap-shanghai/sync-1 Failed 2021-12-06 false"} {
		var got []string
		err := c.List(t.Context(), job.Key{Provider: provider, Scope: "ap-shanghai"}, 0, true, nil, func(found []job.Found, _ int64) error {
			for _, f := range found {
				got = append(got, fmt.Sprint(f.Key, " ", f.Observation.Status, " ", f.Observation.About.Version, " ", f.Ask))
			}
			return nil
		})
		if err != nil || strings.Join(got, ";") != want {
			t.Errorf("%s: %q, %v", provider, got, err)
		}
	}
	for name, body := range map[string]string{"no list": `{"Response":{"RequestId":"r"}}`, "none": `{"Response":{"JobList":"x"}}`, "refused": refusal("UnauthorizedOperation", "no")} {
		a.answer["DescribeSyncJobs"] = body
		if e := pollError(t, c.List(t.Context(), job.Key{Provider: job.DTSSync, Scope: "ap-shanghai"}, 0, true, nil, nil)); name == "refused" && e.Kind != job.Forbidden {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

package functions_test

import (
	"database/sql"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to age rows by hand
)

// TestTicksPrune: what is older than the retention goes, a little at the end of each tick; never a
// job's last snapshot, never a row of a job that is not final.
func TestTicksPrune(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
wechat env-1 1
  0s waiting
  10s success 1/0
wechat env-1 2
  0s waiting
  10s migrating 1/0
`)
	r.watch("wechat/env-1/1", "wechat/env-1/2")
	r.tick(20 * time.Second)
	r.clock.step(10 * time.Second)
	r.again("wechat/env-1/1")
	r.again("wechat/env-1/2")
	db, err := sql.Open("sqlite", "file:"+r.database+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	month := (30 * 24 * time.Hour).Milliseconds()
	if _, err := db.Exec(`UPDATE snapshots SET first_observed_at = first_observed_at - ?1, last_observed_at = last_observed_at - ?1`, month); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE events SET at = at - ?`, month); err != nil {
		t.Fatal(err)
	}
	r.env["MIGWATCH_RETENTION_SNAPSHOTS"], r.env["MIGWATCH_RETENTION_EVENTS"] = "7", "7"
	r.tick(20 * time.Second)
	for key, want := range map[string]int{"wechat/env-1/1": 1, "wechat/env-1/2": 2} {
		if n := len(r.get("/v1/jobs/"+key+"/history", readKey)["items"].([]any)); n != want {
			t.Errorf("%s has %d snapshots left, want %d", key, n, want)
		}
	}
	r.wants("wechat/env-1/1", readKey, map[string]string{"latest.status": `"success"`, "latest.seq": `2`})
	if n := len(r.get("/v1/events", readKey)["items"].([]any)); n != 1 {
		t.Errorf("%d events are left, want the one of the job that is not final", n)
	}
}

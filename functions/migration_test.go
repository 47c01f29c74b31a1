package functions_test

import (
	"testing"
	"time"

	"migwatch/internal/emulator"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// TestMigrations polls migrations and a sync as both functions do it: through their whole life, by the version
// that knows them, with the reason where one failed, and nothing of their endpoints anywhere.
func TestMigrations(t *testing.T) {
	t.Parallel()
	r := newRig(t, `
dts-migration ap-shanghai dts-aaaaaaa1 "orders"
  0s checking
  30s checkNotPass "the target is not empty"
  1m running 40%
  2m readyComplete 100% lag=2
  3m success 100%
dts-migration ap-shanghai dts-oldold01 "an old one"
  0s 8 99% lag=3
dts-migration ap-shanghai dts-fails001
  0s failed "it stopped"
dts-sync ap-shanghai sync-btso140 "a sync"
  0s Running 100% lag=1 behind=7
  1m Stopped
dts-migration ap-shanghai dts-gone0001
  0s missing
`)
	whole, old, fails, sync, gone := "dts-migration/ap-shanghai/dts-aaaaaaa1", "dts-migration/ap-shanghai/dts-oldold01", "dts-migration/ap-shanghai/dts-fails001",
		"dts-sync/ap-shanghai/sync-btso140", "dts-migration/ap-shanghai/dts-gone0001"
	r.watch(whole, old, fails, sync, gone)
	if report := r.tick(20 * time.Second); report.Recorded != 5 {
		t.Fatalf("%+v", report)
	}
	r.wants(whole, readKey, map[string]string{"phase": `"pending"`, "latest.status": `"checking"`, "name": `"orders"`, "lag": `null`, "started_at": `null`, "latest.progress": `0`})
	r.wants(old, readKey, map[string]string{"phase": `"action_required"`, "latest.status": `"8"`, "lag.seconds": `3`, "latest.progress": `99`, "latest.step": `"sync"`})
	r.wants(fails, readKey, map[string]string{"phase": `"failed"`, "final": `true`, "latest.message": `"it stopped — ErrConnect: Check the network and the account's permissions, then retry."`})
	r.wants(sync, readKey, map[string]string{"phase": `"running"`, "lag.seconds": `1`, "lag.megabytes": `7`, "latest.step": `"sinker"`, "latest.progress": `null`})
	r.wants(gone, readKey, map[string]string{"phase": `"missing"`, "latest.status": `"not_listed"`})
	for _, want := range []struct{ phase, status, step, message, progress, lag string }{
		{"action_required", "checkNotPass", `null`, `"the target is not empty — ConnectDBCheck — the target is not empty: Mend it, and check again."`, `0`, `null`},
		{"running", "running", `"loader"`, `""`, `40`, `null`},
		{"action_required", "readyComplete", `"sinker"`, `""`, `100`, `2`},
		{"succeeded", "success", `"sinker"`, `""`, `100`, `null`},
	} {
		r.clock.step(map[string]time.Duration{"checkNotPass": 35 * time.Second, "running": 30 * time.Second}[want.status])
		if want.status == "readyComplete" || want.status == "success" {
			r.clock.step(time.Minute)
		}
		r.again(whole)
		wants := map[string]string{"phase": `"` + want.phase + `"`, "latest.status": `"` + want.status + `"`, "latest.step": want.step, "latest.message": want.message, "latest.progress": want.progress}
		if want.lag == "null" {
			wants["lag"] = want.lag
		} else {
			wants["lag.seconds"] = want.lag
		}
		r.wants(whole, readKey, wants)
	}
	r.again(sync)
	r.wants(sync, readKey, map[string]string{"phase": `"canceled"`, "final": `true`, "lag": `null`})
	r.searchCanaries("emulated-password", "emulated-user", "10.11.12.13", "emulated-secret")
}

// TestMigrationsKeepTheirLimits: each action has a budget of its own.
func TestMigrationsKeepTheirLimits(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, "dts-migration ap-shanghai dts-%04d x 30\n  0s running 10%\ndts-sync ap-shanghai sync-%04d x 30\n  0s Running\ndts ap-shanghai dts-%04d x 30\n  0s running 10%\n", func(o *emulator.Options) { o.Now = time.Now })
	for n := range 30 {
		id := string(rune('0'+(n+1)/10)) + string(rune('0'+(n+1)%10))
		r.watch("dts-migration/ap-shanghai/dts-00"+id, "dts-sync/ap-shanghai/sync-00"+id, "dts/ap-shanghai/dts-00"+id)
	}
	if report := r.tick(20 * time.Second); report.Recorded != 90 {
		t.Fatalf("%+v", report)
	}
	for _, api := range []emulator.API{emulator.DTS, emulator.DTSMigration, emulator.DTSSync} {
		if peak := r.up.Peak(api, "ap-shanghai"); peak > 20 || r.up.Refused(api) > 0 {
			t.Errorf("%s: %d in a second, %d refused", api, peak, r.up.Refused(api))
		}
	}
}

// TestTenThousandMigrations: one discovery, and a tick that finds and polls all of its jobs with a call for each
// hundred; the next tick polls them again.
func TestTenThousandMigrations(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand jobs")
	}
	t.Parallel()
	const jobs = 10_000
	r := newRigWith(t, "dts-migration ap-shanghai dts-%05d x 10000\n  0s running 10%\n", func(o *emulator.Options) { o.Now = time.Now })
	s, err := store.Open(secret.New(r.env["MIGWATCH_DATABASE_URL"]), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := s.Discover(t.Context(), job.DTSMigration, "ap-shanghai", job.DiscoveryChange{}); err != nil {
		t.Fatal(err)
	}
	for round, most := range []int{110, 105} {
		r.up.Forget()
		report := r.tick(55 * time.Second)
		if report.Recorded != jobs || report.Failed+report.Lost+report.Released > 0 || report.Changed != map[int]int64{0: jobs}[round] {
			t.Errorf("%+v", report)
		}
		if n := len(r.up.Arrivals()); n > most || r.up.Peak(emulator.DTSMigration, "ap-shanghai") > 20 || r.up.Refused(emulator.DTSMigration) > 0 {
			t.Errorf("%d calls, at most %d in a second, %d refused", n, r.up.Peak(emulator.DTSMigration, "ap-shanghai"), r.up.Refused(emulator.DTSMigration))
		}
		t.Logf("%d jobs in %d ms", report.Recorded, report.ElapsedMS)
		d, err := s.Discovery(t.Context(), job.DTSMigration, "ap-shanghai")
		if err != nil || d.Jobs != jobs || d.SweptAt == nil {
			t.Fatalf("%+v, %v", d, err)
		}
		time.Sleep(time.Until(*d.Polling.NextAt) + 50*time.Millisecond) // the database counts whole milliseconds, by a reading of its own
	}
}

package chaos

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMutantsAreCaught builds the poll function with one of its safeguards taken out, lets it work, and
// wants the checker to say what that breaks. The long run only: each is a build of its own.
func TestMutantsAreCaught(t *testing.T) {
	if !long() {
		t.Skip("a part of the long run: MIGWATCH_CHAOS=long")
	}
	alone := plan{regions: 2, each: 40, story: restless}
	listed := plan{regions: 1, each: 150, story: wandering, listed: true}
	vast := plan{regions: 1, each: 4500, story: wandering, listed: true} // more pages than one tick has time for
	for _, test := range []struct {
		name, file string
		changes    []string // old, new, old, new: texts of one purpose
		breaks     string   // the invariant
		plan       plan
	}{
		{"claims do not ask again", "internal/store/claim.go", []string{"WHERE id IN ? AND lease_until <= {now} AND next_at <= {now}", "WHERE id IN ?"}, "I2", alone},
		{"writes without the fence", "internal/store/record.go", []string{"jobs.epoch = {i epoch} AND", "{i epoch} > 0 AND"}, "I2", alone},
		{"missed slots are used", "internal/poller/poll.go", []string{"now.Sub(g.next.at) > max(g.next.late, pace.Tolerated)", "false"}, "I1", alone},
		{"slots of one's own", "internal/store/reserve.go", []string{"next_at = CASE WHEN next_at > {clock} THEN next_at ELSE {clock} END +", "next_at = {clock} +"}, "I1", alone},
		{"pages take what others hold", "internal/store/sweep.go", []string{"WHERE id IN ? AND lease_until <= {now} AND paused = 0", "WHERE id IN ?", "paused = 0 AND lease_until <= {now} THEN 1", "paused = 0 THEN 1"}, "I2", listed},
		{"missing where a page lacks a job", "internal/cloudapi/dts/migration.go", []string{"l.call(op, request{JobID: &l.job.Key.ID})", "l.call(op, request{})"}, "I3", listed},
		{"the place in the list is lost", "internal/store/sweep.go", []string{"SET place = ?, lease_until", "SET place = ? * 0, lease_until", "claim = '', place = ?,", "claim = '', place = ? * 0,"}, "I9", vast},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, openSQLite(t), test.plan)
			r.binary = mutant(t, test.file, test.changes...)
			r.watch()
			r.shortLeases()
			c := newCrowd(r, 8)
			m := &monkey{crowd: c, dice: rand.New(rand.NewPCG(1, 1))}
			m.harm(harm{freezes: 40, pause: 700 * time.Millisecond, longFreezes: true, most: time.Minute})
			c.rest()
			healed := r.heal(c)
			c.end()
			h := r.history()
			h.healed, h.stalls = healed, nil
			found := check(h)
			for _, line := range found {
				if strings.HasPrefix(line, test.breaks+" ") {
					t.Log(line)
					return
				}
			}
			t.Errorf("nobody noticed; found %v", found)
		})
	}
}

// mutant builds the poll function with texts of one file replaced: pairs of the old and the new.
func mutant(t *testing.T, file string, changes ...string) string {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(top, file))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := strings.NewReplacer(changes...).Replace(string(source))
	if spoilt == string(source) {
		t.Fatalf("%s has none of %q any more: the mutant needs new texts", file, changes)
	}
	dir := t.TempDir()
	changed, overlay, binary := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "poll")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(top, file): changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{changed: spoilt, overlay: string(replace)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", binary, pollPackage)
	cmd.Dir, cmd.Env = top, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

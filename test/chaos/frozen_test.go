package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// harm is how much is done to a run.
type harm struct {
	processes, kills, freezes, serverKills int
	polls                                  int64         // at least
	pause                                  time.Duration // between two deeds, on average
	most                                   time.Duration // the whole run may last
	longFreezes                            bool          // all are longer than a lease
}

// Settings of these runs: leases are short, so that freezes outlast them.
const (
	lease      = 4 * time.Second
	freezeMost = 6 * time.Second
)

// invocation is a timer's time limit.
var invocation = choose(4*time.Second, 8*time.Second)

// restless is a story in which polls see something new, something old, and phases that come and go.
const restless = `  0s starting
  2s running 10%
  5s running 60%
  8s finished
  11s finished check=0 code=-1 "not passed"
  14s running 5%
  repeat every 17s`

// TestFrozenAndKilled freezes and kills functions and database servers at random while they work, and
// then polls for anything that was refused, polled twice, lost, or forgotten.
func TestFrozenAndKilled(t *testing.T) {
	few := harm{processes: 5, kills: 6, freezes: 6, serverKills: 1, polls: 100, pause: 300 * time.Millisecond, most: time.Minute}
	many := harm{processes: 12, kills: 200, freezes: 200, serverKills: 6, polls: 10_000, pause: 500 * time.Millisecond, most: 9 * time.Minute}
	p := choose(plan{regions: 2, each: 20, story: restless}, plan{regions: 5, each: 60, story: restless})
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			if !long() {
				t.Parallel()
			}
			chaos(t, e.open(t), p, choose(few, many))
		})
	}
	if long() {
		t.Run("galera", func(t *testing.T) { chaos(t, openGalera(t), p, many) })
	}
}

// wandering is restless for migrations: lists tell all of it.
const wandering = `  0s running 10%
  3s running 60%
  6s readyComplete 100% lag=1
  9s running 5%
  repeat every 12s`

// TestSweepsFrozenAndKilled is the same for regions that are watched as a whole, where one call tells of a hundred
// jobs: none may be watched twice, forgotten, or missing because the list moved, and no list stands still.
func TestSweepsFrozenAndKilled(t *testing.T) {
	few := harm{processes: 4, kills: 8, freezes: 6, serverKills: 1, polls: 60, pause: 300 * time.Millisecond, most: time.Minute}
	many := harm{processes: 12, kills: 200, freezes: 100, serverKills: 6, polls: 3_000, pause: 500 * time.Millisecond, most: 9 * time.Minute}
	p := choose(plan{regions: 2, each: 450, story: wandering, listed: true}, plan{regions: 1, each: 4500, story: wandering, listed: true})
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			if !long() {
				t.Parallel()
			}
			chaos(t, e.open(t), p, choose(few, many))
		})
	}
}

// chaos is one run.
func chaos(t *testing.T, db *database, p plan, h harm) {
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("MIGWATCH_CHAOS_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("MIGWATCH_CHAOS_SEED=%d", seed)
	r := newRig(t, db, p)
	r.watch()
	r.shortLeases()
	c := newCrowd(r, h.processes)
	m := &monkey{crowd: c, dice: rand.New(rand.NewPCG(seed, 1))}
	began := time.Now()
	m.harm(h)
	for r.up.polls() < h.polls && time.Since(began) < h.most && !t.Failed() {
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(began)
	c.rest()
	polled := r.up.polls()
	t.Logf("%d polls, %d kills, %d freezes (%d of them longer than a lease), %d server kills in %v", polled, m.kills, m.freezes, m.lasting, m.serverKills, took.Round(time.Second))
	if polled < h.polls {
		t.Errorf("%d polls in %v, want %d", polled, took, h.polls)
	}
	healed := r.heal(c)
	c.end()
	history := r.history()
	history.healed, history.followed, history.left = healed, c.follower.ids, c.left()
	r.judge(history)
	judged := 0
	for _, a := range history.arrivals {
		if !(&checker{history: history}).stalled(a.at) {
			judged++
		}
	}
	t.Logf("%d of %d arrivals lay in seconds in which the upstream did not stand still", judged, len(history.arrivals))
	for budget, f := range measured(history) {
		t.Logf("%-15s %v", budget, f)
	}
	t.Logf("%d invocations answered, %d could not work, %+v, %d events, %d snapshots, the upstream stood still %d times",
		r.answers, r.refused, r.totals, len(history.events), len(history.snapshots), len(history.stalls))
}

func (r *rig) shortLeases() {
	r.env["MIGWATCH_POLL_LEASE"] = lease.String()
	r.env["MIGWATCH_POLL_TIMEOUT"] = "1s"
	r.env["MIGWATCH_POLL_RESERVE"] = "500ms"
}

// heal makes every job due with nothing broken any more, and says by when each must have been polled:
// within two of the timer's intervals, a lease, and the time the budget needs for all.
func (r *rig) heal(c *crowd) healing {
	r.t.Helper()
	const interval = 2 * time.Second
	perBudget := map[string]int{}
	most := 0
	for _, k := range r.keys {
		perBudget[k.Budget()]++
		most = max(most, perBudget[k.Budget()])
	}
	calls, rest := float64(most), time.Duration(0)
	if r.plan.listed { // a sweep that was cut goes on to the list's end, and the next one rests before it begins
		calls, rest = 2*calls/100, 10*time.Second
	}
	h := healing{at: time.Now(), limit: 2*interval + lease + rest + time.Duration(calls/18*float64(time.Second))}
	for _, table := range []string{"jobs", "discoveries"} {
		if err := r.db.try("UPDATE " + table + " SET next_at = {now}"); err != nil {
			r.t.Errorf("make all due: %v", err)
		}
	}
	for end := h.at.Add(h.limit); time.Now().Before(end); time.Sleep(interval / 4) {
		c.tickOnce(interval)
		if due, err := c.follower.store.Due(r.t.Context()); err == nil && due == 0 && r.rested() {
			break
		}
	}
	return h
}

// rested reports whether no job is claimed, and no list due or being read.
func (r *rig) rested() bool {
	var n int
	err := r.db.raw[0].QueryRowContext(r.t.Context(), fmt.Sprintf(`SELECT (SELECT COUNT(*) FROM jobs WHERE lease_until > %[1]d) +
		(SELECT COUNT(*) FROM discoveries WHERE lease_until > %[1]d OR next_at <= %[1]d)`, time.Now().UnixMilli())).Scan(&n)
	return err == nil && n == 0
}

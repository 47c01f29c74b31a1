package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/scf/scftest"
	"migwatch/internal/store"
)

// crowd is a number of instances, each called again and again; one that was killed is replaced.
type crowd struct {
	*rig
	places   []*instance
	stop     atomic.Bool
	drivers  sync.WaitGroup
	follower *follower
	others   sync.WaitGroup
	quit     chan struct{}
	hush     sync.Once // closes quit
	found    []string
}

// instance is a place where one function runs at a time.
type instance struct {
	mu     sync.Mutex
	f      *scftest.Function
	server int
}

func newCrowd(r *rig, n int) *crowd {
	c := &crowd{rig: r, quit: make(chan struct{}), follower: &follower{store: r.db.store(r.t, len(r.db.urls)-1)}}
	for i := range n {
		p := &instance{f: r.start(), server: i}
		c.places = append(c.places, p)
		c.drivers.Go(func() { c.drive(p) })
	}
	c.others.Go(func() { c.follower.run(c.quit) })
	c.others.Go(c.keepDue)
	r.t.Cleanup(c.leave)
	return c
}

// leave stops everything where a test ended before its time.
func (c *crowd) leave() {
	c.stop.Store(true)
	c.kill()
	c.drivers.Wait()
	c.kill() // what was just being started
	c.hush.Do(func() { close(c.quit) })
	c.others.Wait()
}

func (c *crowd) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.functions {
		f.Kill()
	}
}

// drive calls an instance until the crowd rests. One event in four comes again: the platform's timer
// delivers at least once.
func (c *crowd) drive(p *instance) {
	for n := 0; !c.stop.Load(); n++ {
		p.mu.Lock()
		f := p.f
		p.mu.Unlock()
		_, ok := c.invoke(f, p.server, invocation, fmt.Sprintf("req-%d", n-n%4/3))
		if !ok && !c.stop.Load() {
			fresh := c.start()
			p.mu.Lock()
			p.f = fresh
			p.mu.Unlock()
		}
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
	}
}

// keepDue makes jobs due again long before their time, as people who ask for a poll do: there is always
// something to do.
func (c *crowd) keepDue() {
	for {
		select {
		case <-c.quit:
			return
		case <-time.After(500 * time.Millisecond):
			// It may fail: servers are killed, and it meets writers.
			_ = c.db.try("UPDATE jobs SET next_at = {now} WHERE next_at IS NULL OR next_at > {now}")
			_ = c.db.try("UPDATE discoveries SET next_at = {now} WHERE next_at > {now}")
		}
	}
}

// rest lets invocations end and starts none. What was killed is replaced.
func (c *crowd) rest() {
	c.stop.Store(true)
	c.drivers.Wait()
	c.hush.Do(func() { close(c.quit) })
	c.others.Wait()
	for _, p := range c.places {
		if p.f.Ping() != nil {
			p.f = c.start()
		}
	}
}

// tickOnce calls every instance once, all together.
func (c *crowd) tickOnce(limit time.Duration) {
	var all sync.WaitGroup
	for i, p := range c.places {
		all.Go(func() {
			if _, ok := c.invoke(p.f, p.server, limit, fmt.Sprintf("req-healed-%d", i)); !ok {
				c.t.Errorf("function %d is gone: %s", i, p.f.Stderr())
			}
		})
	}
	all.Wait()
}

// mostFiles is what a function at rest may hold open: two pools' idle connections, those kept to the
// upstream, its log, the listener and the runtime's own.
const mostFiles = 90

// end looks at what the instances hold while they rest, and stops them.
func (c *crowd) end() {
	c.follower.catchUp()
	for _, p := range c.places {
		held, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.f.Pid()))
		if err == nil && len(held) > mostFiles {
			c.found = append(c.found, fmt.Sprintf("%d open files in a function at rest", len(held)))
		}
	}
	c.kill()
}

// left tells what remains when all functions are gone: processes, and rows that a transaction of theirs
// still holds.
func (c *crowd) left() []string {
	for _, write := range []string{"UPDATE jobs SET label = 'free'", "UPDATE budgets SET seen_at = seen_at + 1", "UPDATE sequences SET value = value + 0"} {
		if err := c.db.try(write); err != nil {
			c.found = append(c.found, "locked rows: "+err.Error())
		}
	}
	for _, f := range c.functions {
		if err := syscall.Kill(f.Pid(), 0); err == nil {
			if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", f.Pid())); err == nil && strings.Contains(string(stat), "poll") {
				c.found = append(c.found, fmt.Sprintf("process %d", f.Pid()))
			}
		}
	}
	return c.found
}

// follower reads events as a client that asks for those after the last it saw.
type follower struct {
	store *store.Store
	ids   []int64
}

func (f *follower) run(quit chan struct{}) {
	for {
		f.next()
		select {
		case <-quit:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f *follower) next() int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	after := int64(0)
	if len(f.ids) > 0 {
		after = f.ids[len(f.ids)-1]
	}
	events, err := f.store.Events(ctx, job.Filter{}, after, 500)
	if err != nil {
		return 0 // it may be a server that was killed
	}
	for _, e := range events {
		f.ids = append(f.ids, e.ID)
	}
	return len(events)
}

func (f *follower) catchUp() {
	for f.next() > 0 {
	}
}

// monkey does harm at random.
type monkey struct {
	*crowd
	dice                                 *rand.Rand
	kills, freezes, lasting, serverKills int
}

// harm goes on until all of h is done. Everything runs again when it returns.
func (m *monkey) harm(h harm) {
	var thaws sync.WaitGroup
	defer thaws.Wait()
	deeds, serverEvery := h.kills+h.freezes, 0
	if len(m.db.servers) > 0 && h.serverKills > 0 {
		serverEvery = (h.kills + h.freezes) / (h.serverKills + 1)
	}
	end := time.Now().Add(h.most)
	for done := 1; done <= deeds && time.Now().Before(end); done++ {
		time.Sleep(time.Duration(m.dice.Int64N(int64(2 * h.pause))))
		p := m.places[m.dice.IntN(len(m.places))]
		p.mu.Lock()
		f := p.f
		p.mu.Unlock()
		if m.kills < h.kills && (m.freezes == h.freezes || m.dice.IntN(2) == 0) {
			m.kills++
			f.Kill()
		} else {
			m.freezes++
			m.freeze(f, h.longFreezes, &thaws)
		}
		if m.plan.listed { // the list moves while it is read
			m.up.add(m.script(regions[done%m.plan.regions], fmt.Sprintf("made-%d", done), 3))
		}
		if serverEvery > 0 && done%serverEvery == 0 && m.serverKills < h.serverKills {
			m.killServer()
		}
	}
}

// freeze stops a function where it stands, for a moment or for longer than a lease.
func (m *monkey) freeze(f *scftest.Function, long bool, thaws *sync.WaitGroup) {
	span := time.Duration(m.dice.Int64N(int64(freezeMost)))
	switch {
	case long:
		span = lease + span/4
	case m.dice.IntN(2) == 0:
		span /= 10
	}
	if span > lease {
		m.lasting++
	}
	if f.Signal(syscall.SIGSTOP) != nil {
		return // it is gone
	}
	thaws.Go(func() {
		time.Sleep(span)
		_ = f.Signal(syscall.SIGCONT) // it may have been killed meanwhile
	})
}

// killServer ends one database server without farewell and starts it again a moment later. A node of a
// cluster stays away until the others have noticed: a majority has to remain of those they know.
func (m *monkey) killServer() {
	m.serverKills++
	m.whole()
	s := m.db.servers[m.dice.IntN(len(m.db.servers))]
	s.Kill()
	away := time.Duration(m.dice.Int64N(int64(1500 * time.Millisecond)))
	if len(m.db.servers) > 1 {
		away += noticed
	}
	time.Sleep(away)
	s.Start(m.t)
	m.whole()
}

// noticed is after how long the nodes of a cluster take one for dead.
const noticed = 5 * time.Second

// whole waits until each node of a cluster sees them all and takes statements.
func (m *monkey) whole() {
	if len(m.db.servers) < 2 {
		return
	}
	for i, s := range m.db.servers {
		s.Synced(m.t)
		for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
			var name, size string
			err := m.db.raw[i].QueryRowContext(m.t.Context(), "SHOW STATUS LIKE 'wsrep_cluster_size'").Scan(&name, &size)
			if err == nil && size == strconv.Itoa(len(m.db.servers)) {
				break
			}
			if time.Now().After(end) {
				m.t.Fatalf("node %d sees %s nodes: %v", i, size, err)
			}
		}
	}
}

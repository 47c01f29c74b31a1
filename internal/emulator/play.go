package emulator

import (
	"strings"
	"time"
)

// player plays one block: a job that has been polled, or the troubles of an API.
type player struct {
	block  *Block
	origin time.Time
	loop   int64
	used   []int // polls each step's fault has met in this loop
	polls  int64
}

// at tells what a poll at now meets: the state, and the fault over it if there is one. The poll is
// counted where a fault is for some polls only.
func (p *player) at(now time.Time) (State, *Fault) {
	elapsed := now.Sub(p.origin)
	if p.block.Repeat > 0 {
		loop := int64(elapsed / p.block.Repeat)
		elapsed %= p.block.Repeat
		if loop != p.loop {
			p.loop, p.used = loop, nil
		}
	}
	state := first(p.block.API)
	last := -1 // the newest step that has begun
	for i, s := range p.block.Steps {
		if s.At > elapsed {
			break
		}
		last = i
		if s.State != nil {
			state = *s.State
		}
	}
	for i := last; i >= 0; i-- {
		if f := p.block.Steps[i].Fault; f != nil && p.active(i, last, elapsed) {
			return state, f
		}
	}
	return state, nil
}

// active reports whether step i's fault, begun and perhaps ended, meets the poll at elapsed.
func (p *player) active(i, last int, elapsed time.Duration) bool {
	s := p.block.Steps[i]
	switch f := s.Fault; {
	case f.For > 0 && elapsed >= s.At+f.For:
		return false
	case f.Times > 0:
		if p.used == nil {
			p.used = make([]int, len(p.block.Steps))
		}
		if p.used[i] == f.Times {
			return false
		}
		p.used[i]++
		return true
	case f.For > 0:
		return true
	default:
		return i == last
	}
}

func first(api API) State {
	switch api {
	case DTS:
		return State{Status: "unavailable"}
	case DTSMigration:
		return State{Status: "created"}
	case DTSSync:
		return State{Status: "UnInitialized"}
	}
	return State{Status: "waiting"}
}

// role is a block that waits for the first poll of its job. A bulk rule's many jobs share one, and each
// gets a player of its own.
type role struct {
	block   *Block
	pattern pattern   // of a bulk rule
	added   time.Time // from when a block counts that says start
}

type place struct {
	api       API
	scope, id string
}

// stage holds all that plays: memory grows with the jobs polled, not with those scripted.
type stage struct {
	jobs    map[place]role
	bulks   map[place][]role // by API and scope, the newest first
	apis    map[place]*player
	players map[place]*player
	listed  map[place][]string // by API and scope: all jobs in the order of their making; made when first asked for
}

func newStage() *stage {
	return &stage{map[place]role{}, map[place][]role{}, map[place]*player{}, map[place]*player{}, map[place][]string{}}
}

// add takes a script in; a job named before begins anew.
func (s *stage) add(script Script, now time.Time) {
	clear(s.listed)
	for i := range script.Blocks {
		b := &script.Blocks[i]
		at := place{b.API, b.Scope, b.ID}
		switch scope := (place{b.API, b.Scope, ""}); {
		case b.ID == "":
			s.apis[scope] = &player{block: b, origin: now}
		case b.Count > 0:
			p, _ := patternOf(b.ID)
			s.bulks[scope] = append([]role{{b, p, now}}, s.bulks[scope]...)
			for at := range s.players {
				if _, ok := p.number(at.id, b.Count); ok && at.api == b.API && at.scope == b.Scope {
					delete(s.players, at)
				}
			}
		default:
			s.jobs[at] = role{block: b, added: now}
			delete(s.players, at)
		}
	}
}

// job finds the player of a job, nil where no script names it.
func (s *stage) job(at place, now time.Time) *player {
	if p := s.players[at]; p != nil {
		return p
	}
	r, found := s.jobs[at]
	for _, b := range s.bulks[place{at.api, at.scope, ""}] {
		if found {
			break
		}
		if _, found = b.pattern.number(at.id, b.block.Count); found {
			r = b
		}
	}
	if !found {
		return nil
	}
	p := &player{block: r.block, origin: now}
	if r.block.FromStart {
		p.origin = r.added
	}
	// The caller's strings may be slices of a whole request.
	s.players[place{at.api, strings.Clone(at.scope), strings.Clone(at.id)}] = p
	return p
}

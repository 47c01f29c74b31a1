package scf

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// crowd is a listener with a limit to its connections, so that strangers leave files enough to the database
// and the polls of the same process. netutil.LimitListener would let connections that only wait keep everybody
// else out; here the one that has waited longest goes when another comes.
type crowd struct {
	net.Listener
	most int
	log  *slog.Logger

	mu      sync.Mutex
	changed *sync.Cond
	open    map[net.Conn]int // since when a connection waits for a request, in changes; busy while one is served
	changes int
	closed  bool
	warned  time.Time
}

const busy = 0

// Connections may take half of the files that the process may have open.
const (
	leastConnections = 8
	mostConnections  = 4096
)

func newCrowd(l net.Listener, most int, log *slog.Logger) *crowd {
	c := &crowd{Listener: l, most: most, log: log, open: map[net.Conn]int{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Accept gives the next connection once there is room for it.
func (c *crowd) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			c.warn()
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.open) >= c.most && !c.closed {
		if !c.dismiss() {
			c.changed.Wait()
		}
	}
	c.changes++
	c.open[conn] = c.changes
	return conn, nil
}

// dismiss closes the connection that has waited longest, if any waits.
func (c *crowd) dismiss() bool {
	var longest net.Conn
	for conn, since := range c.open {
		if since != busy && (longest == nil || since < c.open[longest]) {
			longest = conn
		}
	}
	if longest == nil {
		return false
	}
	delete(c.open, longest)
	_ = longest.Close() // its server finds out by itself
	return true
}

// state is a http.Server's ConnState. A connection whose request has not come whole yet still waits.
func (c *crowd) state(conn net.Conn, s http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, here := c.open[conn]; !here {
		return
	}
	switch s {
	case http.StateActive:
		c.open[conn] = busy
	case http.StateIdle:
		c.changes++
		c.open[conn] = c.changes
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
	c.changed.Signal()
}

// Close lets go of an Accept that waits for room.
func (c *crowd) Close() error {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	return c.Listener.Close()
}

// warn says once a minute what mends a lack of files.
func (c *crowd) warn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.warned) >= time.Minute {
		c.warned = now
		c.log.Error("too many open files: no connection can be accepted; raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of docker)")
	}
}

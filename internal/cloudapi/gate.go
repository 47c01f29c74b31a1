package cloudapi

import (
	"context"
	"net/http/httptrace"
	"sync"
)

// Gate blocks until a call may go on the wire. An error keeps the call from it, and is what Send
// then returns, untouched.
type Gate = func(ctx context.Context) error

type gateKey struct{}

// WithGate has every request sent with the result wait for gate once its connection is there, right
// before its first byte is written. A request that net/http sends again, because the idle connection
// it chose turned out dead, waits at the gate again. No gate lets everything through.
func WithGate(ctx context.Context, gate Gate) context.Context {
	return context.WithValue(ctx, gateKey{}, gate)
}

// gatekeeper opens the gate of one request.
type gatekeeper struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	gate   Gate

	mu  sync.Mutex
	err error // what the gate said when it refused
}

// traced adds the gatekeeper to ctx. GotConn is the one moment that suits: net/http calls it in the
// sender's own goroutine after the connection (and TLS) is there and before anything is written.
func (g *gatekeeper) traced() context.Context {
	if g.gate == nil {
		return g.ctx
	}
	return httptrace.WithClientTrace(g.ctx, &httptrace.ClientTrace{GotConn: g.gotConn})
}

func (g *gatekeeper) gotConn(info httptrace.GotConnInfo) {
	err := g.refused()
	if err == nil {
		err = g.gate(g.ctx)
	}
	if err == nil {
		return
	}
	g.mu.Lock()
	g.err = err
	g.mu.Unlock()
	// Cancelling alone would leave it to chance: net/http hands the request to the connection's
	// writer without looking at the context once more. A closed connection writes nothing.
	g.cancel(err)
	_ = info.Conn.Close()
}

// refused gives the gate's error, or nil while it has refused nothing.
func (g *gatekeeper) refused() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

package scftest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
)

// Function is one running instance.
type Function struct {
	p    *process
	addr string

	mu     sync.Mutex
	client *rpc.Client
}

// Call is one invocation. All but Payload may be left out, as the platform might.
type Call struct {
	Payload   []byte
	Env       map[string]string // the invocation's own, as one JSON text on the wire
	Deadline  time.Time
	TimeLimit time.Duration
	RequestID string
	TraceID   string
}

// FunctionError is what the platform is told when a handler fails or panics.
type FunctionError struct{ messages.InvokeResponse_Error }

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// startTimeout is how long a process may take to listen; a loaded machine is slow.
const startTimeout = 20 * time.Second

// Start runs binary with the platform's port and env, nothing else, in its environment, and waits until
// it answers Ping. The test's end kills it.
func Start(t testing.TB, binary string, env map[string]string) *Function {
	t.Helper()
	for try := 1; ; try++ {
		f, err := start(binary, env)
		if err == nil {
			t.Cleanup(f.Kill)
			return f
		}
		if try == 3 { // the free port may have been taken by somebody else meanwhile
			t.Fatalf("start %s: %v", binary, err)
		}
	}
}

func start(binary string, env map[string]string) (*Function, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	p, err := spawn(binary, strconv.Itoa(addr.Port), env)
	if err != nil {
		return nil, err
	}
	f := &Function{p: p, addr: addr.String()}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if err = f.Ping(); err == nil {
			return f, nil
		}
		select {
		case <-p.ended:
			return nil, fmt.Errorf("it ended: %s%s", f.Stdout(), f.Stderr())
		case <-ctx.Done():
			f.Kill()
			return nil, fmt.Errorf("it does not listen: %w", err)
		case <-time.After(time.Millisecond):
		}
	}
}

// Ping asks whether the function is up.
func (f *Function) Ping() error {
	c, err := f.dial()
	if err != nil {
		return err
	}
	return f.call(c, "Function.Ping", &messages.PingRequest{}, &messages.PingResponse{})
}

// Invoke calls the function with a deadline and waits for the answer: the handler's bytes, a
// *FunctionError if it failed, or another error if the process is gone.
func (f *Function) Invoke(payload []byte, env map[string]string, deadline time.Time, requestID string) ([]byte, error) {
	return f.Do(Call{Payload: payload, Env: env, Deadline: deadline, RequestID: requestID})
}

// Do is Invoke with all there is to say.
func (f *Function) Do(c Call) ([]byte, error) {
	req := &messages.InvokeRequest{
		Payload: c.Payload, RequestId: c.RequestID, TraceId: c.TraceID,
		FunctionName: "scftest", FunctionVersion: "$LATEST", Namespace: "default", MemoryLimitInMb: 128,
		TimeLimitInMs: int32(c.TimeLimit.Milliseconds()), TencentcloudRegion: "ap-shanghai",
	}
	if !c.Deadline.IsZero() {
		req.Deadline = messages.InvokeRequest_Timestamp{Seconds: c.Deadline.Unix(), Nanos: int64(c.Deadline.Nanosecond())}
	}
	if c.Env != nil {
		b, err := json.Marshal(c.Env)
		if err != nil {
			return nil, err
		}
		req.Environment = string(b)
	}
	client, err := f.dial()
	if err != nil {
		return nil, err
	}
	var resp messages.InvokeResponse
	if err := f.call(client, "Function.Invoke", req, &resp); err != nil {
		return nil, err
	}
	if resp.Error != nil {
		return nil, &FunctionError{*resp.Error}
	}
	return resp.Payload, nil
}

// dial gives the one connection, made when it is needed.
func (f *Function) dial() (*rpc.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.client == nil {
		c, err := rpc.Dial("tcp", f.addr)
		if err != nil {
			return nil, err
		}
		f.client = c
	}
	return f.client, nil
}

// call forgets a connection that broke.
func (f *Function) call(c *rpc.Client, method string, req, resp any) error {
	err := c.Call(method, req, resp)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.client == c {
			f.client = nil
		}
		_ = c.Close()
	}
	return err
}

// Stdout is what the function has written there so far.
func (f *Function) Stdout() string { return f.p.stdout.String() }

// Stderr is what the function has written there so far.
func (f *Function) Stderr() string { return f.p.stderr.String() }

// Pid is the process's ID, to look at its memory, say.
func (f *Function) Pid() int { return f.p.cmd.Process.Pid }

// Signal sends a signal: SIGSTOP and SIGCONT freeze and thaw an instance as the platform does.
func (f *Function) Signal(s os.Signal) error { return f.p.cmd.Process.Signal(s) }

// Kill ends the process at once, and returns when it is gone. It may be called twice.
func (f *Function) Kill() {
	_ = f.p.cmd.Process.Kill() // it may be gone already
	<-f.p.ended
	f.disconnect()
}

// Stop asks the process to end and returns when it is gone; after a second it is killed.
func (f *Function) Stop() {
	_ = f.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if f.p.wait(ctx) != nil {
		f.Kill()
	}
	f.disconnect()
}

// disconnect ends calls under way: rpc would wait for ever on a connection nobody reads.
func (f *Function) disconnect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.client != nil {
		_ = f.client.Close()
		f.client = nil
	}
}

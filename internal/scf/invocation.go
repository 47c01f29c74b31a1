// Package scf is the platform, Tencent Cloud's Serverless Cloud Function: it turns invocations into
// calls of ours, HTTP events into net/http and back, and serves the same handler on any other host.
//
// It must not know what the functions do: no route, setting or upstream is named here. It is the only
// package that may import scf-go-lib.
package scf

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/tencentyun/scf-go-lib/cloudfunction"
	"github.com/tencentyun/scf-go-lib/functioncontext"
)

// PortVariable is in the environment of an event function and nowhere else.
const PortVariable = "_LAMBDA_SERVER_PORT"

// defaultLimit is how long an invocation may take when the platform says neither when it ends nor how
// long it may last.
const defaultLimit = 30 * time.Second

// Invocation is what the platform says about one call.
type Invocation struct {
	RequestID string            // "" where the platform gives none
	Env       map[string]string // settings and credentials of this invocation; the callee's own copy
	Function  string
	Version   string
	Region    string
}

type invocationKey struct{}

// FromContext gives the invocation ctx belongs to.
func FromContext(ctx context.Context) (Invocation, bool) {
	inv, ok := ctx.Value(invocationKey{}).(Invocation)
	return inv, ok
}

// RequestID is the platform's ID of the request ctx belongs to, "" where there is none.
func RequestID(ctx context.Context) string {
	inv, _ := FromContext(ctx)
	return inv.RequestID
}

// Environ makes a map of os.Environ(). Mains call it before StartTimer or StartHTTP: from the first
// invocation on, scf-go-lib writes every invocation's environment over the process's, where the
// credentials of one would outlive it.
func Environ(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" {
			m[name] = value
		}
	}
	return m
}

// credentialNames are the platform's and its tools'. They only make sense together.
var credentialNames = []string{
	"TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN",
	"TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN",
}

// merge lays an invocation's environment over the process's. Credentials come from one of the two
// whole: the ID of one with the token of the other would be no credential.
func merge(base, own map[string]string) map[string]string {
	m := make(map[string]string, len(base)+len(own))
	maps.Copy(m, base)
	for _, name := range credentialNames {
		if own[name] != "" {
			for _, stale := range credentialNames {
				delete(m, stale)
			}
			break
		}
	}
	maps.Copy(m, own)
	return m
}

// begin reads the invocation from scf-go-lib's context and gives it a deadline that holds.
func begin(ctx context.Context, base map[string]string) (Invocation, context.Context, context.CancelFunc) {
	fc, ok := functioncontext.FromContext(ctx)
	if !ok {
		fc = &functioncontext.FunctionContext{}
	}
	inv := Invocation{
		RequestID: fc.RequestID,
		Env:       merge(base, fc.Environment),
		Function:  fc.FunctionName,
		Version:   fc.FunctionVersion,
		Region:    fc.TencentcloudRegion,
	}
	ctx, cancel := deadline(ctx, time.Duration(fc.TimeLimitInMs)*time.Millisecond)
	return inv, context.WithValue(ctx, invocationKey{}, inv), cancel
}

// deadline trusts the request's deadline unless it cannot be: scf-go-lib makes 1970 of one that is not
// there, and with a clock that is off it lies in the past, or further ahead than the time limit.
func deadline(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	alive := context.WithoutCancel(ctx)
	end, ok := ctx.Deadline()
	left := time.Until(end)
	switch {
	case ok && end.Unix() > 0 && (limit <= 0 || left > 0 && left <= limit):
		return context.WithDeadline(alive, end)
	case limit > 0:
		return context.WithTimeout(alive, limit)
	default:
		return context.WithTimeout(alive, defaultLimit)
	}
}

// handler is what scf-go-lib calls with raw bytes.
type handler func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke makes a handler scf-go-lib's.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return h(ctx, payload) }

// start serves the platform until the process ends.
func start(h handler) { cloudfunction.StartHandler(h) }

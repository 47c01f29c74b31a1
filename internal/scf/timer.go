package scf

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// TimerEvent is a timer trigger's event. All fields are empty when the function is called by hand.
type TimerEvent struct {
	Type        string // "Timer"
	TriggerName string
	Time        string // as sent, RFC 3339; the trigger's, which may be hours ago when a call is repeated
	Message     string // what the trigger was configured with
}

// StartTimer serves timer events and does not return. base is the process's environment, taken before
// (see Environ); each invocation's own is laid over it. What run returns is answered as JSON; its
// error's text goes to the platform's log. run must end before ctx does and leave no goroutine behind.
func StartTimer(base map[string]string, run func(context.Context, Invocation, TimerEvent) (any, error)) {
	start(timer(base, run))
}

func timer(base map[string]string, run func(context.Context, Invocation, TimerEvent) (any, error)) handler {
	return func(ctx context.Context, payload []byte) (answer []byte, err error) {
		inv, ctx, cancel := begin(ctx, base)
		defer cancel()
		defer func() {
			if v := recover(); v != nil {
				answer, err = nil, panicked(ctx, v)
			}
		}()
		result, err := run(ctx, inv, decodeTimer(payload))
		if err != nil {
			return nil, err
		}
		return json.Marshal(result)
	}
}

// decodeTimer takes what it can read: whatever the payload is, the tick is due.
func decodeTimer(payload []byte) TimerEvent {
	var e struct{ Type, TriggerName, Time, Message text }
	if err := json.Unmarshal(bytes.TrimPrefix(payload, bom), &e); err != nil {
		return TimerEvent{}
	}
	return TimerEvent{Type: string(e.Type), TriggerName: string(e.TriggerName), Time: string(e.Time), Message: string(e.Message)}
}

var bom = []byte("\xef\xbb\xbf")

// panicked logs a panic, and gives an error for the platform. The value may be or hold a secret, so
// neither shows it; what the runtime itself panics with names types and numbers only.
func panicked(ctx context.Context, v any) error {
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	slog.ErrorContext(ctx, "panic", "request_id", RequestID(ctx), "what", what, "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %s", what)
}

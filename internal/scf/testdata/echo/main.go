// Command echo is the smallest function: it answers with what it was told. With ECHO=timer in its
// environment it takes timer events, else HTTP events.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"migwatch/internal/scf"
)

func main() {
	base := scf.Environ(os.Environ())
	fmt.Println("echo begins")
	if base["ECHO"] == "timer" {
		scf.StartTimer(base, func(ctx context.Context, inv scf.Invocation, e scf.TimerEvent) (any, error) {
			if e.Message == "fail" {
				return nil, fmt.Errorf("told to fail")
			}
			if e.Message == "panic" {
				panic("told to panic")
			}
			_, hasDeadline := ctx.Deadline()
			return map[string]any{"trigger": e.TriggerName, "env": inv.Env, "id": inv.RequestID, "deadline": hasDeadline && ctx.Err() == nil}, nil
		})
	}
	scf.StartHTTP(base, func(_ context.Context, inv scf.Invocation) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(os.Stderr, "echo answers", r.URL.Path)
			_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "env": inv.Env})
		})
	})
}

package httpapi_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"migwatch/internal/httpapi"
	"migwatch/internal/secret"
)

// Somebody who mistypes a key is answered at once, somebody who guesses is slowed, and neither fills the log
// nor keeps others waiting.
func TestWrongKeysAreSlowedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		wrong := httpapi.NewRefusals(slog.New(slog.NewTextHandler(&log, nil)), "wrong API keys were presented")
		access := func(cloud bool) func(key string) time.Duration {
			a := httpapi.New(httpapi.Options{Keys: secret.NewKeys([]secret.Text{secret.New(adminKey)}, nil), WrongKeys: wrong, Cloud: cloud})
			return func(key string) time.Duration {
				began := time.Now()
				_, _ = a.Access(httptest.NewRequest("GET", "/v1/jobs", nil), key, secret.RoleRead)
				return time.Since(began)
			}
		}
		here, cloud := access(false), access(true)
		for n := range 8 {
			if took := here("canary-wrong-key-123"); (took > 0) != (n >= 5) {
				t.Errorf("guess %d took %v", n+1, took)
			}
		}
		if took := here(adminKey); took != 0 {
			t.Errorf("the right key took %v", took)
		}
		if took := cloud("canary-wrong-key-123"); took != 0 {
			t.Errorf("a guess in the cloud took %v", took)
		}
		var waited atomic.Int64
		for range 40 {
			go func() {
				if here("canary-wrong-key-123") > 0 {
					waited.Add(1)
				}
			}()
		}
		time.Sleep(time.Second)
		if waited.Load() != 16 {
			t.Errorf("%d of 40 guesses waited at a time, not 16", waited.Load())
		}
		time.Sleep(3 * time.Minute)
		if took := here("canary-wrong-key-123"); took != 0 {
			t.Errorf("a guess minutes later took %v", took)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "count=1 ") || !strings.Contains(lines[1], "count=48 ") || !strings.Contains(lines[2], "count=1 ") {
			t.Errorf("the log has %d lines:\n%s", len(lines), log.String())
		}
		if wrong.Total() != 50 || strings.Contains(log.String(), "canary") {
			t.Errorf("%d counted:\n%s", wrong.Total(), log.String())
		}
	})
}

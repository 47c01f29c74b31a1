package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/config"
)

// A value in the wrong setting may be a secret: answers name the setting and never quote the value.
func TestWrongSettingsAreNamedNotQuoted(t *testing.T) {
	const misplaced = "Zk3uV9qL2xW8nT5rB7yD"
	for _, tt := range []struct{ name, value, secret string }{
		{"MIGWATCH_PUBLIC_READ", misplaced, misplaced},
		{"MIGWATCH_FILE_URLS", misplaced, misplaced},
		{"MIGWATCH_LOG_LEVEL", misplaced, misplaced},
		{"MIGWATCH_POLL_RESERVE", misplaced, misplaced},
		{"MIGWATCH_POLL_TIMEOUT", misplaced, misplaced},
		{"MIGWATCH_DTS_RATE", misplaced, misplaced},
		{"MIGWATCH_DTS_RATE", "74839201", "74839201"},
		{"MIGWATCH_RETENTION_EVENTS", misplaced, misplaced},
		{"MIGWATCH_RETENTION_EVENTS", "74839201", "74839201"},
		{"MIGWATCH_DATABASE_URL", misplaced, misplaced},
		{"MIGWATCH_DATABASE_URL", "mysql://u:" + misplaced + "@", misplaced},
		{"MIGWATCH_ENCRYPTION_KEYS", misplaced, misplaced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"MIGWATCH_DATABASE_URL": "sqlite://" + t.TempDir() + "/m.db", tt.name: tt.value}
			s := &api.Server{Log: app.NewLog(io.Discard), Place: config.Local}
			defer func() { _ = s.Close() }()
			for _, path := range []string{"/readyz", "/v1/jobs"} {
				w := httptest.NewRecorder()
				s.Handler(env).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				body := w.Body.String()
				if w.Code != http.StatusServiceUnavailable || !strings.Contains(body, tt.name) || strings.Contains(body, tt.secret) {
					t.Errorf("%s answers %d %s", path, w.Code, body)
				}
			}
		})
	}
}

package api_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/config"
	"migwatch/internal/secret"
	"migwatch/internal/store"
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

// migrated is the path of a new database whose schema is right.
func migrated(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/m.db"
	db, err := store.Open(secret.New("sqlite:"+path), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return path
}

// What was found some minutes ago serves requests; /readyz tells how it is now.
func TestReadyIsAskedAnew(t *testing.T) {
	path := migrated(t)
	s := &api.Server{Log: app.NewLog(io.Discard), Place: config.Local, Local: true}
	defer func() { _ = s.Close() }()
	handler := s.Handler(map[string]string{"MIGWATCH_DATABASE_URL": "sqlite:" + path})
	ask := func(path string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if w.Code != want {
			t.Errorf("%s answers %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	ask("/v1/jobs", http.StatusOK)
	ask("/readyz", http.StatusOK)
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	if _, err := raw.ExecContext(t.Context(), "UPDATE goose_db_version SET version_id = 1"); err != nil {
		t.Fatal(err)
	}
	ask("/readyz", http.StatusServiceUnavailable)
}

// Also where the settings are wrong, a person gets a page and a program a problem.
func TestPeopleGetPages(t *testing.T) {
	for _, url := range []string{"sqlite:" + migrated(t), "nonsense"} {
		s := &api.Server{Log: app.NewLog(io.Discard), Place: config.Local, Local: true}
		handler := s.Handler(map[string]string{"MIGWATCH_DATABASE_URL": url, "MIGWATCH_ADMIN_KEYS": "mwk_4kUq8vTzR2nWxYb7"})
		for path, want := range map[string]int{"/nope": http.StatusNotFound, "/metrics": http.StatusUnauthorized} {
			if path == "/metrics" && url == "nonsense" {
				want = http.StatusServiceUnavailable
			}
			for accept, kind := range map[string]string{"text/html, */*": "text/html; charset=utf-8", "*/*": "application/problem+json"} {
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
				r.Header.Set("Accept", accept)
				handler.ServeHTTP(w, r)
				if got := w.Header().Get("Content-Type"); w.Code != want || got != kind {
					t.Errorf("%s of %s for %s: %d, %s", path, url, accept, w.Code, got)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

package api_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/config"
)

// Whatever strangers try, over the API, the page or the callback, shows in the metrics, and not line by line in the log.
func TestRefusedRequestsAreCounted(t *testing.T) {
	path := migrated(t)
	const key = "canary-admin-key-5d21"
	var log bytes.Buffer
	s := &api.Server{Log: app.NewLog(&log), Place: config.Query}
	defer func() { _ = s.Close() }()
	handler := s.Handler(map[string]string{"MIGWATCH_DATABASE_URL": "sqlite:" + path, "MIGWATCH_ADMIN_KEYS": key,
		"MIGWATCH_WECHAT_APPID": "wx1", "MIGWATCH_WECHAT_CALLBACK_TOKEN": "canary-token", "MIGWATCH_WECHAT_CALLBACK_AES_KEYS": strings.Repeat("k", 43)})
	ask := func(method, path, bearer, form string, want int) string {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(form))
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		if form != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s %s answers %d %s, want %d", method, path, w.Code, w.Body, want)
		}
		return w.Body.String()
	}
	for range 3 {
		ask("GET", "/v1/jobs", "canary-wrong-key-01", "", http.StatusUnauthorized)
		ask("POST", "/session", "", "key=canary-wrong-key-02", http.StatusUnauthorized)
		ask("POST", "/wechat/callback?msg_signature=x", "", "<xml/>", http.StatusForbidden)
	}
	ask("GET", "/v1/jobs", "", "", http.StatusUnauthorized) // no key is no wrong one
	figures := ask("GET", "/metrics", key, "", http.StatusOK)
	for _, want := range []string{`migwatch_refused_requests_total{what="key"} 6`, `migwatch_refused_requests_total{what="push"} 3`} {
		if !strings.Contains(figures, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if keys, pushes := strings.Count(log.String(), "wrong API keys"), strings.Count(log.String(), "ticket pushes were refused"); keys != 1 || pushes != 1 ||
		strings.Contains(log.String(), "canary") {
		t.Errorf("%d lines of keys, %d of pushes:\n%s", keys, pushes, log.String())
	}
}

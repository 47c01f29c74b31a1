package wechat

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"errcode":0,"errmsg":"ok","status":"success","record_success":3,"record_fail":0,"error_msg":"Export completed.","file_url":"https://h/x?q-sign-time=1;2"}`,
		`{"errcode":40001,"errmsg":"invalid credential rid: 60eeb120-08eb133c-7e30ea1a hint: [x]"}`,
		`{"errcode":"-501003"}`, `{"status":"migrating","record_success":"12","record_fail":-1}`, `{"Status":"x"}`, `null`, "\ufeff{}", "初始值",
		`{"errcode":61004,"errmsg":"access clientip is not registered 1.2.3.4"}`, `{"status":"\u0000"}`,
	} {
		f.Add(200, []byte(s))
	}
	f.Add(404, []byte(`{"errcode":0,"status":"success"}`))
	token := secret.New("CANARY-token")
	now := time.Unix(1772625600, 0)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		seen, err := read(cloudapi.Answer{Status: status, Body: body}, token, now)
		var texts []string
		if err != nil {
			var e *job.PollError
			if !errors.As(err, &e) || e.Kind == "" || e.Code == "" {
				t.Fatalf("not a classified failure: %#v", err)
			}
			texts = []string{e.Code, e.Message, e.RequestID}
		} else {
			if status != 200 || !seen.Phase.Valid() || seen.Status == "" || len(seen.Status) > statusLimit || seen.Phase == job.Missing {
				t.Fatalf("not a state: %#v", seen)
			}
			if p := seen.RecordsFailed; p != nil && (*p < 0 || *p > 0 && seen.Phase == job.Succeeded) {
				t.Errorf("%s with %d failed", seen.Phase, *p)
			}
			if seen.File != nil && (seen.File.URL.Reveal() == "" || seen.File.ExpiresAt.Year() > 9999) {
				t.Errorf("file until %v", seen.File.ExpiresAt)
			}
			texts = []string{seen.Status, seen.Message, seen.RequestID}
		}
		for _, s := range texts {
			if len(s) > cloudapi.TextLimit+len(secret.Hidden) || !utf8.ValidString(s) || strings.ContainsRune(s, 0) || strings.Contains(s, token.Reveal()) {
				t.Errorf("a text not fit to show: %q", s)
			}
		}
	})
}

func FuzzReadToken(f *testing.F) {
	for _, s := range []string{`{"component_access_token":"abc","expires_in":7200}`, `{"component_access_token":"a b","expires_in":1}`, `{"errcode":40001}`, `{"component_access_token":"x","expires_in":"9e18"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, life, err := readToken(cloudapi.Answer{Status: 200, Body: body})
		if err == nil && (!cloudapi.Sendable(token) || life <= 0 || life > longestLife) {
			t.Errorf("a token for %v", life)
		}
	})
}

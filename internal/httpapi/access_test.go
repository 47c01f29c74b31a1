package httpapi_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"migwatch/internal/httpapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestAccess(t *testing.T) {
	none := secret.NewKeys(nil, nil)
	readOnly := secret.NewKeys(nil, []secret.Text{secret.New(readKey)})
	both := secret.NewKeys([]secret.Text{secret.New(adminKey)}, []secret.Text{secret.New(readKey)})
	type o = httpapi.Options
	base := newRig(t, nil)
	for i, test := range []struct {
		name        string
		o           o
		header      []string // names and values
		read, write int
	}{
		{"no key", o{Keys: both}, nil, 401, 401},
		{"read key", o{Keys: both}, []string{"Authorization", "Bearer " + readKey}, 200, 403},
		{"admin key", o{Keys: both}, []string{"Authorization", "Bearer " + adminKey}, 200, 201},
		{"scheme in any case, more blanks", o{Keys: both}, []string{"Authorization", "bEARER   " + adminKey + " "}, 200, 201},
		{"wrong key", o{Keys: both}, []string{"Authorization", "Bearer " + adminKey + "x"}, 401, 401},
		{"key in another case", o{Keys: both}, []string{"Authorization", "Bearer " + strings.ToUpper(adminKey)}, 401, 401},
		{"scheme alone", o{Keys: both}, []string{"Authorization", "Bearer"}, 401, 401},
		{"another scheme", o{Keys: both}, []string{"Authorization", "Basic " + adminKey}, 401, 401},
		{"key without scheme", o{Keys: both}, []string{"Authorization", adminKey}, 401, 401},
		{"two of them", o{Keys: both}, []string{"Authorization", "Bearer " + adminKey, "Authorization", "Bearer " + adminKey}, 401, 401},
		{"read keys only", o{Keys: readOnly}, []string{"Authorization", "Bearer " + readKey}, 200, 403},
		{"keys are asked for on loopback too", o{Keys: both, Local: true}, nil, 401, 401},

		{"public", o{Keys: both, PublicRead: true}, nil, 200, 401},
		{"public, wrong key", o{Keys: both, PublicRead: true}, []string{"Authorization", "Bearer wrong"}, 401, 401},
		{"public, admin key", o{Keys: both, PublicRead: true}, []string{"Authorization", "Bearer " + adminKey}, 200, 201},
		{"public without keys", o{Keys: none, PublicRead: true, Cloud: true}, nil, 200, 503},
		{"public without keys, a key", o{Keys: none, PublicRead: true, Cloud: true}, []string{"Authorization", "Bearer wrong"}, 401, 503},

		{"no keys, cloud", o{Keys: none, Cloud: true}, nil, 503, 503},
		{"no keys, cloud overrules loopback", o{Keys: none, Cloud: true, Local: true}, nil, 503, 503},
		{"no keys, open to the network", o{Keys: none}, nil, 503, 503},
		{"no keys, open to the network, claims loopback", o{Keys: none}, []string{"Host", "localhost"}, 503, 503},
		{"no keys, loopback", o{Keys: none, Local: true}, nil, 200, 201},
		{"localhost", o{Keys: none, Local: true}, []string{"Host", "LocalHost:8080"}, 200, 201},
		{"IPv6", o{Keys: none, Local: true}, []string{"Host", "[::1]:8080"}, 200, 201},
		{"IPv6 without port", o{Keys: none, Local: true}, []string{"Host", "[::1]"}, 200, 201},
		{"127/8", o{Keys: none, Local: true}, []string{"Host", "127.8.9.1"}, 200, 201},
		{"rebinding", o{Keys: none, Local: true}, []string{"Host", "evil.example"}, 403, 403},
		{"a name under localhost", o{Keys: none, Local: true}, []string{"Host", "a.localhost"}, 403, 403},
		{"a name that begins so", o{Keys: none, Local: true}, []string{"Host", "localhost.evil.example:80"}, 403, 403},
		{"a name like an address", o{Keys: none, Local: true}, []string{"Host", "127.0.0.1.evil.example"}, 403, 403},
		{"IPv4 in IPv6", o{Keys: none, Local: true}, []string{"Host", "[::ffff:127.0.0.1]"}, 403, 403},
		{"its own origin", o{Keys: none, Local: true}, []string{"Host", "localhost:8080", "Origin", "http://localhost:8080"}, 200, 201},
		{"another port's page", o{Keys: none, Local: true}, []string{"Host", "localhost:8080", "Origin", "http://localhost:3000"}, 403, 403},
		{"another scheme's page", o{Keys: none, Local: true}, []string{"Host", "localhost:8080", "Origin", "https://localhost:8080"}, 403, 403},
		{"foreign page", o{Keys: none, Local: true}, []string{"Host", "localhost:8080", "Origin", "https://evil.example"}, 403, 403},
		{"sandboxed page", o{Keys: none, Local: true}, []string{"Host", "localhost:8080", "Origin", "null"}, 403, 403},
		{"its own page", o{Keys: none, Local: true}, []string{"Sec-Fetch-Site", "same-origin"}, 200, 201},
		{"the address bar", o{Keys: none, Local: true}, []string{"Sec-Fetch-Site", "none"}, 200, 201},
		{"another site's picture or link", o{Keys: none, Local: true}, []string{"Sec-Fetch-Site", "cross-site"}, 403, 403},
		{"another port's picture or link", o{Keys: none, Local: true}, []string{"Sec-Fetch-Site", "same-site"}, 403, 403},
		{"another site, public", o{Keys: none, Local: true, PublicRead: true}, []string{"Sec-Fetch-Site", "cross-site"}, 200, 403},
		{"another site, with a key", o{Keys: both, Local: true}, []string{"Sec-Fetch-Site", "cross-site", "Authorization", "Bearer " + adminKey}, 200, 201},
		{"proxy, X-Forwarded-For", o{Keys: none, Local: true}, []string{"X-Forwarded-For", "203.0.113.9"}, 403, 403},
		{"proxy, X-Forwarded-Proto", o{Keys: none, Local: true}, []string{"x-forwarded-proto", "https"}, 403, 403},
		{"proxy, X-Forwarded-Host", o{Keys: none, Local: true}, []string{"X-Forwarded-Host", "localhost"}, 403, 403},
		{"proxy, X-Real-IP", o{Keys: none, Local: true}, []string{"X-Real-IP", "127.0.0.1"}, 403, 403},
		{"proxy, Forwarded", o{Keys: none, Local: true}, []string{"Forwarded", "for=127.0.0.1"}, 403, 403},
		{"proxy, Via", o{Keys: none, Local: true}, []string{"Via", "1.1 proxy"}, 403, 403},
		{"proxy, an empty Via", o{Keys: none, Local: true}, []string{"Via", ""}, 403, 403},
		{"proxy, public", o{Keys: none, Local: true, PublicRead: true}, []string{"Via", "1.1 proxy"}, 200, 403},
		{"proxy, with a key", o{Keys: both, Local: true}, []string{"X-Forwarded-For", "203.0.113.9", "Authorization", "Bearer " + adminKey}, 200, 201},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := base.serve(t, func(o *httpapi.Options) {
				o.Keys, o.PublicRead, o.Local, o.Cloud = test.o.Keys, test.o.PublicRead, test.o.Local, test.o.Cloud
			})
			if g := r.ask("GET", "/v1/jobs", "", test.header...); g.status != test.read {
				t.Errorf("read: %d, want %d: %s", g.status, test.read, g.body)
			}
			if g := r.ask("PUT", fmt.Sprintf("/v1/jobs/dts/ap-beijing/dts-%d", i), "", test.header...); g.status != test.write {
				t.Errorf("write: %d, want %d: %s", g.status, test.write, g.body)
			}
			for _, open := range []string{"/healthz", "/readyz", "/openapi.json"} {
				if g := r.ask("GET", open, "", test.header...); g.status != 200 {
					t.Errorf("%s: %d", open, g.status)
				}
			}
		})
	}
}

func TestRefusalsTeachNothing(t *testing.T) {
	r := newRig(t, nil)
	var first got
	for i, auth := range []string{"", "Bearer", "Bearer x", "Bearer " + adminKey[:len(adminKey)-1], "Bearer " + readKey + "\u00e9", "Basic eA==", adminKey} {
		for _, path := range []string{"/v1/jobs", "/v1/jobs/dts/ap-beijing/dts-none", "/v1/summary?limit=x", "/v1/jobs/%2e/x/y"} {
			var more []string
			if auth != "" {
				more = []string{"Authorization", auth}
			}
			g := r.ask("GET", path, "", more...)
			g.wantProblem(r, 401, "unauthorized")
			g.header.Del("X-Request-Id")
			g.header.Del("Date")
			if i == 0 && first.body == "" {
				first = g
			}
			if g.body != first.body || g.String() != first.String() {
				t.Errorf("%q %s: %s, not %s", auth, path, g, first)
			}
		}
	}
	if first.header.Get("WWW-Authenticate") != "Bearer" {
		t.Error("no WWW-Authenticate")
	}
}

func TestProxiedRequestsNameTheSetting(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) { o.Keys, o.Local = secret.Keys{}, true })
	v := r.ask("DELETE", "/v1/jobs/dts/ap-beijing/dts-1", "", "X-Real-IP", "203.0.113.9").wantProblem(r, 403, "forbidden")
	for _, name := range []string{"MIGWATCH_ADMIN_KEYS", "X-Real-Ip"} {
		if !strings.Contains(v["detail"].(string), name) {
			t.Errorf("%s is not in %q", name, v["detail"])
		}
	}
}

func TestMissingKeysNameTheirSetting(t *testing.T) {
	for _, cloud := range []bool{true, false} {
		r := newRig(t, func(o *httpapi.Options) { o.Keys, o.Cloud = secret.Keys{}, cloud })
		g := r.ask("GET", "/v1/jobs", "")
		v := g.wantProblem(r, 503, "not_ready")
		for _, name := range []string{"MIGWATCH_ADMIN_KEYS", "MIGWATCH_READ_KEYS"} {
			if !strings.Contains(v["detail"].(string), name) {
				t.Errorf("%s is not in %q", name, v["detail"])
			}
		}
		if g.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if strings.Count(r.log.String(), "\n") != 1 || !strings.Contains(r.log.String(), "MIGWATCH_ADMIN_KEYS") {
			t.Errorf("log: %s", r.log)
		}
	}
}

// Settings that could not be read are no reason to let anybody in, nor to hide what is wrong.
func TestBrokenSettings(t *testing.T) {
	for name, o := range map[string]httpapi.Options{"public": {PublicRead: true}, "loopback": {Local: true}, "cloud": {Cloud: true}} {
		r := newRig(t, func(broken *httpapi.Options) {
			broken.Keys, broken.PublicRead, broken.Local, broken.Cloud = secret.Keys{}, o.PublicRead, o.Local, o.Cloud
			broken.Broken = fmt.Errorf("start: %w", &job.NotReadyError{Reason: "MIGWATCH_POLL_LEASE: not a duration"})
		})
		for _, request := range []string{"GET /v1/jobs", "PUT /v1/jobs/dts/ap-beijing/dts-1"} {
			method, path, _ := strings.Cut(request, " ")
			if v := r.ask(method, path, adminKey).wantProblem(r, 503, "not_ready"); !strings.Contains(v["detail"].(string), "MIGWATCH_POLL_LEASE") {
				t.Errorf("%s: %v", name, v)
			}
		}
		_, err := r.api.Access(httptest.NewRequest("GET", "/", nil), "", secret.RoleRead)
		var status interface{ GetStatus() int }
		if !errors.As(err, &status) || status.GetStatus() != 503 {
			t.Errorf("%s: Access gives %v", name, err)
		}
		if g := r.ask("GET", "/healthz", ""); g.status != 200 {
			t.Errorf("%s: healthz %d", name, g.status)
		}
	}
}

// A file URL is shown to an admin key alone, while it is valid, where the settings allow it.
func TestFileURLs(t *testing.T) {
	both := secret.NewKeys([]secret.Text{secret.New(adminKey)}, []secret.Text{secret.New(readKey)})
	type o = httpapi.Options
	for _, test := range []struct {
		name   string
		o      o
		key    string
		expiry int // seconds from now
		shown  bool
	}{
		{"admin", o{Keys: both, FileURLs: true}, adminKey, 60, true},
		{"read", o{Keys: both, FileURLs: true}, readKey, 60, false},
		{"admin where reads are public", o{Keys: both, FileURLs: true, PublicRead: true}, adminKey, 60, true},
		{"public", o{Keys: both, FileURLs: true, PublicRead: true}, "", 60, false},
		{"expired", o{Keys: both, FileURLs: true}, adminKey, 0, false},
		{"off", o{Keys: both}, adminKey, 60, false},
		{"loopback without keys", o{FileURLs: true, Local: true}, "", 60, false},
		{"loopback without keys, a key", o{FileURLs: true, Local: true}, adminKey, 60, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(o *httpapi.Options) {
				o.Keys, o.PublicRead, o.Local, o.FileURLs = test.o.Keys, test.o.PublicRead, test.o.Local, test.o.FileURLs
			})
			r.watch(wechatKey, dtsKey)
			r.see(wechatKey, then, exportDone(then.Add(secondsOf(test.expiry))), nil)
			path := "/v1/jobs/" + wechatKey.String()
			answers := map[string]got{"one": r.ask("GET", path, test.key), "list": r.ask("GET", "/v1/jobs", test.key)}
			if test.key == adminKey {
				answers["put"] = r.ask("PUT", path, test.key)
				answers["poll"] = r.ask("POST", path+"/poll", test.key)
			}
			for name, g := range answers {
				if shown := strings.Contains(g.body, "canary-signature"); shown != test.shown {
					t.Errorf("%s: shown %v, want %v: %s", name, shown, test.shown, g.body)
				}
				if g.header.Get("Cache-Control") != "no-store" && (test.shown || g.status != 200) {
					t.Errorf("%s: Cache-Control %q", name, g.header.Get("Cache-Control"))
				}
				if available := strings.Contains(g.body, `"available":true`); available != (test.expiry > 0) {
					t.Errorf("%s: available %v: %s", name, available, g.body)
				}
			}
			if strings.Contains(r.log.String(), "canary") {
				t.Errorf("log: %s", r.log)
			}
		})
	}
}

// Other packages' pages stand behind the same keys, and may ask for themselves.
func TestMountedHandlers(t *testing.T) {
	r := newRig(t, nil)
	page := func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		_, _ = io.WriteString(w, httpapi.Role(request.Context()).String()+" "+httpapi.RequestID(request.Context()))
	}
	r.api.Handle("GET /metrics", secret.RoleRead, http.HandlerFunc(page))
	r.api.Handle("POST /actions", secret.RoleAdmin, http.HandlerFunc(page))
	r.api.Handle("GET /{$}", secret.RoleNone, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var key string
		if c, err := request.Cookie("key"); err == nil {
			key = c.Value
		}
		role, err := r.api.Access(request, key, secret.RoleRead)
		if err != nil {
			r.api.Fail(w, request, err)
			return
		}
		_, _ = io.WriteString(w, role.String())
	}))
	for _, test := range []struct {
		method, path, key, cookie string
		status                    int
		body                      string
	}{
		{"GET", "/metrics", "", "", 401, "unauthorized"},
		{"GET", "/metrics", readKey, "", 200, "read id-1"},
		{"GET", "/metrics", adminKey, "", 200, "admin id-1"},
		{"POST", "/metrics", adminKey, "", 405, "GET, HEAD"},
		{"POST", "/actions", readKey, "", 403, "forbidden"},
		{"POST", "/actions", adminKey, "", 200, "admin id-1"},
		{"GET", "/", "", "", 401, "unauthorized"},
		{"GET", "/", "", adminKey, 200, "admin"},
		{"GET", "/", "", readKey, 200, "read"},
		{"GET", "/", "", "wrong", 401, "unauthorized"},
		{"GET", "/nothing", adminKey, "", 404, "not_found"},
	} {
		g := r.ask(test.method, test.path, test.key, "X-Request-Id", "id-1", "Cookie", "key="+test.cookie)
		if g.status != test.status || !strings.Contains(g.body, test.body) {
			t.Errorf("%s %s %q %q: %d %s", test.method, test.path, test.key, test.cookie, g.status, g.body)
		}
		if g.header.Get("X-Request-Id") != "id-1" || g.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", test.path, g.header)
		}
	}
}

func TestTLSOriginIsHTTPS(t *testing.T) {
	api := httpapi.New(httpapi.Options{Local: true})
	for origin, ok := range map[string]bool{"https://localhost": true, "http://localhost": false} {
		request := httptest.NewRequest("GET", "https://localhost/v1/jobs", nil)
		request.TLS = &tls.ConnectionState{}
		request.Header.Set("Origin", origin)
		if _, err := api.Access(request, "", secret.RoleAdmin); (err == nil) != ok {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

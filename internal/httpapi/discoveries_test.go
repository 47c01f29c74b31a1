package httpapi_test

import (
	"testing"
)

func TestDiscoveries(t *testing.T) {
	r := newRig(t, nil)
	const path = "/v1/discoveries/dts-migration/ap-shanghai"
	for _, test := range []struct {
		name, method, path, key, body string
		status                        int
		code                          string
		paused, finished              bool
	}{
		{"none", "GET", path, readKey, "", 404, "discovery_not_found", false, false},
		{"nothing to end", "DELETE", path, adminKey, "", 404, "discovery_not_found", false, false},
		{"with a read key", "PUT", path, readKey, "", 403, "forbidden", false, false},
		{"without a key", "GET", "/v1/discoveries", "", "", 401, "unauthorized", false, false},
		{"new", "PUT", path, adminKey, "", 201, "", false, false},
		{"again", "PUT", path, adminKey, "{}", 200, "", false, false},
		{"finished", "PUT", path, adminKey, `{"finished":true}`, 200, "", false, true},
		{"paused", "PUT", path, adminKey, `{"paused":true}`, 200, "", true, true},
		{"null is absent", "PUT", path, adminKey, `{"paused":null,"finished":null}`, 200, "", true, true},
		{"read", "GET", path, readKey, "", 200, "", true, true},
		{"an unknown field", "PUT", path, adminKey, `{"label":"x"}`, 422, "invalid_request", false, false},
		{"no list", "PUT", "/v1/discoveries/dts/ap-shanghai", adminKey, "", 422, "invalid_request", false, false},
		{"no list either", "PUT", "/v1/discoveries/wechat/env", adminKey, "", 422, "invalid_request", false, false},
		{"no region", "PUT", "/v1/discoveries/dts-sync/shanghai", adminKey, "", 422, "invalid_request", false, false},
		{"an account that nobody named", "PUT", "/v1/discoveries/dts-sync/prod@ap-shanghai", adminKey, "", 422, "invalid_request", false, false},
	} {
		var more []string
		if test.body != "" {
			more = append(more, "body", test.body)
		}
		g := r.ask(test.method, test.path, test.key, more...)
		if g.status != test.status {
			t.Fatalf("%s: %d %s", test.name, g.status, g.body)
		}
		got := g.json(r)
		if test.code != "" {
			if got["code"] != test.code {
				t.Errorf("%s: %s", test.name, g.body)
			}
			continue
		}
		if got["paused"] != test.paused || got["finished"] != test.finished || got["jobs"] != 0.0 || got["last_sweep_at"] != nil || got["scope"] != "ap-shanghai" {
			t.Errorf("%s: %s", test.name, g.body)
		}
		if due := got["polling"].(map[string]any)["next_at"] != nil; due == test.paused {
			t.Errorf("%s: due %v", test.name, due)
		}
		if location := g.header.Get("Location"); (location != "") != (g.status == 201) {
			t.Errorf("%s: Location %q", test.name, location)
		}
	}
	r.ask("PUT", "/v1/discoveries/dts-sync/ap-beijing", adminKey)
	list := r.get("/v1/discoveries")
	if items := list["items"].([]any); len(items) != 2 || list["next_cursor"] != nil {
		t.Errorf("%v", list)
	}
	if g := r.ask("DELETE", path, adminKey); g.status != 204 {
		t.Errorf("%d %s", g.status, g.body)
	}
	if items := r.get("/v1/discoveries")["items"].([]any); len(items) != 1 {
		t.Errorf("%v", items)
	}
}

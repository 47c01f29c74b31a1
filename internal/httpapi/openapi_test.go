package httpapi_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
)

type object = map[string]any

func openAPI(r *rig) object {
	g := r.ask("GET", "/openapi.json", "")
	if g.status != 200 || g.header.Get("Content-Type") != "application/json" {
		r.Fatalf("%d %v", g.status, g.header)
	}
	return g.json(r)
}

func TestOpenAPIGolden(t *testing.T) {
	r := newRig(t, nil)
	g := r.ask("GET", "/openapi.json", "")
	golden(t, "openapi.json", indented(g.body)+"\n")
	if again := r.ask("GET", "/openapi.json", "", "If-None-Match", g.header.Get("ETag")); again.status != 304 {
		t.Errorf("asked again: %d", again.status)
	}
}

// The contract's table, with the codes each route can give.
func TestOpenAPIHasTheContract(t *testing.T) {
	doc := openAPI(newRig(t, nil))
	if !strings.HasPrefix(doc["openapi"].(string), "3.1.") {
		t.Errorf("version %v", doc["openapi"])
	}
	if servers, _ := doc["servers"].([]any); len(servers) != 1 || servers[0].(object)["url"] != "." {
		t.Errorf("servers %v: where the document lies, also below a prefix, is where the paths begin", doc["servers"])
	}
	const one, place = "/v1/jobs/{provider}/{scope}/{job_id}", "{provider}/{scope}"
	reading := "401 unauthorized, 403 forbidden, 422 invalid_request, 500 internal, 503 not_ready"
	routes := map[string]struct{ answers, problems, query string }{
		"get /v1/jobs":                    {"200", reading, "provider scope phase q limit cursor"},
		"get " + one:                      {"200 304", reading + ", 404 job_not_found", ""},
		"get " + one + "/history":         {"200", reading + ", 404 job_not_found, 406 not_acceptable", "since until order limit cursor"},
		"get /v1/events":                  {"200", reading, "after type provider scope job_id limit wait"},
		"get /v1/sinks":                   {"200", reading, ""},
		"get /v1/summary":                 {"200", reading, ""},
		"put " + one:                      {"200 201", reading + ", 400 bad_request, 408 request_timeout, 413 payload_too_large, 415 unsupported_media_type", ""},
		"delete " + one:                   {"204", reading + ", 404 job_not_found", ""},
		"post " + one + "/poll":           {"202", reading + ", 404 job_not_found, 409 job_paused", ""},
		"get /v1/discoveries":             {"200", reading, ""},
		"get /v1/discoveries/" + place:    {"200", reading + ", 404 discovery_not_found", ""},
		"put /v1/discoveries/" + place:    {"200 201", reading + ", 400 bad_request, 408 request_timeout, 413 payload_too_large, 415 unsupported_media_type", ""},
		"delete /v1/discoveries/" + place: {"204", reading + ", 404 discovery_not_found", ""},
		"get /healthz":                    {"200", "422 invalid_request, 500 internal", ""},
		"get /readyz":                     {"200", "422 invalid_request, 500 internal, 503 not_ready", ""},
		"get /openapi.json":               {"200", "422 invalid_request, 500 internal", ""},
	}
	found := 0
	for path, item := range doc["paths"].(object) {
		for method, op := range item.(object) {
			found++
			want, ok := routes[method+" "+path]
			if !ok {
				t.Errorf("%s %s is not in the contract", method, path)
				continue
			}
			checkOperation(t, doc, method+" "+path, op.(object), want.answers, want.problems, want.query)
		}
	}
	if found != len(routes) {
		t.Errorf("%d operations, want %d", found, len(routes))
	}
}

func checkOperation(t *testing.T, doc object, name string, op object, answers, problems, query string) {
	t.Helper()
	var good, bad []string
	for status, response := range op["responses"].(object) {
		res := response.(object)
		content, _ := res["content"].(object)
		if res["description"] == "" || res["headers"].(object)["X-Request-Id"] == nil {
			t.Errorf("%s %s: no description or X-Request-Id", name, status)
		}
		if status < "400" {
			good = append(good, status)
			for media, c := range content {
				if c.(object)["example"] == nil && !strings.HasSuffix(name, "/openapi.json") {
					t.Errorf("%s %s %s: no example", name, status, media)
				}
			}
			continue
		}
		for code, example := range content["application/problem+json"].(object)["examples"].(object) {
			bad = append(bad, status+" "+code)
			if err := conforms(doc, content["application/problem+json"].(object)["schema"].(object), example.(object)["value"]); err != nil {
				t.Errorf("%s %s: %v", name, code, err)
			}
		}
	}
	slices.Sort(good)
	slices.Sort(bad)
	want := strings.Split(problems, ", ")
	slices.Sort(want)
	if strings.Join(good, " ") != answers || !slices.Equal(bad, want) {
		t.Errorf("%s: %v %v, want %s %v", name, good, bad, answers, want)
	}
	checkParameters(t, name, op, query)
	security, said := op["security"].([]any)
	if secured := len(security) > 0; !said || secured != strings.Contains(name, "/v1/") || op["summary"] == nil || op["operationId"] == nil {
		t.Errorf("%s: security %v, summary %v", name, op["security"], op["summary"])
	}
}

func checkParameters(t *testing.T, name string, op object, query string) {
	t.Helper()
	var parameters []string
	list, _ := op["parameters"].([]any)
	for _, p := range list {
		if p := p.(object); p["in"] == "query" {
			parameters = append(parameters, p["name"].(string))
		}
		if p.(object)["description"] == nil {
			t.Errorf("%s: no description of %v", name, p)
		}
	}
	wanted := strings.Fields(query)
	slices.Sort(parameters)
	slices.Sort(wanted)
	if !slices.Equal(parameters, wanted) {
		t.Errorf("%s: parameters %v, want %v", name, parameters, wanted)
	}
}

// What the server says, and what the document gives as examples, is what the document says of it.
func TestAnswersConform(t *testing.T) {
	r := newRig(t, nil)
	r.scene()
	if err := r.store.RememberTick(t.Context(), job.Tick{}, time.Second); err != nil {
		t.Fatal(err)
	}
	doc := openAPI(r)
	const one = "/v1/jobs/{provider}/{scope}/{job_id}"
	for _, test := range []struct{ method, path, route string }{
		{"GET", "/v1/jobs", "/v1/jobs"},
		{"GET", "/v1/jobs?limit=1", "/v1/jobs"},
		{"GET", "/v1/jobs/" + dtsKey.String(), one},
		{"GET", "/v1/jobs/" + wechatKey.String(), one},
		{"GET", "/v1/jobs/dts/eu-frankfurt/dts-throttled", one},
		{"GET", "/v1/jobs/dts/ap-beijing/dts-new", one},
		{"GET", "/v1/jobs/" + dtsKey.String() + "/history?limit=1", one + "/history"},
		{"GET", "/v1/events", "/v1/events"},
		{"GET", "/v1/summary", "/v1/summary"},
		{"PUT", "/v1/jobs/dts/ap-beijing/dts-2", one},
		{"POST", "/v1/jobs/dts/ap-beijing/dts-2/poll", one + "/poll"},
		{"GET", "/healthz", "/healthz"},
		{"GET", "/readyz", "/readyz"},
	} {
		g := r.ask(test.method, test.path, adminKey)
		op := doc["paths"].(object)[test.route].(object)[strings.ToLower(test.method)].(object)
		response, _ := op["responses"].(object)[strconv.Itoa(g.status)].(object)
		if response == nil {
			t.Errorf("%s: %d is not documented: %s", test.path, g.status, g.body)
			continue
		}
		media := response["content"].(object)["application/json"].(object)
		schema := media["schema"].(object)
		if err := conforms(doc, schema, g.json(r)); err != nil {
			t.Errorf("%s: %v in %s", test.path, err, g.body)
		}
		if err := conforms(doc, schema, media["example"]); err != nil {
			t.Errorf("example of %s: %v", test.route, err)
		}
		for name := range g.header {
			if strings.HasPrefix(name, "X-Content") || slices.Contains([]string{"Date", "Content-Length", "Content-Type", "Content-Security-Policy", "Cache-Control"}, name) {
				continue
			}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(response["headers"].(object))), func(h string) bool { return strings.EqualFold(h, name) }) {
				t.Errorf("%s: header %s is not documented", test.path, name)
			}
		}
	}
}

// The tags that list words cannot be made of package job's lists; this holds them together.
func TestEnumsAreAllWords(t *testing.T) {
	doc := openAPI(newRig(t, nil))
	lists := map[string]string{"provider": fmt.Sprint(job.Providers), "provider with a list": "[dts-migration dts-sync]", "phase": fmt.Sprint(job.Phases), "kind": fmt.Sprint(job.Kinds)}
	found := map[string]int{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case object:
			for _, x := range v {
				walk(x)
			}
			list, ok := v["enum"].([]any)
			if !ok {
				return
			}
			for name, want := range lists {
				if words := strings.Fields(strings.Trim(want, "[]")); words[0] == list[0] {
					found[name]++
					if fmt.Sprint(list) != want {
						t.Errorf("%s: %v, want %v", name, list, want)
					}
				}
			}
		}
	}
	walk(doc)
	if len(found) != len(lists) {
		t.Errorf("found only %v", found)
	}
}

func TestGoldenAnswersAreListed(t *testing.T) {
	files, err := filepath.Glob("testdata/answers/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d golden answers, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "canary") && !strings.HasSuffix(f, "-admin.txt") {
			t.Errorf("%s shows a secret", f)
		}
	}
}

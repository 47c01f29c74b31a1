package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"migwatch/internal/secret"
)

// success is one good answer of a route.
type success struct {
	status  int
	means   string
	body    any    // a value of the body's type; nil: no body
	headers string // names, of headers below
	example func() any
	texts   map[string]func() any // other media types of the same rows, with an example each
}

const aboutAPI = `migwatch polls database migration jobs through the APIs they live in, getMigrationState of WeChat's open platform and those of
Tencent Cloud's DTS for checks, migrations and syncs, and tells what it remembers.

Times are RFC 3339 in UTC with milliseconds. Unknown numbers are null. Errors are RFC 9457 problems with a stable ` + "`code`" + `.
Parameters that a route does not know are ignored; one it knows may be given once, but for ` + "`phase`" + `. HEAD works where GET does.`

// document is /openapi.json. It is built apart from the API that serves: writing schemas into a
// registry that requests are being checked against would be a race.
func document(version string) []byte {
	a := &API{opt: Options{Version: version}, mux: http.NewServeMux()}
	h := newHuma(a, version)
	o := h.OpenAPI()
	o.Info.Description = aboutAPI
	o.Info.License = &huma.License{Name: "MIT", Identifier: "MIT"}
	o.Servers = []*huma.Server{{URL: ".", Description: "Where this document is."}}
	o.Tags = []*huma.Tag{
		{Name: "jobs", Description: "What is watched, and how it stands."},
		{Name: "discoveries", Description: "What is watched as a whole."},
		{Name: "events", Description: "What changed, to be followed."},
		{Name: "service", Description: "The service itself; needs no key."},
	}
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {
		Type: "http", Scheme: "bearer",
		Description: "One of MIGWATCH_ADMIN_KEYS, which may do all, or of MIGWATCH_READ_KEYS, which may read. " +
			"Where MIGWATCH_PUBLIC_READ is true reads need none, but never show file URLs then.",
	}}
	o.Components.Headers = headers()
	a.routes(h, true)
	allowNull(o.Components.Schemas.Map())
	for _, p := range o.Paths["/v1/events"].Get.Parameters {
		p.Schema.PatternDescription = "" // for messages; OpenAPI has no such word
	}
	body, err := json.Marshal(o)
	if err != nil {
		panic(err) // it is the same every time; a test builds it
	}
	return body
}

// headers are those that answers carry beside the obvious.
func headers() map[string]*huma.Header {
	text := func(about string) *huma.Header {
		return &huma.Header{Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return map[string]*huma.Header{
		"X-Request-Id":     text("The request's ID, the platform's where there is one."),
		"Cache-Control":    text("no-store where a file URL is shown."),
		"Vary":             text("What else of the request the answer depends on."),
		"ETag":             text("Strong: the digest of the exact body."),
		"Link":             text(`The next page, rel="next"; absent on the last.`),
		"Location":         text("Where the new job is."),
		"Retry-After":      text("How many seconds to wait."),
		"WWW-Authenticate": text("Bearer."),
	}
}

func headerRefs(names string) map[string]*huma.Header {
	refs := map[string]*huma.Header{}
	for _, n := range append(strings.Fields(names), "X-Request-Id") {
		refs[n] = &huma.Header{Ref: "#/components/headers/" + n}
	}
	return refs
}

// describe fills in what only OpenAPI tells.
func describe(h huma.API, op *huma.Operation, r route) {
	op.Tags = []string{r.tag}
	op.Summary = r.summary
	op.Description = r.about
	op.Responses = map[string]*huma.Response{}
	codes := append([]code{codeInvalid}, r.problems...)
	op.Security = []map[string][]string{} // none, and said so
	if need := needs(r.method + " " + r.path); need != secret.RoleNone {
		op.Description = strings.TrimSpace(op.Description + "\n\n" + map[secret.Role]string{secret.RoleRead: "Needs a read key.", secret.RoleAdmin: "Needs an admin key."}[need])
		op.Security = []map[string][]string{{"key": {}}}
		codes = append(codes, codeUnauthorized, codeForbidden, codeNotReady)
	}
	// huma writes its own headers and schema into the first status it knows: give it ours.
	op.DefaultStatus = r.answers[0].status
	registry := h.OpenAPI().Components.Schemas
	for _, s := range r.answers {
		op.Responses[strconv.Itoa(s.status)] = s.response(registry)
	}
	for _, c := range append(codes, codeInternal) {
		addProblem(registry, op.Responses, c)
	}
}

func (s success) response(registry huma.Registry) *huma.Response {
	out := &huma.Response{Description: s.means, Headers: headerRefs(s.headers)}
	if s.body == nil {
		return out
	}
	m := &huma.MediaType{Schema: registry.Schema(reflect.TypeOf(s.body), true, "")}
	if s.example != nil {
		m.Example = s.example()
	}
	out.Content = map[string]*huma.MediaType{jsonType: m}
	for name, example := range s.texts {
		out.Content[name] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}, Example: example()}
	}
	return out
}

// addProblem documents c, beside other codes of its status.
func addProblem(registry huma.Registry, responses map[string]*huma.Response, c code) {
	k := kinds[c]
	status := strconv.Itoa(k.status)
	out := responses[status]
	if out == nil {
		names := ""
		switch c {
		case codeUnauthorized:
			names = "WWW-Authenticate"
		case codeNotReady:
			names = "Retry-After"
		}
		out = &huma.Response{Headers: headerRefs(names), Content: map[string]*huma.MediaType{
			problemType: {
				Schema:   registry.Schema(reflect.TypeFor[Problem](), true, ""),
				Examples: map[string]*huma.Example{},
			},
		}}
		responses[status] = out
	}
	out.Description = strings.TrimSpace(out.Description + "\n\n`" + string(c) + "`: " + k.means)
	out.Content[problemType].Examples[string(c)] = &huma.Example{Value: exampleProblem(c)}
}

// schemaName drops the suffix that only Go needs.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "View")
}

// orNull are the properties that are objects and may be null, by schema: huma's tags cannot say it of a reference.
var orNull = map[string][]string{"Job": {"latest", "file", "lag"}, "Polling": {"last_error"}, "Summary": {"last_tick"}}

func allowNull(schemas map[string]*huma.Schema) {
	for name, properties := range orNull {
		for _, n := range properties {
			p := schemas[name].Properties[n]
			schemas[name].Properties[n] = &huma.Schema{Description: p.Description, AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
		}
	}
}

package scf

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// event is an HTTP event of any kind: an API gateway's, a function URL's (a part of the former), or
// one in the style of other clouds. scf-go-lib's own type fails the whole event for one odd value;
// here each field reads what it can.
type event struct {
	Body            json.RawMessage `json:"body"`
	IsBase64Encoded flag            `json:"isBase64Encoded"`

	HTTPMethod text `json:"httpMethod"`
	Method     text `json:"method"`
	Path       text `json:"path"`
	RawPath    text `json:"rawPath"`

	Headers           fields `json:"headers"`
	MultiValueHeaders fields `json:"multiValueHeaders"`
	HeaderParameters  fields `json:"headerParameters"` // those the gateway's API declares

	QueryString                     query `json:"queryString"`
	RawQueryString                  query `json:"rawQueryString"`
	MultiValueQueryStringParameters query `json:"multiValueQueryStringParameters"`
	QueryStringParameters           query `json:"queryStringParameters"` // those the gateway's API declares

	RequestContext requestContext `json:"requestContext"`
}

// requestContext is what a gateway says about the request; all of it is optional.
type requestContext struct {
	RequestID  text
	HTTPMethod text
	Path       text // the path of the gateway's API, such as /release or /test/{path}
	Stage      text
	SourceIP   text
	Identity   object
	HTTP       object
}

// UnmarshalJSON ignores what is no object.
func (c *requestContext) UnmarshalJSON(b []byte) error {
	var plain struct {
		RequestID  text   `json:"requestId"`
		HTTPMethod text   `json:"httpMethod"`
		Path       text   `json:"path"`
		Stage      text   `json:"stage"`
		SourceIP   text   `json:"sourceIp"`
		Identity   object `json:"identity"`
		HTTP       object `json:"http"`
	}
	if b[0] == '{' && json.Unmarshal(b, &plain) == nil {
		*c = requestContext(plain)
	}
	return nil
}

// object is the one-deep texts of an object.
type object map[string]text

// UnmarshalJSON ignores what is no object.
func (o *object) UnmarshalJSON(b []byte) error {
	var m map[string]text
	if b[0] == '{' && json.Unmarshal(b, &m) == nil {
		*o = m
	}
	return nil
}

var errQueryNotUTF8 = errors.New("the query is not UTF-8")

var errNotHTTP = errors.New("the event is no HTTP request: it has neither a method nor a path")

// decodeEvent reads an event, or says in one sentence why it is none.
func decodeEvent(payload []byte) (*event, error) {
	payload = bytes.TrimSpace(bytes.TrimPrefix(payload, bom))
	if len(payload) == 0 {
		return nil, errors.New("the event is empty")
	}
	if payload[0] != '{' {
		return nil, errors.New("the event is no JSON object")
	}
	var e event
	switch err := json.Unmarshal(payload, &e); {
	case errors.Is(err, errQueryNotUTF8):
		return nil, err
	case err != nil:
		return nil, errors.New("the event is no JSON")
	}
	if e.method() == "" && e.path() == "" {
		return nil, errNotHTTP
	}
	return &e, nil
}

func (e *event) method() string {
	return firstOf(e.HTTPMethod, e.Method, e.RequestContext.HTTPMethod, e.RequestContext.HTTP["method"])
}

func (e *event) path() string {
	api := e.RequestContext.Path
	if strings.Contains(string(api), "{") {
		api = "" // a pattern and no path
	}
	return firstOf(e.Path, e.RawPath, e.RequestContext.HTTP["path"], api)
}

func (e *event) sourceIP() string {
	return firstOf(e.RequestContext.SourceIP, e.RequestContext.Identity["sourceIp"], e.RequestContext.HTTP["sourceIp"])
}

// query joins the places a query may be in; a name counts where it comes first.
func (e *event) query() url.Values {
	q := make(url.Values)
	for _, f := range []query{e.MultiValueQueryStringParameters, e.QueryString, e.RawQueryString, e.QueryStringParameters} {
		for name, values := range f {
			if _, known := q[name]; !known {
				q[name] = values
			}
		}
	}
	return q
}

// header calls add for each header, in an order that does not change: two spellings of one name
// may be among them.
func (e *event) header(add func(name string, values []string)) {
	for _, f := range []fields{e.MultiValueHeaders, e.Headers, e.HeaderParameters} {
		for _, name := range slices.Sorted(maps.Keys(f)) {
			add(name, f[name])
		}
	}
}

func firstOf(ts ...text) string {
	for _, t := range ts {
		if t != "" {
			return string(t)
		}
	}
	return ""
}

// text is a string, or the spelling of a number or truth value; anything else is "".
type text string

// UnmarshalJSON never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch b[0] {
	case '"':
		if plain := b[1 : len(b)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
			*t = text(plain) // nearly always, and much faster
			return nil
		}
		return json.Unmarshal(b, (*string)(t))
	case '{', '[', 'n':
	default:
		*t = text(b)
	}
	return nil
}

// flag is a truth value, or a string or number that spells one.
type flag bool

// UnmarshalJSON never fails.
func (f *flag) UnmarshalJSON(b []byte) error {
	var t text
	_ = t.UnmarshalJSON(b)
	*f = flag(strings.EqualFold(string(t), "true") || t == "1")
	return nil
}

// fields are headers or query parameters: values may be texts, numbers, truth values and lists of
// them. null is no value at all; an object keeps its JSON. ?flag comes as true and stays "true".
type fields map[string][]string

// UnmarshalJSON ignores what is no object.
func (f *fields) UnmarshalJSON(b []byte) error {
	*f = nil
	if b[0] != '{' || f.plain(b) {
		return nil
	}
	var m map[string]values
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*f = make(fields, len(m))
	for name, v := range m {
		if len(v) > 0 {
			(*f)[name] = v
		}
	}
	return nil
}

// plain reads an object that holds strings alone, as nearly all do, at half the cost.
func (f *fields) plain(b []byte) bool {
	var m map[string]string
	if bytes.Contains(b, []byte("null")) || json.Unmarshal(b, &m) != nil {
		return false
	}
	*f = make(fields, len(m))
	all := make([]string, 0, len(m))
	for name, v := range m {
		all = append(all, v)
		(*f)[name] = all[len(all)-1 : len(all) : len(all)]
	}
	return true
}

// query is fields, or the whole query as one string.
type query fields

// UnmarshalJSON leaves out what cannot be read. It fails for what is not UTF-8, which encoding/json
// would fill with U+FFFD.
func (q *query) UnmarshalJSON(b []byte) error {
	if !utf8.Valid(b) {
		return errQueryNotUTF8
	}
	if b[0] != '"' {
		return (*fields)(q).UnmarshalJSON(b)
	}
	var s string
	_ = json.Unmarshal(b, &s)
	parsed, _ := url.ParseQuery(strings.TrimPrefix(s, "?"))
	*q = query(parsed)
	return nil
}

// values are one field's.
type values []string

// UnmarshalJSON never fails on valid JSON.
func (v *values) UnmarshalJSON(b []byte) error {
	*v = nil
	switch b[0] {
	case 'n':
	case '{':
		*v = values{string(b)}
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, one := range list {
			switch one[0] {
			case 'n':
			case '{', '[': // not taken apart any further: nesting could go on for ever
				*v = append(*v, string(one))
			default:
				var t text
				_ = t.UnmarshalJSON(one)
				*v = append(*v, string(t))
			}
		}
	default:
		var t text
		if err := t.UnmarshalJSON(b); err != nil {
			return err
		}
		*v = values{string(t)}
	}
	return nil
}

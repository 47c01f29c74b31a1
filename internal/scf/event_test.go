package scf

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// show makes a request of an event and one line of the request.
func show(event string, roots ...string) string {
	e, err := decodeEvent([]byte(event))
	if err != nil {
		return "error: " + err.Error()
	}
	r, p := e.request(context.Background(), roots)
	if p != nil {
		return fmt.Sprint(p.Status, " ", p.Code)
	}
	body, _ := io.ReadAll(r.Body)
	var headers []string
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		headers = append(headers, name+"="+strings.Join(r.Header[name], "|"))
	}
	line := r.Method + " " + r.URL.Path + " " + r.URL.RequestURI() + " host=" + r.Host + " from=" + r.RemoteAddr
	return line + " [" + strings.Join(headers, " ") + "] " + string(body)
}

func TestEventShapes(t *testing.T) {
	for name, c := range map[string]struct{ event, want string }{
		"function URL, as documented": {sample(t, "function_url.json"),
			`POST / /?a=1&b=2 host= from=111.206.96.145:0 [Accept=*/* Accept-Encoding=gzip, deflate, br Cache-Control=no-cache] {"test":"hello world"}`},
		"API gateway, as documented": {sample(t, "api_gateway.json"),
			`POST /test/value /test/value?bob=alice&foo=bar host=service-3ei3tii4-251000691.ap-guangzhou.apigateway.myqloud.com from=10.0.2.14:0 ` +
				`[Accept=text/html,application/xml,application/json Accept-Language=en-US,en,cn Refer=10.0.2.14 User-Agent=User Agent String] {"test":"body"}`},
		"path alone":          {`{"path":"/x"}`, "GET /x /x host= from= [] "},
		"method alone":        {`{"httpMethod":"delete"}`, "DELETE / / host= from= [] "},
		"other clouds' names": {`{"version":"2.0","rawPath":"/x","rawQueryString":"a=1&a=2&flag","requestContext":{"http":{"method":"PUT","path":"/x","sourceIp":"1.2.3.4"}}}`, "PUT /x /x?a=1&a=2&flag= host= from=1.2.3.4:0 [] "},
		"method":              {`{"method":"POST","path":"/x"}`, "POST /x /x host= from= [] "},
		"query values":        {`{"path":"/x","queryString":{"s":"a b","n":5,"big":12345678901234567890,"f":0.5,"t":true,"no":false,"null":null,"list":["x",1,null,true],"o":{"k":[1]},"":"e"}}`, "GET /x /x?=e&big=12345678901234567890&f=0.5&list=x&list=1&list=true&n=5&no=false&o=%7B%22k%22%3A%5B1%5D%7D&s=a+b&t=true host= from= [] "},
		"query as text":       {`{"path":"/x","queryString":"?a=1&b=%2F"}`, "GET /x /x?a=1&b=%2F host= from= [] "},
		"query wrong":         {`{"path":"/x","queryString":[1],"queryStringParameters":7}`, "GET /x /x host= from= [] "},
		"declared parameters": {`{"path":"/x","queryStringParameters":{"a":"declared","b":"only"},"queryString":{"a":"sent"}}`, "GET /x /x?a=sent&b=only host= from= [] "},
		"several values":      {`{"path":"/x","multiValueQueryStringParameters":{"a":["1","2"]},"queryStringParameters":{"a":"2"}}`, "GET /x /x?a=1&a=2 host= from= [] "},
		"query in the path":   {`{"path":"/x?a=1&a=2"}`, "GET /x /x?a=1&a=2 host= from= [] "},
		"header values":       {`{"path":"/x","headers":{"A":["1","2"],"b":3,"c":true,"d":null,"e":{},"HOST":"h:1","bad name":"x","f":"a\r\nInjected: 1"}}`, "GET /x /x host=h:1 from= [A=1|2 B=3 C=true E={}] "},
		"headers wrong":       {`{"path":"/x","headers":"none"}`, "GET /x /x host= from= [] "},
		"encoded path":        {`{"path":"/badge/a%20b.svg"}`, "GET /badge/a b.svg /badge/a%20b.svg host= from= [] "},
		"plain path":          {`{"path":"/q/中文 x"}`, "GET /q/中文 x /q/%E4%B8%AD%E6%96%87%20x host= from= [] "},
		"broken escape":       {`{"path":"/100%"}`, "GET /100% /100%25 host= from= [] "},
		"no slash":            {`{"path":"x"}`, "GET /x /x host= from= [] "},
		"body as base64":      {`{"path":"/x","isBase64Encoded":true,"body":"aGVsbG8="}`, "GET /x /x host= from= [] hello"},
		"base64 said oddly":   {`{"path":"/x","isBase64Encoded":"true","body":"aGVsbG8"}`, "GET /x /x host= from= [] hello"},
		"body as an object":   {`{"path":"/x","body":{"n":12345678901234567890,"b":[1]}}`, `GET /x /x host= from= [] {"n":12345678901234567890,"b":[1]}`},
		"body null":           {`{"path":"/x","body":null}`, "GET /x /x host= from= [] "},
		"context wrong":       {`{"path":"/x","requestContext":"none","isBase64Encoded":[],"pathParameters":3}`, "GET /x /x host= from= [] "},
		"client behind":       {`{"path":"/x","headers":{"x-scf-remote-addr":"[2001:db8::1]:4711"}}`, "GET /x /x host= from=[2001:db8::1]:4711 [] "},
		"gateway's word wins": {`{"path":"/x","headers":{"x-scf-remote-addr":"6.6.6.6"},"requestContext":{"sourceIp":"1.2.3.4"}}`, "GET /x /x host= from=1.2.3.4:0 [] "},
		"address wrong":       {`{"path":"/x","headers":{"x-scf-remote-addr":"localhost"}}`, "GET /x /x host= from= [] "},
		"the domain":          {`{"path":"/x","headers":{"x-scf-request-domain":"1-a.ap-x.tencentscf.com"}}`, "GET /x /x host=1-a.ap-x.tencentscf.com from= [] "},
		"platform headers":    {`{"path":"/x","headers":{"X-Scf-Secret-Id":"i","x-scf-secret-key":"k","X-SCF-SESSION-TOKEN":"t","X-Scf-Memory":"128","X-Api-SecretId":"i","X-Request-Id":"forged","Authorization":"Bearer k"}}`, "GET /x /x host= from= [Authorization=Bearer k] "},
		"byte order mark":     {"\xef\xbb\xbf" + ` {"path":"/x"} `, "GET /x /x host= from= [] "},
	} {
		if diff := cmp.Diff(c.want, show(c.event)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestEventRefused(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"p%d":"1",`, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, c := range map[string]struct{ event, want string }{
		"empty":                  {"", "error: the event is empty"},
		"blank":                  {" \n", "error: the event is empty"},
		"a list":                 {"[]", "error: the event is no JSON object"},
		"a word":                 {"null", "error: the event is no JSON object"},
		"cut":                    {`{"path":"/x"`, "error: the event is no JSON"},
		"trailing":               {`{"path":"/x"}{}`, "error: the event is no JSON"},
		"nothing in it":          {`{}`, "error: " + errNotHTTP.Error()},
		"the console's test":     {`{"key1":"test value 1","key2":"test value 2"}`, "error: " + errNotHTTP.Error()},
		"a timer":                {`{"Type":"Timer","TriggerName":"t","Time":"2019-02-21T11:49:00Z","Message":""}`, "error: " + errNotHTTP.Error()},
		"a pattern as path":      {`{"requestContext":{"path":"/test/{path}"}}`, "error: " + errNotHTTP.Error()},
		"odd method":             {`{"httpMethod":"GET /x","path":"/x"}`, "400 invalid_request"},
		"path of 8 KiB":          {`{"path":"/` + long(8191) + `"}`, "GET"},
		"path too long":          {`{"path":"/` + long(8192) + `"}`, "414 uri_too_long"},
		"query too long":         {`{"path":"/x","queryString":{"q":"` + long(8190) + `"}}`, "414 uri_too_long"},
		"50 parameters":          {`{"path":"/x","queryString":{` + many(50) + `}}`, "GET"},
		"51 parameters":          {`{"path":"/x","queryString":{` + many(51) + `}}`, "400 invalid_request"},
		"51 in a list":           {`{"path":"/x","queryString":{"a":[` + long(0) + strings.Repeat("1,", 50) + `1]}}`, "400 invalid_request"},
		"headers of 8 KiB":       {`{"path":"/x","headers":{"a":"` + long(8191) + `"}}`, "GET"},
		"headers too large":      {`{"path":"/x","headers":{"a":"` + long(8192) + `"}}`, "431 headers_too_large"},
		"platform's don't count": {`{"path":"/x","headers":{"x-scf-secret-token":"` + long(9000) + `"}}`, "GET"},
		"body of 64 KiB":         {`{"path":"/x","body":"` + long(65536) + `"}`, "GET"},
		"body too large":         {`{"path":"/x","body":"` + long(65537) + `"}`, "413 payload_too_large"},
		"object too large":       {`{"path":"/x","body":{"a":"` + long(65537) + `"}}`, "413 payload_too_large"},
		"base64 too large":       {`{"path":"/x","isBase64Encoded":true,"body":"` + base64.StdEncoding.EncodeToString([]byte(long(65537))) + `"}`, "413 payload_too_large"},
		"base64 far too large":   {`{"path":"/x","isBase64Encoded":true,"body":"` + long(1<<20) + `"}`, "413 payload_too_large"},
		"no base64":              {`{"path":"/x","isBase64Encoded":true,"body":"{}"}`, "400 invalid_request"},
	} {
		if got := show(c.event); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %.100s, not %s", name, got, c.want)
		}
	}
}

func TestGatewayPrefix(t *testing.T) {
	roots := []string{"", "v1", "healthz"}
	for name, c := range map[string]struct{ path, api, stage, want string }{
		"function URL":             {"/v1/jobs", "", "", "/v1/jobs"},
		"API at /":                 {"/v1/jobs", "/", "release", "/v1/jobs"},
		"API named as function":    {"/migwatch/v1/jobs", "/migwatch", "release", "/v1/jobs"},
		"with its slash":           {"/migwatch/v1/jobs", "/migwatch/", "release", "/v1/jobs"},
		"with a pattern":           {"/migwatch/v1/jobs", "/migwatch/{path+}", "release", "/v1/jobs"},
		"with the stage":           {"/release/migwatch/v1/jobs", "/migwatch", "release", "/v1/jobs"},
		"an API for each path":     {"/v1/jobs", "/v1/jobs", "release", "/v1/jobs"},
		"an API for /v1":           {"/v1/jobs", "/v1", "release", "/v1/jobs"},
		"the page":                 {"/migwatch", "/migwatch", "release", "/"},
		"another word's beginning": {"/migwatchers/v1", "/migwatch", "release", "/migwatchers/v1"},
		"unknown":                  {"/other", "/migwatch", "release", "/other"},
	} {
		event := fmt.Sprintf(`{"path":%q,"requestContext":{"path":%q,"stage":%q}}`, c.path, c.api, c.stage)
		if got := strings.Fields(show(event, roots...))[1]; got != c.want {
			t.Errorf("%s: got %s, not %s", name, got, c.want)
		}
	}
	if got := show(`{"path":"/a/v1","requestContext":{"path":"/a"}}`); !strings.HasPrefix(got, "GET /a/v1 ") {
		t.Errorf("without roots: %s", got)
	}
}

package scf

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentyun/scf-go-lib/functioncontext"
)

// logged is a log that may be read while it is written.
type logged struct {
	sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.Lock()
	defer l.Unlock()
	return l.buf.String()
}

// quiet keeps the log of a test to itself and gives it.
func quiet(t testing.TB) *logged {
	t.Helper()
	l := new(logged)
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(l, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	return l
}

func platform(id string, env map[string]string) context.Context {
	return functioncontext.NewContext(context.Background(), &functioncontext.FunctionContext{RequestID: id, Environment: env, TimeLimitInMs: 5000})
}

// decoded is an answer as a gateway reads it.
type decoded struct {
	IsBase64Encoded *bool
	StatusCode      int
	Headers         map[string]any
	Body            *string
}

func serve(t testing.TB, ctx context.Context, h http.HandlerFunc, payload string) decoded {
	t.Helper()
	out, err := web(nil, func(context.Context, Invocation) http.Handler { return h }, nil)(ctx, []byte(payload))
	if err != nil {
		t.Fatalf("a function error: %v", err)
	}
	return shape(t, out)
}

func shape(t testing.TB, out []byte) decoded {
	t.Helper()
	var d decoded
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		t.Fatalf("no answer: %v: %.200s", err, out)
	}
	if d.IsBase64Encoded == nil || d.Body == nil || d.Headers == nil || d.StatusCode < 200 || d.StatusCode > 599 {
		t.Fatalf("the shape is not whole: %.200s", out)
	}
	for name, v := range d.Headers {
		if _, ok := v.(string); !ok && name != "Set-Cookie" {
			t.Fatalf("header %s is %T", name, v)
		}
	}
	return d
}

const get = `{"httpMethod":"GET","path":"/x"}`

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		event   string
		want    string
	}{
		"text": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<hällo>") }, get,
			`{"isBase64Encoded":false,"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8","X-Request-Id":"req-1"},"body":"<hällo>"}`},
		"nothing": {func(http.ResponseWriter, *http.Request) {}, get,
			`{"isBase64Encoded":false,"statusCode":200,"headers":{"X-Request-Id":"req-1"},"body":""}`},
		"bytes": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte{0xff, 0xfe})
		}, get,
			`{"isBase64Encoded":true,"statusCode":200,"headers":{"Content-Type":"image/png","X-Request-Id":"req-1"},"body":"//4="}`},
		"headers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Vary"] = []string{"Accept", "Cookie"}
			w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
			w.Header().Set("Content-Length", "3")
			w.Header().Set("X-Request-Id", "another")
			w.Header()["X-None"] = nil
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusTeapot)
			w.Header().Set("Too-Late", "1")
		}, get,
			`{"isBase64Encoded":false,"statusCode":202,"headers":{"Set-Cookie":["a=1","b=2"],"Vary":"Accept, Cookie","X-Request-Id":"req-1"},"body":""}`},
		"one cookie": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Set-Cookie", "a=1") }, get,
			`{"isBase64Encoded":false,"statusCode":200,"headers":{"Set-Cookie":"a=1","X-Request-Id":"req-1"},"body":""}`},
		"no body allowed": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotModified)
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}, get, `{"isBase64Encoded":false,"statusCode":304,"headers":{"X-Request-Id":"req-1"},"body":""}`},
		"HEAD": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) }, `{"httpMethod":"HEAD","path":"/x"}`,
			`{"isBase64Encoded":false,"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8","X-Request-Id":"req-1"},"body":""}`},
		"the ID in the request": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, r.Header.Get("X-Request-Id")+" "+RequestID(r.Context()))
		}, `{"path":"/x","headers":{"x-request-id":"forged"}}`,
			`{"isBase64Encoded":false,"statusCode":200,"headers":{"Content-Type":"text/plain","X-Request-Id":"req-1"},"body":"req-1 req-1"}`},
	} {
		out, err := web(nil, func(context.Context, Invocation) http.Handler { return c.handler }, nil)(platform("req-1", nil), []byte(c.event))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, string(out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAnswersProblems(t *testing.T) {
	log := quiet(t)
	ok := func(http.ResponseWriter, *http.Request) {}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		event   string
		status  int
		code    string
	}{
		"empty":              {ok, "", 400, "invalid_request"},
		"a timer":            {ok, `{"Type":"Timer"}`, 400, "invalid_request"},
		"too large":          {ok, `{"path":"/x","body":"` + strings.Repeat("x", maxBody+1) + `"}`, 413, "payload_too_large"},
		"a body in GBK":      {ok, "{\"path\":\"/x\",\"body\":\"\xb6\xa9\"}", 422, "invalid_request"},
		"an object in GBK":   {ok, "{\"path\":\"/x\",\"body\":{\"label\":\"\xb6\xa9\"}}", 422, "invalid_request"},
		"a query in GBK":     {ok, "{\"path\":\"/x\",\"queryString\":{\"q\":\"\xb6\xa9\"}}", 422, "invalid_request"},
		"a raw query in GBK": {ok, "{\"path\":\"/x\",\"rawQueryString\":\"q=\xb6\xa9\"}", 422, "invalid_request"},
		"panic": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Leak", "1")
			_, _ = io.WriteString(w, "half")
			panic("canary-secret")
		}, get, 500, "internal"},
		"runtime panic": {func(http.ResponseWriter, *http.Request) { none()["canary"] = 1 }, get, 500, "internal"},
		"abort":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, get, 500, "internal"},
		"too much": {func(w http.ResponseWriter, _ *http.Request) {
			for range 7 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1e6))
			}
		}, get, 500, "internal"},
		"too much once escaped": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(`"`), 4e6)) }, get, 500, "internal"},
	} {
		d := serve(t, platform("req-1", nil), c.handler, c.event)
		var p map[string]any
		if err := json.Unmarshal([]byte(*d.Body), &p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d.StatusCode != c.status || p["code"] != c.code || p["status"] != float64(c.status) || p["title"] != http.StatusText(c.status) ||
			d.Headers["Content-Type"] != "application/problem+json" || d.Headers["X-Request-Id"] != "req-1" || d.Headers["X-Leak"] != nil {
			t.Errorf("%s: got %d %v %v", name, d.StatusCode, d.Headers, *d.Body)
		}
		if strings.Contains(*d.Body+log.String(), "canary-secret") {
			t.Errorf("%s: the panic's value is shown", name)
		}
	}
	if !strings.Contains(log.String(), `"what":"assignment to entry in nil map"`) || !strings.Contains(log.String(), `"request_id":"req-1"`) {
		t.Errorf("the log does not help: %s", log)
	}
}

func TestPanicWhileWiring(t *testing.T) {
	quiet(t)
	out, err := web(nil, func(context.Context, Invocation) http.Handler { panic("x") }, nil)(platform("r", nil), []byte(get))
	if err != nil || shape(t, out).StatusCode != 500 {
		t.Errorf("got %s, %v", out, err)
	}
	out, err = web(nil, func(context.Context, Invocation) http.Handler { return nil }, nil)(platform("r", nil), []byte(get))
	if err != nil || shape(t, out).StatusCode != 500 {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestRequestIDs(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	gateway := `{"path":"/x","requestContext":{"requestId":"c6af9ac6-7b61"},"headers":{"X-Request-Id":"forged"}}`
	if id := serve(t, platform("p-1", nil), ok, gateway).Headers["X-Request-Id"]; id != "p-1" {
		t.Errorf("the platform's own is not taken: %v", id)
	}
	if id := serve(t, context.Background(), ok, gateway).Headers["X-Request-Id"]; id != "c6af9ac6-7b61" {
		t.Errorf("the gateway's is not taken: %v", id)
	}
	a, b := serve(t, context.Background(), ok, get), serve(t, context.Background(), ok, "")
	if len(a.Headers["X-Request-Id"].(string)) != 32 || a.Headers["X-Request-Id"] == b.Headers["X-Request-Id"] {
		t.Errorf("made up: %v, %v", a.Headers, b.Headers)
	}
}

func TestHTTPDeadline(t *testing.T) {
	var left time.Duration
	serve(t, platform("p", nil), func(_ http.ResponseWriter, r *http.Request) {
		end, _ := r.Context().Deadline()
		left = time.Until(end)
	}, get)
	if left < 4*time.Second || left > 4800*time.Millisecond {
		t.Errorf("a handler has %v of 5 s", left)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(sample(f, "function_url.json")))
	f.Add([]byte(sample(f, "api_gateway.json")))
	f.Add([]byte(`{"path":"/x","headers":{"A":["1"]},"isBase64Encoded":1,"body":"//4="}`))
	quiet(f)
	h := web(map[string]string{"A": "1"}, func(context.Context, Invocation) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || int64(len(body)) != r.ContentLength || len(body) > maxBody {
				t := "the body's length is not what it says"
				http.Error(w, t, http.StatusTeapot)
				return
			}
			if r.URL.Path == "" || r.URL.Path[0] != '/' || !strings.HasSuffix(r.RequestURI, r.URL.RequestURI()) || len(r.URL.Query()) > maxQuery {
				http.Error(w, "the URL is none", http.StatusTeapot)
				return
			}
			for name := range r.Header {
				if strings.HasPrefix(name, "X-Scf-") {
					http.Error(w, "a platform header", http.StatusTeapot)
					return
				}
			}
			http.NewServeMux().ServeHTTP(w, r)
		})
	}, []string{"v1"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, err := h(platform("id", nil), payload)
		if err != nil {
			t.Fatal(err)
		}
		if d := shape(t, out); d.StatusCode == http.StatusTeapot || d.StatusCode == 500 {
			t.Fatalf("got %s", out)
		}
	})
}

// none is a map that takes nothing.
func none() map[string]int { return nil }

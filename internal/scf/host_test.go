package scf

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// host serves h on a loopback port until the test ends, and checks that it ends cleanly.
func host(t *testing.T, s Host, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t)
	})
	return "http://" + l.Addr().String()
}

func do(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	_ = json.NewEncoder(w).Encode(map[string]any{"id": RequestID(r.Context()), "header": r.Header, "from": from, "length": len(body)})
}

func TestHostHeaders(t *testing.T) {
	sent := []string{"X-Request-Id", "forged", "X-Scf-Request-Id", "67b4cfcf-6957", "X-Scf-Remote-Addr", "203.0.113.9", "X-Scf-Secret-Key", "canary", "X-Scf-Session-Token", "canary", "Authorization", "Bearer k"}
	for name, c := range map[string]struct {
		host     Host
		id, from string
	}{
		"on the platform": {Host{Platform: true}, "67b4cfcf-6957", "203.0.113.9"},
		"anywhere else":   {Host{}, "", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := do(t, "GET", host(t, c.host, echo)+"/x", "", sent...)
			var got struct {
				ID, From string
				Header   http.Header
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			id := resp.Header.Get("X-Request-Id")
			if c.id == "" && len(id) != 32 || c.id != "" && id != c.id || got.ID != id || got.Header.Get("X-Request-Id") != id {
				t.Errorf("IDs %q, %q, %q", id, got.ID, got.Header.Get("X-Request-Id"))
			}
			if got.From != c.from || got.Header.Get("Authorization") != "Bearer k" || strings.Contains(body, "canary") || strings.Contains(body, "Scf") {
				t.Errorf("got %s", body)
			}
		})
	}
}

func TestHostLimits(t *testing.T) {
	quiet(t)
	url := host(t, Host{}, echo)
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, c := range map[string]struct {
		path, body, header string
		status             int
	}{
		"fine":             {"/x?a=1", long(maxBody), "", 200},
		"path":             {"/" + long(maxPath), "", "", 414},
		"query":            {"/x?" + strings.Repeat("a=1&", 50) + "b=2", "", "", 400},
		"body":             {"/x", long(maxBody + 1), "", 413},
		"header":           {"/x", "", long(maxHeader), 431},
		"header, far over": {"/x", "", long(6 * maxHeader), 431},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, "X-Long", c.header)
		}
		resp, body := do(t, "POST", url+c.path, c.body, headers...)
		if resp.StatusCode != c.status || c.status != 200 && len(c.header) < 2*maxHeader && !strings.Contains(body, `"code":"`) {
			t.Errorf("%s: got %d %.200s", name, resp.StatusCode, body)
		}
	}
	// A body without a length is only known to be too large while it is read.
	resp, err := http.Post(url+"/x", "", io.MultiReader(strings.NewReader(long(maxBody)), strings.NewReader("x")))
	if err != nil || resp.StatusCode != 413 {
		t.Fatalf("a body without a length: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func TestHostPanics(t *testing.T) {
	log := quiet(t)
	url := host(t, Host{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Leak", "1")
		if r.URL.Path == "/late" {
			_, _ = io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
		}
		panic("canary-secret")
	})
	resp, body := do(t, "GET", url+"/early", "")
	if resp.StatusCode != 500 || !strings.Contains(body, `"code":"internal"`) || resp.Header.Get("X-Leak") != "" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("got %d %v %s", resp.StatusCode, resp.Header, body)
	}
	resp, err := http.Get(url + "/late")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half an answer looks whole: %s", b)
	}
	_ = resp.Body.Close()
	if strings.Contains(log.String()+body, "canary") || !strings.Contains(log.String(), `"msg":"panic"`) {
		t.Errorf("log: %s", log)
	}
}

func TestHostShutsDown(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	entered, leave := make(chan bool), make(chan bool)
	ended := make(chan error, 1)
	go func() {
		ended <- Host{Grace: time.Minute}.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			entered <- true
			<-leave
			_, _ = io.WriteString(w, "whole")
		}))
	}()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answer <- string(b)
	}()
	<-entered
	cancel()
	close(leave)
	if got := <-answer; got != "whole" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestHostCannotListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := (Host{}).ListenAndServe(context.Background(), l.Addr().String(), http.NotFoundHandler()); err == nil {
		t.Error("two servers on one port")
	}
}

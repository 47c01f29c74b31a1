package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/emulator"
)

// upstreamRole makes this test binary play the upstream instead, in a process of its own: an upstream is
// a machine of its own, and what the tests do beside it must not delay when an arrival is noted.
const upstreamRole = "MIGWATCH_CHAOS_UPSTREAM"

// upstream is the emulated APIs in a process of their own.
type upstream struct {
	t   testing.TB
	url string
}

// startUpstream plays script until the test's end. Where that is allowed it comes before all others on
// the processors, as a machine of its own would.
func startUpstream(t testing.TB, script string) *upstream {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nice", "-n", "-15", self)
	cmd.Env = append(os.Environ(), upstreamRole+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Linux weighs sessions against each other first
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // its end
		_ = cmd.Wait()
	})
	if _, err := fmt.Fprintf(in, "%d\n%s", len(script), script); err != nil {
		t.Fatal(err)
	}
	u := &upstream{t: t}
	if _, err := fmt.Fscanln(out, &u.url); err != nil {
		t.Fatal("the upstream did not start: ", err)
	}
	return u
}

// playUpstream is the other process. It ends when its standard input does: with the test, however that ends.
func playUpstream(seed string) error {
	_ = os.WriteFile("/proc/self/autogroup", []byte("-15"), 0) // where there is one and it may
	in := bufio.NewReader(os.Stdin)
	var size int
	if _, err := fmt.Fscanln(in, &size); err != nil {
		return err
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return err
	}
	script, err := emulator.Parse(string(text))
	if err != nil {
		return err
	}
	up := emulator.New(emulator.Options{
		Now: time.Now, Script: script, Seed: seed, Arrivals: -1,
		WeChat: emulator.WeChatOptions{Tokens: []string{token}, PerSecond: wechatLimit},
		DTS:    emulator.DTSOptions{Credentials: []emulator.Credential{credential}, PerSecond: dtsLimit},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var own stalls
	go own.watch()
	mux := http.NewServeMux()
	mux.Handle("/", up)
	mux.HandleFunc(stallsPath, func(w http.ResponseWriter, _ *http.Request) { own.write(w) })
	go func() { _ = http.Serve(l, mux) }() //nolint:gosec // on loopback, for as long as the test
	fmt.Printf("http://%s\n", l.Addr())
	_, err = io.Copy(io.Discard, in)
	return err
}

// get asks the emulator's control endpoints.
func (u *upstream) get(path string) string {
	u.t.Helper()
	return u.call(http.MethodGet, path, "")
}

// add puts jobs on the stage, as people do at a console.
func (u *upstream) add(script string) {
	u.t.Helper()
	u.call(http.MethodPost, "/_emulator/script", script)
}

func (u *upstream) call(method, path, text string) string {
	u.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, u.url+path, strings.NewReader(text))
	if err != nil {
		u.t.Fatal(err)
	}
	resp, err := upstreamClient.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		u.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return string(body)
}

var upstreamClient = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// polls is how many calls have arrived.
func (u *upstream) polls() int64 {
	u.t.Helper()
	var counts []emulator.Count
	if err := json.Unmarshal([]byte(u.get("/_emulator/stats")), &counts); err != nil {
		u.t.Fatal(err)
	}
	var n int64
	for _, c := range counts {
		n += c.Arrivals
	}
	return n
}

func (u *upstream) arrivals() []emulator.Arrival {
	u.t.Helper()
	var out []emulator.Arrival
	for line := range strings.Lines(u.get("/_emulator/arrivals")) {
		var a emulator.Arrival
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			u.t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func (u *upstream) secrets() []string {
	u.t.Helper()
	return strings.Fields(u.get("/_emulator/secrets"))
}

const stallsPath = "/_chaos/stalls"

// stall is a time in which the upstream's own process did not run: arrivals were noted late, and say
// nothing about when they came.
type stall struct{ From, To time.Time }

const (
	pulse     = 5 * time.Millisecond
	worstWake = 25 * time.Millisecond // later than this is a stall
)

// stalls finds times in which this process did not run, by sleeping for short spans.
type stalls struct {
	mu   sync.Mutex
	list []stall
}

func (s *stalls) watch() {
	for last := time.Now(); ; {
		time.Sleep(pulse)
		now := time.Now()
		if now.Sub(last) > pulse+worstWake {
			s.mu.Lock()
			s.list = append(s.list, stall{last, now})
			s.mu.Unlock()
		}
		last = now
	}
}

func (s *stalls) write(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(s.list)
}

func (u *upstream) stalls() []stall {
	u.t.Helper()
	var out []stall
	if err := json.Unmarshal([]byte(u.get(stallsPath)), &out); err != nil {
		u.t.Fatal(err)
	}
	return out
}

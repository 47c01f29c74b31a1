package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"migwatch/client"
	"migwatch/internal/emulator"
	"migwatch/internal/secret"
)

// started is a command in a process of its own, in an empty folder.
type started struct {
	*exec.Cmd
	dir, tmp string
	errs     bytes.Buffer

	mu    sync.Mutex
	lines []string
	ended chan struct{} // stdout is at its end
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with settings.
func startWith(t *testing.T, env []string, args ...string) *started {
	t.Helper()
	s := &started{Cmd: exec.Command(os.Args[0], args...), dir: t.TempDir(), tmp: t.TempDir(), ended: make(chan struct{})}
	s.Dir = s.dir
	s.Env = []string{"MIGWATCH_TEST_COMMAND=1", "TMPDIR=" + s.tmp, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
	s.Env = append(s.Env, env...)
	s.Stderr = &s.errs
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Process.Kill() // it has ended, unless the test failed
		<-s.ended
	})
	go func() {
		defer close(s.ended)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.mu.Lock()
			s.lines = append(s.lines, scan.Text())
			s.mu.Unlock()
		}
	}()
	return s
}

func (s *started) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// until waits for what must come.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within a minute", what)
}

// interrupt ends it as Ctrl-C does; it must end by itself, with exit status 0 and nothing left.
func (s *started) interrupt(t *testing.T) {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if err := s.Wait(); err != nil {
		t.Errorf("%v\n%s\n%s", err, s.text(), s.errs.String())
	}
	for _, dir := range []string{s.dir, s.tmp} {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left in %s: %v, %v", dir, left, err)
		}
	}
}

var demoURL = regexp.MustCompile(`open +(http://127\.0\.0\.1:\d+)`)

func TestDemo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := start(t, "demo", "--listen", taken.Addr().String(), "--every", "500ms")
	url := ""
	until(t, "the URL", func() bool {
		if m := demoURL.FindStringSubmatch(s.text()); m != nil {
			url = m[1]
		}
		return url != ""
	})
	if strings.Contains(url, taken.Addr().String()) {
		t.Errorf("%s is taken", url)
	}
	moved := map[string]bool{}
	until(t, "jobs of both providers that move", func() bool {
		for _, j := range getJobs(t, url) {
			if j.Phase != client.Pending {
				moved[j.Provider] = true
			}
			if j.Label == "" && j.Name == nil && j.Latest != nil {
				t.Errorf("%s has no label", j.Key())
			}
		}
		return moved[client.DTS] && moved[client.WeChat]
	})
	until(t, "a line for each provider", func() bool {
		text := s.text()
		return strings.Contains(text, "dts/ap-guangzhou/dts-p8v1nd6c") && strings.Contains(text, "reviews export") && strings.Contains(text, "pending → running")
	})
	s.interrupt(t)
	if !strings.Contains(s.errs.String(), "is taken; listening on 127.0.0.1:") {
		t.Errorf("stderr: %s", s.errs.String())
	}
	if strings.Contains(s.text(), "\x1b") {
		t.Error("colours, and no terminal")
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("somebody still serves")
	}
}

func getJobs(t *testing.T, url string) []client.Job {
	t.Helper()
	res, err := http.Get(url + "/v1/jobs") // as curl does: no key
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page client.Page[client.Job]
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	return page.Items
}

// A demo keeps within the emulated APIs' limits: nobody is refused but where the script says so.
func TestDemoKeepsLimits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sh := &shell{console: &console{in: strings.NewReader(""), out: io.Discard, err: t.Output(), now: time.Now}, cli: &cli{}, log: secret.NewWriter(t.Output())}
	d, stop, err := (&demoCmd{Listen: "127.0.0.1:0", Every: 200 * time.Millisecond}).start(ctx, sh, emulator.Demo())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		d.step(ctx)
	}
	stop()
	if err := sh.close(); err != nil {
		t.Error(err)
	}
	for _, api := range []emulator.API{emulator.WeChat, emulator.DTS} {
		if n, peak := d.emulator.Refused(api), d.emulator.Peak(api, ""); n > 0 || peak == 0 {
			t.Errorf("%s: %d refused, peak %d", api, n, peak)
		}
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", d.dir, err)
	}
}

// A job that came to its end is polled again, so that its story can begin anew.
func TestDemoGoesOn(t *testing.T) {
	t.Parallel()
	script, err := emulator.Parse("wechat test2-4a89da 1 export\n  repeat every 4s\n  0s reading\n  2s success 3/0 \"ok\"\n")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var out bytes.Buffer
	sh := &shell{console: &console{in: strings.NewReader(""), out: &out, err: t.Output(), now: func() time.Time { return now }}, cli: &cli{}, log: secret.NewWriter(t.Output())}
	d, stop, err := (&demoCmd{Listen: "127.0.0.1:0", Every: time.Second}).start(t.Context(), sh, script)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		d.step(t.Context())
		now = now.Add(2 * time.Second)
	}
	stop()
	if err := sh.close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "succeeded → running") || strings.Count(out.String(), "running → succeeded") != 2 {
		t.Error(out.String())
	}
}

func TestDemoEndsEarly(t *testing.T) {
	t.Parallel()
	s := start(t, "demo", "--listen", "127.0.0.1:0", "--json")
	until(t, "the first line", func() bool { return strings.Contains(s.text(), `"url":"http://127.0.0.1:`) })
	s.interrupt(t)
}

func TestServeEnds(t *testing.T) {
	t.Parallel()
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--migrate", "--every", "1s")
	until(t, "a tick", func() bool { return strings.Contains(s.text(), `"msg":"tick"`) })
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	if err := s.Wait(); err != nil {
		t.Errorf("%v\n%s\n%s", err, s.text(), s.errs.String())
	}
}

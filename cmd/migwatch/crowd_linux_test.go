package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/emulator"
)

// TestIdleConnections: strangers who hold more connections than the process may have files keep nobody from
// being answered, and no job from being polled.
func TestIdleConnections(t *testing.T) {
	script, err := emulator.Parse("dts ap-shanghai dts-a\n  0s running 10%\ndts ap-shanghai dts-b\n  0s running 20%\n")
	if err != nil {
		t.Fatal(err)
	}
	up := emulator.New(emulator.Options{Now: time.Now, Script: script, Seed: "crowd",
		DTS: emulator.DTSOptions{Credentials: []emulator.Credential{{ID: cloudID, Key: cloudKey}}}})
	upstream := httptest.NewServer(up)
	t.Cleanup(func() { up.Close(); upstream.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close()

	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", `ulimit -n 200; exec "$0" serve --migrate --every 1s --listen `+addr, os.Args[0])
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &out, &out
	cmd.Env = []string{"MIGWATCH_TEST_COMMAND=1", "PATH=" + os.Getenv("PATH"), "MIGWATCH_DTS_URL=" + upstream.URL, "TENCENTCLOUD_SECRETID=" + cloudID,
		"TENCENTCLOUD_SECRETKEY=" + cloudKey, "MIGWATCH_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "crowd.db")}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, out.String())
		}
	})
	until(t, "listens", func() bool { return len(idle(addr, "")) > 0 })

	ask := func(method, path string) map[string]any {
		t.Helper()
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var v map[string]any
		b, _ := io.ReadAll(res.Body)
		if err := json.Unmarshal(b, &v); err != nil || res.StatusCode > 299 {
			t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, b)
		}
		return v
	}
	for i, request := range []string{"GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\n\r\n", "GET / HT"} {
		var crowd []net.Conn
		for range 230 {
			crowd = append(crowd, idle(addr, request)...)
		}
		path := "/v1/jobs/dts/ap-shanghai/dts-" + string(rune('a'+i))
		ask(http.MethodPut, path)
		until(t, "polled "+path, func() bool { return ask(http.MethodGet, path)["latest"] != nil })
		for _, conn := range crowd {
			_ = conn.Close()
		}
	}
}

// idle opens a connection, sends what may be a request, waits for the answer to a whole one, and keeps it.
func idle(addr, request string) []net.Conn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil
	}
	_, _ = io.WriteString(conn, request)
	if strings.HasSuffix(request, "\r\n\r\n") {
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // a full server may not answer
		_, _ = bufio.NewReader(conn).ReadString('\n')
	}
	return []net.Conn{conn}
}

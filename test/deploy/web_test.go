package deploy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// TestWebFunction starts the package as the platform starts a web function, and asks it over HTTP.
func TestWebFunction(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package")
	}
	out := packaged(t)
	url := "sqlite:" + filepath.Join(t.TempDir(), "migwatch.db")
	s, err := store.Open(secret.New(url), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const key = "a-read-key-0123456789"
	base := serve(t, filepath.Join(out, "function"), "MIGWATCH_DATABASE_URL="+url, "MIGWATCH_READ_KEYS="+key)
	for _, c := range []struct {
		path, key string
		status    int
	}{{"/healthz", "", 200}, {"/readyz", "", 200}, {"/v1/jobs", key, 200}, {"/v1/jobs", "", 401}, {"/v1/nothing", key, 404}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.key != "" {
			req.Header.Set("Authorization", "Bearer "+c.key)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("GET %s: %d, not %d, request %q: %s", c.path, resp.StatusCode, c.status, resp.Header.Get("X-Request-Id"), body)
		}
	}
}

// serve runs scf_bootstrap in folder until the test ends, and gives its address once it answers.
func serve(t *testing.T, folder string, env ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "./scf_bootstrap")
	var log bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &log, &log
	cmd.Env = append(env, "PATH=/usr/bin:/bin", "PORT="+port, "_LAMBDA_SERVER_PORT=28902")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return fmt.Sprintf("http://%s", addr)
		}
	}
	t.Fatalf("it does not listen: %s", log.String())
	return ""
}

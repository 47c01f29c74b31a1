package main

import (
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"migwatch/internal/emulator"
	"migwatch/internal/notify/notifytest"
)

// leaked is how a command ends that left a goroutine behind.
const leaked = 99

func TestMain(m *testing.M) {
	if os.Getenv("MIGWATCH_TEST_COMMAND") != "" {
		os.Unsetenv("MIGWATCH_TEST_COMMAND")
		asCommand()
	}
	testscript.Main(m, map[string]func(){"migwatch": asCommand})
}

// asCommand is the real command, that must leave nothing.
func asCommand() {
	code := mainExit()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "left behind:", err)
		code = leaked
	}
	os.Exit(code)
}

// upstreams is what the scripts' emulated APIs play.
const upstreams = `
dts ap-shanghai dts-good
  0s finished
dts ap-shanghai dts-bad
  0s finished check=0 code=-1 "The table does not exist."
dts ap-shanghai dts-slow
  0s running 40%
dts ap-shanghai dts-gone
  0s missing
dts-migration ap-shanghai dts-copies "orders, the copy"
  0s running 40%
dts-migration ap-shanghai dts-waits
  0s readyComplete 100% lag=2
dts-migration ap-shanghai dts-done
  0s success 100%
wechat test2-4a89da 1001 import
  0s success 5/2 "导入完成, 部分记录失败."
wechat test2-4a89da 1002 export
  0s success 3/0 "导出完成." file
`

const (
	weChatToken = "canary-wechat-token-3c1f"
	cloudID     = "AKIDcanary7d2e"
	cloudKey    = "canary-cloud-key-9b4a"
)

func TestScripts(t *testing.T) {
	sinks := notifytest.New(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("WECOM", sinks.URL("wecom", "&name=ops"))
			return setup(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "reachable": reachable, "nocanary": noCanary,
		},
	})
}

// setup starts emulated APIs of its own for each script.
func setup(e *testscript.Env) error {
	script, err := emulator.Parse(upstreams)
	if err != nil {
		return err
	}
	up := emulator.New(emulator.Options{
		Now: time.Now, Script: script, Seed: "scripts",
		WeChat: emulator.WeChatOptions{Tokens: []string{weChatToken}},
		DTS:    emulator.DTSOptions{Credentials: []emulator.Credential{{ID: cloudID, Key: cloudKey}}},
	})
	server := httptest.NewServer(up)
	e.Defer(server.Close)
	e.Defer(up.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	e.Setenv("GORACE", "atexit_sleep_ms=0") // a race detector's second at the end of each of many commands
	e.Setenv("UPSTREAM", server.URL)
	e.Setenv("ADDR", l.Addr().String())
	e.Setenv("TOKEN", weChatToken)
	e.Setenv("CLOUD_ID", cloudID)
	e.Setenv("CLOUD_KEY", cloudKey)
	return nil
}

// exits runs a command that must end with this very code: exits 2 migwatch jobs --bad.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit status %d, not %d", code, want)
	}
}

// reachable waits until somebody listens at an address.
func reachable(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", args[0]); err == nil {
			c.Close()
			return
		}
	}
	ts.Fatalf("nobody listens at %s", args[0])
}

// noCanary looks for secrets in files: stdout and stderr too.
func noCanary(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		if text := ts.ReadFile(name); strings.Contains(text, "canary") || strings.Contains(text, "q-signature") {
			ts.Fatalf("a secret in %s:\n%s", name, text)
		}
	}
}

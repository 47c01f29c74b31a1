package scftest_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/scf/scftest"
)

func TestMain(m *testing.M) { os.Exit(scftest.Main(m)) }

const echo = "./internal/scf/testdata/echo"

func soon() time.Time { return time.Now().Add(20 * time.Second) }

func TestHTTPFunction(t *testing.T) {
	f := scftest.Start(t, scftest.Build(t, echo), nil)
	var got struct {
		IsBase64Encoded bool
		StatusCode      int
		Headers         map[string]string
		Body            string
	}
	ask := func(payload string, env map[string]string) {
		t.Helper()
		out, err := f.Invoke([]byte(payload), env, soon(), "req-1")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
	}
	ask(`{"httpMethod":"GET","path":"/v1"}`, map[string]string{"TENCENTCLOUD_SECRETID": "first", "TENCENTCLOUD_SESSIONTOKEN": "first", "PLAIN": "x"})
	if got.StatusCode != 200 || got.Headers["X-Request-Id"] != "req-1" || !strings.Contains(got.Body, `"PLAIN":"x"`) || !strings.Contains(got.Body, `"first"`) {
		t.Errorf("got %+v", got)
	}
	// scf-go-lib has put the first invocation's environment into the process's; it must not come back.
	ask(`{"httpMethod":"GET","path":"/v1"}`, map[string]string{"TENCENTCLOUD_SECRETID": "second"})
	if strings.Contains(got.Body, "first") || strings.Contains(got.Body, "PLAIN") || !strings.Contains(got.Body, "second") {
		t.Errorf("an earlier invocation's environment remains: %s", got.Body)
	}
	ask("", nil)
	if got.StatusCode != 400 || !strings.Contains(got.Body, `"code":"invalid_request"`) {
		t.Errorf("got %+v", got)
	}
	if !strings.Contains(f.Stdout(), "echo begins") || !strings.Contains(f.Stderr(), "echo answers /v1") {
		t.Errorf("output %q, %q", f.Stdout(), f.Stderr())
	}
}

func TestTimerFunction(t *testing.T) {
	f := scftest.Start(t, scftest.Build(t, echo), map[string]string{"ECHO": "timer"})
	for name, c := range map[string]scftest.Call{
		"a deadline":  {Payload: []byte(`{"TriggerName":"t"}`), RequestID: "r", Deadline: soon()},
		"no deadline": {Payload: []byte(`{"TriggerName":"t"}`), RequestID: "r"},
		"a limit":     {Payload: []byte(`{"TriggerName":"t"}`), RequestID: "r", TimeLimit: 3 * time.Second},
	} {
		out, err := f.Do(c)
		if err != nil || !strings.Contains(string(out), `"deadline":true`) || !strings.Contains(string(out), `"trigger":"t"`) || !strings.Contains(string(out), `"id":"r"`) {
			t.Errorf("%s: got %s, %v", name, out, err)
		}
	}
	for message, want := range map[string]string{"fail": "told to fail", "panic": "panic: string"} {
		_, err := f.Invoke([]byte(`{"Message":"`+message+`"}`), nil, soon(), "r")
		var fe *scftest.FunctionError
		if !errors.As(err, &fe) || fe.Message != want {
			t.Errorf("%s gave %v", message, err)
		}
	}
	if err := f.Ping(); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestKill(t *testing.T) {
	binary := scftest.Build(t, echo)
	f := scftest.Start(t, binary, nil)
	if err := f.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := f.Invoke([]byte(`{"path":"/x"}`), nil, soon(), "r")
		answered <- err
	}()
	f.Kill()
	f.Kill()
	var fe *scftest.FunctionError
	if err := <-answered; err == nil || errors.As(err, &fe) {
		t.Errorf("a killed function answered with %v", err)
	}
	g := scftest.Start(t, binary, nil)
	g.Stop()
	if err := g.Ping(); err == nil {
		t.Error("a stopped function answers")
	}
}

// Package coldstart measures the built functions as the platform runs them: from the start of the
// process to its first answer, what an idle tick costs, how much memory stays resident, each beside a
// function that does nothing, in the same run.
//
// It measures; what must hold whatever the machine is tested elsewhere.
package coldstart

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
)

// instance is a running function. Package scftest has a more comfortable one; this one looks without
// pauses, because what it looks for is over in milliseconds.
type instance struct {
	cmd    *exec.Cmd
	client *rpc.Client
	begun  time.Time
	listen time.Duration // from exec to the accepted connection
}

// launch starts binary with nothing but a port in its environment.
func launch(binary string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	i := &instance{cmd: exec.Command(binary)}
	i.cmd.Env = []string{"_LAMBDA_SERVER_PORT=" + strconv.Itoa(addr.Port)}
	i.cmd.Stderr = os.Stderr
	i.begun = time.Now()
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(i.begun) < 20*time.Second {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		i.listen = time.Since(i.begun)
		i.client = rpc.NewClient(conn)
		return i, nil
	}
	i.stop()
	return nil, errors.New("it does not listen")
}

// invoke calls the function once; the settings come with the call, as on the platform.
func (i *instance) invoke(event string, env map[string]string) ([]byte, error) {
	b, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(30 * time.Second)
	req := &messages.InvokeRequest{
		Payload: []byte(event), RequestId: "cold", Environment: string(b), MemoryLimitInMb: 128,
		Deadline: messages.InvokeRequest_Timestamp{Seconds: deadline.Unix(), Nanos: int64(deadline.Nanosecond())},
	}
	var resp messages.InvokeResponse
	if err := i.client.Call("Function.Invoke", req, &resp); err != nil {
		return nil, err
	}
	if resp.Error != nil {
		return nil, fmt.Errorf("%s: %s", resp.Error.Type, resp.Error.Message)
	}
	return resp.Payload, nil
}

func (i *instance) stop() {
	if i.client != nil {
		_ = i.client.Close()
	}
	_ = i.cmd.Process.Kill()
	_ = i.cmd.Wait()
}

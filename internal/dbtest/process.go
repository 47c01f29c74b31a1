package dbtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// home is a folder that the servers' user owns.
type home struct {
	dir  string
	attr *syscall.SysProcAttr
}

// newHome makes a folder under the temporary one, not under the test's own: that one may be closed to
// other users, and a socket's path must be short. Database servers refuse to run as root, so root lends
// them somebody else.
func newHome(t testing.TB) home {
	t.Helper()
	dir, err := os.MkdirTemp("", "migwatch-db-")
	if err != nil {
		t.Fatal(err)
	}
	h := home{dir: dir, attr: &syscall.SysProcAttr{Setpgid: true}}
	if os.Geteuid() != 0 {
		return h
	}
	for _, name := range []string{"nobody", "postgres", "mysql"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		h.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return h
	}
	os.RemoveAll(dir)
	Absent(t, "database servers do not run as root, and there is no user nobody, postgres or mysql")
	return h
}

// run runs a program to its end.
func (h home) run(t testing.TB, program string, args ...string) {
	t.Helper()
	cmd := h.command(program, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(h.dir)
		t.Fatalf("%s: %v\n%s", filepath.Base(program), err, out)
	}
}

func (h home) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = h.dir
	cmd.SysProcAttr = h.attr
	// A locale of the machine's, or a defaults file of the user's, would change what is tested.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + h.dir, "LC_ALL=C", "TMPDIR=" + h.dir, "TZ=Asia/Shanghai"}
	return cmd
}

// process is a running server.
type process struct {
	home home
	pid  int
	in   io.Closer
	log  string
	gone chan struct{}
	once sync.Once
}

// supervise is the shell that a server runs under. Its standard input is a pipe from the test process:
// when that is gone, even by SIGKILL, read returns and the server is ended and its folder removed. So
// nothing depends on which thread started it, as it would with a death signal.
// SIGQUIT and SIGKILL, the first argument, are the end without any farewell: PostgreSQL's processes are
// many, and left alone they would hold on to their memory for a while.
const supervise = `die=$1; dir=$2; shift 2
"$@" >>"$dir/log" 2>&1 </dev/null &
server=$!
echo $server
read -r word
case $word in
stop) kill -TERM $server; wait $server ;;
kill) kill -$die $server; wait $server ;;
*) kill -$die $server; wait $server; cd /; rm -rf "$dir" ;;
esac`

// start runs a server until the test process is gone or stop is called.
func (h home) start(t testing.TB, die, program string, args ...string) *process {
	t.Helper()
	cmd := h.command("/bin/sh", append([]string{"-c", supervise, "sh", die, h.dir, program}, args...)...)
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
	p := &process{home: h, in: in, log: filepath.Join(h.dir, "log"), gone: make(chan struct{})}
	if _, err := fmt.Fscan(out, &p.pid); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is for the log
		close(p.gone)
	}()
	return p
}

// end tells the shell how the server shall end and waits for it: "stop", "kill" or "remove".
func (p *process) end(how string) {
	p.once.Do(func() {
		_, _ = io.WriteString(p.in.(io.Writer), how+"\n")
		_ = p.in.Close()
	})
	select {
	case <-p.gone:
	case <-time.After(30 * time.Second):
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
		<-p.gone
	}
}

// ready waits until try succeeds. A server that ended meanwhile is an error with its log.
func (p *process) ready(try func() error) error {
	var err error
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
		if !p.alive() {
			err = errors.New("the server ended")
			break
		}
	}
	return fmt.Errorf("%w\n%s", err, p.tail())
}

// alive tells a running server from one that has ended and that its shell has not asked about yet.
func (p *process) alive() bool {
	if syscall.Kill(p.pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// tail is the end of the server's log.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The account that tests use. Its password needs escaping wherever one can be forgotten.
const (
	User     = "migwatch"
	Password = `p@ss/w:rd?#%&+'"\ ü`
)

// Server is one database server of a test process.
type Server struct {
	Engine string // "postgres" or "mysql"
	Port   int
	Socket string // PostgreSQL: the folder the socket is in; MySQL: its path
	CA     string // the PEM file of the authority that certified the server
	home   home
	launch func(t testing.TB) *process
	more   func() string // one more argument, anew at each start; nil: none
	admin  *sql.DB       // as the server's owner, over the socket

	mu   sync.Mutex
	proc *process
}

// URL is how User reaches database over TCP.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: s.Engine, User: url.UserPassword(User, Password), Host: fmt.Sprintf("127.0.0.1:%d", s.Port), Path: "/" + database}
	if s.Engine == "postgres" {
		u.RawQuery = "sslmode=disable"
	}
	return u.String()
}

// SocketURL is how User reaches database over the unix socket.
func (s *Server) SocketURL(database string) string {
	u := url.URL{Scheme: s.Engine, User: url.UserPassword(User, Password), Path: "/" + database}
	if s.Engine == "postgres" {
		u.RawQuery = url.Values{"host": {s.Socket}, "port": {fmt.Sprint(s.Port)}}.Encode()
	} else {
		u.RawQuery = url.Values{"socket": {s.Socket}}.Encode()
	}
	return u.String()
}

var databases atomic.Int64

// Database makes an empty database that is dropped at the test's end, and gives its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d_%d", os.Getpid(), databases.Add(1))
	s.Admin(t, "CREATE DATABASE "+name+map[string]string{"postgres": " OWNER " + User}[s.Engine])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		// Best effort: the server may be one that the test has ended.
		_, _ = s.admin.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+map[string]string{"postgres": " WITH (FORCE)"}[s.Engine])
	})
	return name
}

// Admin runs statements as the server's owner.
func (s *Server) Admin(t testing.TB, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, statement := range statements {
		if _, err := s.admin.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// EndConnections ends every connection of User to a database.
func (s *Server) EndConnections(t testing.TB, database string) {
	t.Helper()
	list := "SELECT 'SELECT pg_terminate_backend(' || pid || ')' FROM pg_stat_activity WHERE datname = '" + database + "'"
	if s.Engine == "mysql" {
		list = "SELECT CONCAT('KILL CONNECTION ', id) FROM information_schema.processlist WHERE db = '" + database + "'"
	}
	rows, err := s.admin.Query(list)
	if err != nil {
		t.Fatal(err)
	}
	var kills []string
	for rows.Next() {
		var kill string
		if err := rows.Scan(&kill); err != nil {
			t.Fatal(err)
		}
		kills = append(kills, kill)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	s.Admin(t, kills...)
}

// Kill ends the server at once, as the loss of power would.
func (s *Server) Kill() { s.end("kill") }

// Stop ends the server in its own time.
func (s *Server) Stop() { s.end("stop") }

func (s *Server) end(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		s.proc.end(how)
		s.proc = nil
	}
}

// Freeze stops the server's process where it stands; Thaw lets it go on. Only the one process: clients
// of PostgreSQL talk to others, so freeze is of use with the MySQL family.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		_ = syscall.Kill(s.proc.pid, sig)
	}
}

// Start runs the server (again) and returns when it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return
	}
	p := s.launch(t)
	err := p.ready(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return s.admin.PingContext(ctx)
	})
	if err != nil {
		p.end("kill")
		t.Fatalf("%s did not start: %v", s.Engine, err)
	}
	s.proc = p
}

// remove ends the server and takes its folder away.
func (s *Server) remove() {
	s.end("remove")
	_ = s.admin.Close()
	_ = os.RemoveAll(s.home.dir)
}

// shared is a server that all tests of a process use.
type shared struct {
	once   sync.Once
	server *Server
}

// use starts the server for the first test. It lives until the process is gone: the shell it runs
// under sees to its end.
func (s *shared) use(t testing.TB, start func(testing.TB) *Server) *Server {
	t.Helper()
	s.once.Do(func() { s.server = start(t) })
	if s.server == nil {
		Absent(t, "the server did not start for the first test that needed it")
	}
	return s.server
}

var sharedPostgres, sharedMySQL shared

// Postgres is the PostgreSQL server of this test process.
func Postgres(t testing.TB) *Server { t.Helper(); return sharedPostgres.use(t, startPostgres) }

// MySQL is the MariaDB or MySQL server of this test process.
func MySQL(t testing.TB) *Server {
	t.Helper()
	return sharedMySQL.use(t, func(t testing.TB) *Server { t.Helper(); return startMySQL(t) })
}

// NewPostgres is a PostgreSQL server of the test's own, which it may kill.
func NewPostgres(t testing.TB) *Server { t.Helper(); return owned(t, startPostgres(t)) }

// NewMySQL is a MariaDB or MySQL server of the test's own, which it may kill.
func NewMySQL(t testing.TB) *Server { t.Helper(); return NewMySQLWith(t) }

// NewMySQLWith is NewMySQL with more arguments of the server.
func NewMySQLWith(t testing.TB, args ...string) *Server {
	t.Helper()
	return owned(t, startMySQL(t, args...))
}

func owned(t testing.TB, s *Server) *Server {
	t.Cleanup(s.remove)
	return s
}

package dbtest

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// mysqlPlaces are where servers lie that are not on a user's PATH.
var mysqlPlaces = []string{"/usr/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/opt/m*/bin"}

func startMySQL(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newMySQL(t, args...)
	s.Start(t)
	s.account(t)
	return s
}

// newMySQL prepares a server and its data, and starts nothing. args go to it.
func newMySQL(t testing.TB, args ...string) *Server {
	t.Helper()
	server := find("mariadbd", mysqlPlaces...)
	if server == "" {
		server = find("mysqld", mysqlPlaces...)
	}
	if server == "" {
		Absent(t, "neither mariadbd nor mysqld is installed (Debian: apt-get install mariadb-server)")
	}
	h := newHome(t)
	data := filepath.Join(h.dir, "data")
	if install := find("mariadb-install-db", mysqlPlaces...); install != "" {
		h.run(t, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	} else {
		h.run(t, server, "--no-defaults", "--initialize-insecure", "--datadir="+data)
	}
	ca, cert, key := h.certify(t)
	s := &Server{Engine: "mysql", Port: freePorts(t, 1)[0], Socket: filepath.Join(h.dir, "s"), CA: ca, home: h}
	// The zone's name is for the clients' sake: theirs must not depend on the server's.
	args = append([]string{"--no-defaults", "--datadir=" + data, "--socket=" + s.Socket, fmt.Sprintf("--port=%d", s.Port), "--bind-address=127.0.0.1",
		"--ssl-cert=" + cert, "--ssl-key=" + key, "--skip-name-resolve", "--max-connections=300", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M",
		"--innodb-flush-log-at-trx-commit=1", "--pid-file=" + filepath.Join(h.dir, "pid")}, args...)
	s.launch = func(t testing.TB) *process {
		if s.more == nil {
			return h.start(t, "KILL", server, args...)
		}
		return h.start(t, "KILL", server, append(args[:len(args):len(args)], s.more())...)
	}
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", s.Socket
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = sql.OpenDB(connector)
	s.admin.SetMaxOpenConns(1)
	return s
}

func (s *Server) account(t testing.TB) {
	t.Helper()
	word := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(Password)
	s.Admin(t, "CREATE USER '"+User+"'@'%' IDENTIFIED BY '"+word+"'", "GRANT ALL ON *.* TO '"+User+"'@'%'")
}

package dbtest

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

func startPostgres(t testing.TB) *Server {
	t.Helper()
	places := []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"}
	initdb := find("initdb", places...)
	if initdb == "" {
		Absent(t, "PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
	}
	server := filepath.Join(filepath.Dir(initdb), "postgres")
	h := newHome(t)
	data := filepath.Join(h.dir, "data")
	h.run(t, initdb, "-D", data, "-U", "owner", "--auth-host=scram-sha-256", "--auth-local=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
	ca, cert, key := h.certify(t)
	s := &Server{Engine: "postgres", Port: freePorts(t, 1)[0], Socket: h.dir, CA: ca, home: h}
	s.launch = func(t testing.TB) *process {
		return h.start(t, "QUIT", server, "-D", data, "-p", fmt.Sprint(s.Port), "-k", h.dir, "-c", "listen_addresses=127.0.0.1",
			"-c", "ssl=on", "-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key,
			"-c", "max_connections=300", "-c", "shared_buffers=256MB", "-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "max_wal_size=2GB")
	}
	var err error
	if s.admin, err = sql.Open("pgx", fmt.Sprintf("host=%s port=%d user=owner dbname=postgres", h.dir, s.Port)); err != nil {
		t.Fatal(err)
	}
	s.admin.SetMaxOpenConns(1)
	s.Start(t)
	s.Admin(t, "CREATE ROLE "+User+" LOGIN PASSWORD '"+strings.ReplaceAll(Password, "'", "''")+"'")
	return s
}

package chaos

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"migwatch/internal/dbtest"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// database is one real database, of one server or several, migrated and with triggers that keep a
// record of their own of every claim, release and write.
type database struct {
	engine  string           // "sqlite", "postgres" or "mysql"
	urls    []string         // of each server, for the functions
	servers []*dbtest.Server // none: a file
	file    string
	raw     []*sql.DB // of each server; not through the store
}

// engines are what the tests run on, in the order of their price.
var engines = []struct {
	name string
	open func(t testing.TB) *database
}{
	{"sqlite", openSQLite}, {"postgres", openPostgres}, {"mariadb", openMySQL},
}

func openSQLite(t testing.TB) *database {
	file := filepath.Join(t.TempDir(), "migwatch.db")
	d := &database{engine: "sqlite", urls: []string{"sqlite:" + file}, file: file}
	return d.prepare(t)
}

func openPostgres(t testing.TB) *database { return onServers(t, dbtest.NewPostgres(t)) }

func openMySQL(t testing.TB) *database { return onServers(t, dbtest.NewMySQL(t)) }

// openGalera is three nodes; each function talks to one of them.
func openGalera(t testing.TB) *database { return onServers(t, dbtest.NewGalera(t, 3).Nodes...) }

func onServers(t testing.TB, servers ...*dbtest.Server) *database {
	const name = "chaos"
	owner := map[string]string{"postgres": " OWNER " + dbtest.User}[servers[0].Engine]
	servers[0].Admin(t, "CREATE DATABASE "+name+owner)
	d := &database{engine: servers[0].Engine, servers: servers}
	for _, s := range servers {
		d.urls = append(d.urls, s.URL(name))
	}
	return d.prepare(t)
}

// prepare migrates, connects and sets the triggers.
func (d *database) prepare(t testing.TB) *database {
	t.Helper()
	s := d.store(t, 0)
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range d.urls {
		pool := d.connect(t, i)
		t.Cleanup(func() { pool.Close() })
		d.raw = append(d.raw, pool)
	}
	for _, statement := range auditStatements[d.engine] {
		d.exec(t, statement)
	}
	return d
}

// store opens the i-th server's database as the functions do.
func (d *database) store(t testing.TB, i int) *store.Store {
	t.Helper()
	s, err := store.Open(secret.New(d.urls[i]), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (d *database) connect(t testing.TB, i int) *sql.DB {
	t.Helper()
	var pool *sql.DB
	var err error
	switch d.engine {
	case "sqlite":
		pool, err = sql.Open("sqlite", "file:"+(&url.URL{Path: d.file}).EscapedPath()+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	case "postgres":
		pool, err = sql.Open("pgx", d.urls[i])
	default:
		c := mysql.NewConfig()
		c.User, c.Passwd, c.DBName = dbtest.User, dbtest.Password, "chaos"
		c.Net, c.Addr = "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(d.servers[i].Port))
		c.InterpolateParams, c.Logger = true, &mysql.NopLogger{}
		connector, wrong := mysql.NewConnector(c)
		if err = wrong; err == nil {
			pool = sql.OpenDB(connector)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	return pool
}

// exec runs a statement on the first server.
func (d *database) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := d.raw[0].ExecContext(ctx, statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// try runs a statement on any server that takes it: now and then none does.
func (d *database) try(statement string) error {
	if d.engine == "postgres" {
		statement = strings.ReplaceAll(statement, "{now}", "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
	}
	statement = strings.ReplaceAll(statement, "{now}", fmt.Sprint(time.Now().UnixMilli()))
	var err error
	for _, pool := range d.raw {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		_, err = pool.ExecContext(ctx, statement)
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// auditStatements make a table that says who claimed, released and wrote which epoch of which job, and
// when, by the database's own clock. It is written in the transactions it tells of, so it is exactly as
// true as they are; and it is nothing that the code under test knows.
var auditStatements = map[string][]string{
	"sqlite": {
		`CREATE TABLE audit (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, job INTEGER NOT NULL, epoch INTEGER NOT NULL, held INTEGER NOT NULL, what TEXT NOT NULL, seq INTEGER NOT NULL, until INTEGER NOT NULL)`,
		sqliteTrigger("claim", "UPDATE", "NEW.epoch <> OLD.epoch", "NEW.epoch"),
		sqliteTrigger("claim", "INSERT", "NEW.epoch > 0", "NEW.epoch"), // a job that a list names is claimed as it comes
		sqliteTrigger("record", "UPDATE", wrote("IS NOT")+" AND NEW.failures = 0", "NEW.recorded_epoch"),
		sqliteTrigger("failed", "UPDATE", wrote("IS NOT")+" AND NEW.failures > 0", "NEW.recorded_epoch"),
		sqliteTrigger("release", "UPDATE", freed, "NEW.epoch"),
	},
	"postgres": {
		`CREATE TABLE audit (n BIGSERIAL PRIMARY KEY, at BIGINT NOT NULL, job BIGINT NOT NULL, epoch BIGINT NOT NULL, held BIGINT NOT NULL, what TEXT NOT NULL, seq BIGINT NOT NULL, until BIGINT NOT NULL)`,
		`CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit (at, job, epoch, held, what, seq, until) VALUES
			(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000), NEW.id, CASE TG_ARGV[0] WHEN 'record' THEN NEW.recorded_epoch WHEN 'failed' THEN NEW.recorded_epoch ELSE NEW.epoch END, NEW.epoch, TG_ARGV[0], NEW.seq, NEW.lease_until);
			RETURN NULL; END $$`,
		postgresTrigger("claim", "UPDATE", "NEW.epoch <> OLD.epoch"),
		postgresTrigger("claim", "INSERT", "NEW.epoch > 0"),
		postgresTrigger("record", "UPDATE", wrote("IS DISTINCT FROM")+" AND NEW.failures = 0"),
		postgresTrigger("failed", "UPDATE", wrote("IS DISTINCT FROM")+" AND NEW.failures > 0"),
		postgresTrigger("release", "UPDATE", freed),
	},
	"mysql": {
		`CREATE TABLE audit (n BIGINT AUTO_INCREMENT PRIMARY KEY, at BIGINT NOT NULL, job BIGINT NOT NULL, epoch BIGINT NOT NULL, held BIGINT NOT NULL, what VARCHAR(20) NOT NULL, seq BIGINT NOT NULL, until BIGINT NOT NULL)`,
		mysqlTrigger("claim", "UPDATE", "NEW.epoch <> OLD.epoch", "NEW.epoch"),
		mysqlTrigger("claim", "INSERT", "NEW.epoch > 0", "NEW.epoch"),
		mysqlTrigger("record", "UPDATE", mysqlWrote+" AND NEW.failures = 0", "NEW.recorded_epoch"),
		mysqlTrigger("failed", "UPDATE", mysqlWrote+" AND NEW.failures > 0", "NEW.recorded_epoch"),
		mysqlTrigger("release", "UPDATE", freed, "NEW.epoch"),
	},
}

// wrote tells an outcome's write, even one that would repeat an epoch, by what only it changes.
func wrote(differs string) string {
	return "(NEW.recorded_epoch <> OLD.recorded_epoch OR NEW.last_attempt_at " + differs + " OLD.last_attempt_at)"
}

// mysqlWrote is wrote in MySQL's words: it has an operator for "the same, or both NULL" only.
const mysqlWrote = "(NEW.recorded_epoch <> OLD.recorded_epoch OR NOT NEW.last_attempt_at <=> OLD.last_attempt_at)"

const freed = "NEW.claim = '' AND OLD.claim <> '' AND NEW.recorded_epoch = OLD.recorded_epoch"

func sqliteTrigger(what, on, when, epoch string) string {
	return `CREATE TRIGGER audit_` + what + on + ` AFTER ` + on + ` ON jobs WHEN ` + when + ` BEGIN INSERT INTO audit (at, job, epoch, held, what, seq, until) VALUES
		(CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER), NEW.id, ` + epoch + `, NEW.epoch, '` + what + `', NEW.seq, NEW.lease_until); END`
}

func postgresTrigger(what, on, when string) string {
	return `CREATE TRIGGER audit_` + what + on + ` AFTER ` + on + ` ON jobs FOR EACH ROW WHEN (` + when + `) EXECUTE FUNCTION audit('` + what + `')`
}

func mysqlTrigger(what, on, when, epoch string) string {
	return `CREATE TRIGGER audit_` + what + on + ` AFTER ` + on + ` ON jobs FOR EACH ROW BEGIN IF ` + when + ` THEN INSERT INTO audit (at, job, epoch, held, what, seq, until) VALUES
		(CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED), NEW.id, ` + epoch + `, NEW.epoch, '` + what + `', NEW.seq, NEW.lease_until); END IF; END`
}

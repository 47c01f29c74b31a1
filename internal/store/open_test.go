package store_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"migwatch/internal/dbtest"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
	"migwatch/migrations"
)

func opened(t testing.TB, url string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(secret.New(url), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func migrated(t testing.TB, open storetest.Fresh) storetest.Fresh {
	t.Helper()
	if _, err := open(t, store.Options{}).Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return open
}

// readiness opens the database at url and asks whether it is ready. The error, if any, must be one that
// may be shown, and show no password.
func readiness(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := store.Open(secret.New(url), store.Options{})
	if err == nil {
		defer s.Close()
		err = s.Ready(ctx)
	}
	if err == nil {
		return "ready"
	}
	var not *job.NotReadyError
	if !errors.As(err, &not) {
		t.Fatalf("%v is no *job.NotReadyError", err)
	}
	for _, shown := range []string{err.Error(), not.Reason} {
		for _, canary := range []string{"canary", dbtest.Password, dbtest.Password[:8], "127.0.0.1"} {
			if strings.Contains(shown, canary) {
				t.Errorf("%q shows %q", shown, canary)
			}
		}
	}
	return not.Reason
}

// with changes a URL.
func with(t testing.TB, raw string, change func(u *url.URL, query url.Values)) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	change(u, query)
	u.RawQuery = query.Encode()
	return u.String()
}

func param(name, value string) func(*url.URL, url.Values) {
	return func(_ *url.URL, query url.Values) { query.Set(name, value) }
}

func TestServersThatCannotBeUsed(t *testing.T) {
	for _, s := range []*dbtest.Server{dbtest.Postgres(t), dbtest.MySQL(t)} {
		t.Run(s.Engine, func(t *testing.T) {
			name := s.Database(t)
			good := s.URL(name)
			deaf, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			nobody := deaf.Addr().String()
			deaf.Close()
			for _, test := range []struct{ name, url, reason string }{
				{"no schema", good, "run migwatch migrate"},
				{"wrong password", with(t, good, func(u *url.URL, _ url.Values) { u.User = url.UserPassword(dbtest.User, "canary") }), "refuses the user or the password"},
				{"no such user", with(t, good, func(u *url.URL, _ url.Values) { u.User = url.UserPassword("canary", "canary") }), "refuses the user or the password"},
				{"no such database", with(t, good, func(u *url.URL, _ url.Values) { u.Path = "/canary" }), "has no database of that name"},
				{"nobody there", with(t, good, func(u *url.URL, _ url.Values) { u.Host = nobody }), "does not answer"},
				{"no such host", with(t, good, func(u *url.URL, _ url.Values) { u.Host = "canary.invalid" }), "does not answer"},
				{"no database named", strings.Replace(good, "/"+name, "", 1), "names no database"},
				{"unknown parameter", with(t, good, param("unheard_of", "canary")), "unheard_of is not known"},
				{"a half-written escape", strings.Replace(good, "/"+name, "/%zz", 1), "%25 for %"},
				{"another scheme", strings.Replace(good, s.Engine, "oracle", 1), "unknown engine"},
			} {
				t.Run(test.name, func(t *testing.T) {
					if got := readiness(t, test.url); !strings.Contains(got, test.reason) {
						t.Errorf("%q does not say %q", got, test.reason)
					}
				})
			}
		})
	}
}

func TestServersOverSocketsAndTLS(t *testing.T) {
	for _, s := range []*dbtest.Server{dbtest.Postgres(t), dbtest.MySQL(t)} {
		t.Run(s.Engine, func(t *testing.T) {
			name := s.Database(t)
			good := s.URL(name)
			migrated(t, at(good))
			for _, test := range []struct{ engine, name, url, reason string }{
				{"", "tcp", good, "ready"},
				{"", "socket", s.SocketURL(name), "ready"},
				{"postgres", "postgresql://", strings.Replace(good, "postgres", "postgresql", 1), "ready"},
				{"postgres", "TLS, not verified", with(t, good, param("sslmode", "require")), "ready"},
				{"postgres", "TLS, unknown authority", with(t, good, param("sslmode", "verify-full")), "do not agree about TLS"},
				{"postgres", "TLS, verified", with(t, good, func(_ *url.URL, q url.Values) { q.Set("sslmode", "verify-full"); q.Set("sslrootcert", s.CA) }), "ready"},
				{"postgres", "TLS, nonsense", with(t, good, param("sslmode", "canary")), "sslmode must be one of"},
				{"postgres", "TLS, no file", with(t, good, param("sslrootcert", "/nowhere/canary")), "names a file that PostgreSQL's driver cannot use"},
				{"mysql", "TLS, not verified", with(t, good, param("tls", "skip-verify")), "ready"},
				{"mysql", "TLS, unknown authority", with(t, good, param("tls", "true")), "do not agree about TLS"},
				{"mysql", "TLS, verified", with(t, good, param("tls-ca", s.CA)), "ready"},
				{"mysql", "TLS, nonsense", with(t, good, param("tls", "canary")), "tls must be one of"},
				{"mysql", "TLS, no file", with(t, good, param("tls-ca", "/nowhere/canary")), "tls-ca"},
				{"mysql", "a system variable", with(t, good, param("lock_wait_timeout", "7")), "ready"},
			} {
				if test.engine != "" && test.engine != s.Engine {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					if got := readiness(t, test.url); !strings.Contains(got, test.reason) {
						t.Errorf("%q does not say %q", got, test.reason)
					}
				})
			}
		})
	}
}

// TestBehindAPooler uses PostgreSQL as one must when statements cannot be prepared.
func TestBehindAPooler(t *testing.T) {
	s := dbtest.Postgres(t)
	storetest.Use(t, migrated(t, at(with(t, s.URL(s.Database(t)), param("default_query_exec_mode", "exec")))))
}

// TestPostgresWithoutTLS asks for TLS where there is none: a server says so with one letter.
func TestPostgresWithoutTLS(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 8))
			_, _ = c.Write([]byte("N"))
			c.Close()
		}
	}()
	if got := readiness(t, "postgres://u:canary@"+l.Addr().String()+"/d?sslmode=require"); !strings.Contains(got, "do not agree about TLS") {
		t.Errorf("%q", got)
	}
}

func TestSQLiteFilesThatCannotBeUsed(t *testing.T) {
	for _, test := range []struct{ name, url, reason string }{
		{"no folder", "sqlite:" + filepath.Join(t.TempDir(), "canary", "x.db"), "make its folder"},
		{"a folder", "sqlite:" + t.TempDir(), "cannot be used"},
		{"no path", "sqlite:", "names no file"},
		{"memory", "sqlite::memory:", "in memory"},
		{"no schema", "sqlite:" + filepath.Join(t.TempDir(), "x.db"), "run migwatch migrate"},
	} {
		if got := readiness(t, test.url); !strings.Contains(got, test.reason) {
			t.Errorf("%s: %q does not say %q", test.name, got, test.reason)
		}
	}
}

func TestSQLiteFilesAreTheirOwners(t *testing.T) {
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "link.db") // to a file that is not there yet
	if err := os.Symlink(filepath.Join(folder, "linked.db"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(folder, "x.db"), link} {
		s := migrated(t, at("sqlite:"+path))(t, store.Options{})
		if _, err := s.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 6 {
		t.Errorf("%v, %v: no databases with their logs beside them", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestSchemaVersions(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := migrated(t, e.database(t))(t, store.Options{})
			known := migrations.Version(e.name)
			for _, test := range []struct {
				version, usableFrom int64
				reason              string
			}{
				{known - 1, 2, "run migwatch migrate"},
				{known, 2, ""},
				{known + 1, 2, ""},
				{known + 7, known, ""},
				{known + 7, known + 1, "deploy a newer build"},
			} {
				if err := s.SetSchemaVersion(test.version, test.usableFrom); err != nil {
					t.Fatal(err)
				}
				err := s.Ready(context.Background())
				var not *job.NotReadyError
				if errors.As(err, &not) != (test.reason != "") || err != nil && !strings.Contains(not.Reason, test.reason) {
					t.Errorf("version %d, usable from %d: %v", test.version, test.usableFrom, err)
				}
			}
		})
	}
}

// TestAUserWithoutDDL does all that functions do with the grants that docs/operations.md lists.
func TestAUserWithoutDDL(t *testing.T) {
	for _, s := range []*dbtest.Server{dbtest.Postgres(t), dbtest.MySQL(t)} {
		t.Run(s.Engine, func(t *testing.T) {
			name := s.Database(t)
			migrated(t, at(s.URL(name)))
			user := "f_" + name
			if s.Engine == "mysql" {
				s.Admin(t, "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'pw'", "GRANT SELECT, INSERT, UPDATE, DELETE ON "+name+".* TO '"+user+"'@'%'")
			} else {
				owner := opened(t, s.URL(name), store.Options{})
				s.Admin(t, "CREATE ROLE "+user+" LOGIN PASSWORD 'pw'")
				for _, grant := range []string{"GRANT USAGE ON SCHEMA public TO " + user, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + user} {
					if err := owner.Admin(grant); err != nil {
						t.Fatal(err)
					}
				}
			}
			open := at(with(t, s.URL(name), func(u *url.URL, _ url.Values) { u.User = url.UserPassword(user, "pw") }))
			storetest.Use(t, open)
			if _, err := open(t, store.Options{}).Migrate(context.Background()); err != nil {
				t.Errorf("a migrated schema asks for no DDL: %v", err)
			}
		})
	}
}

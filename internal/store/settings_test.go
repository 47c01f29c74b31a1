package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"migwatch/internal/dbtest"
	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// limitedUser makes a user like a function's owner: with all rights on one database and none on the
// server. init_connect is not run for those who have more.
func limitedUser(t *testing.T, s *dbtest.Server, database string) string {
	t.Helper()
	user := "u_" + database
	s.Admin(t, "CREATE USER '"+user+"'@'%' IDENTIFIED BY 'pw'", "GRANT ALL ON "+database+".* TO '"+user+"'@'%'")
	return with(t, s.URL(database), func(u *url.URL, _ url.Values) { u.User = url.UserPassword(user, "pw") })
}

// TestMySQLServerSettings works on servers whose own settings are not what the store needs: nothing of
// them may change what statements mean, what is kept and what comes back.
func TestMySQLServerSettings(t *testing.T) {
	for name, server := range map[string]struct {
		args     []string
		settings map[string]string
	}{
		"as it is": {nil, map[string]string{
			"init_connect, another character set": `SET GLOBAL init_connect = 'SET NAMES gbk'`,
			"init_connect, sjis":                  `SET GLOBAL init_connect = 'SET NAMES sjis'`,
			"init_connect, latin1 on the way in":  `SET GLOBAL init_connect = 'SET character_set_client = latin1'`,
			"init_connect, modes":                 `SET GLOBAL init_connect = "SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES', autocommit = 0"`,
			"autocommit":                          `SET GLOBAL autocommit = 0`,
			"completion_type, chain":              `SET GLOBAL completion_type = 1`,
			"completion_type, release":            `SET GLOBAL completion_type = 2`,
			"ANSI_QUOTES":                         `SET GLOBAL sql_mode = 'ANSI_QUOTES'`,
			"NO_BACKSLASH_ESCAPES":                `SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'`,
			"Oracle's mode":                       `SET GLOBAL sql_mode = 'ORACLE'`,
			"no mode":                             `SET GLOBAL sql_mode = ''`,
			"time zone":                           `SET GLOBAL time_zone = '-11:30'`,
			"isolation":                           `SET GLOBAL tx_isolation = 'SERIALIZABLE'`,
			"weaker isolation":                    `SET GLOBAL tx_isolation = 'READ-UNCOMMITTED'`,
			"read-only transactions":              `SET GLOBAL tx_read_only = 1`,
			"a limit of rows":                     `SET GLOBAL sql_select_limit = 1`,
			"safe updates":                        `SET GLOBAL sql_safe_updates = 1`,
		}},
		"started otherwise": {
			[]string{"--skip-character-set-client-handshake", "--character-set-server=gbk", "--collation-server=gbk_chinese_ci", "--lower-case-table-names=1",
				"--default-time-zone=+08:00", "--sql-mode=ANSI", "--autocommit=0", "--init-connect=SET NAMES gbk"},
			map[string]string{"all at once": `SET GLOBAL slow_query_log = 0`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := dbtest.NewMySQLWith(t, server.args...)
			for name, setting := range server.settings {
				t.Run(name, func(t *testing.T) {
					variable := strings.Fields(setting)[2]
					s.Admin(t, setting)
					database := s.Database(t)
					storetest.Texts(t, migrated(t, at(limitedUser(t, s, database))))
					s.Admin(t, "SET GLOBAL "+variable+" = DEFAULT")
				})
			}
		})
	}
}

// TestPostgresSettings does the same where the role's or the database's own settings are others.
func TestPostgresSettings(t *testing.T) {
	s := dbtest.Postgres(t)
	for _, setting := range []string{
		"client_encoding = 'GBK'", "client_encoding = 'SQL_ASCII'", "standard_conforming_strings = off", "TimeZone = 'Asia/Shanghai'",
		"default_transaction_isolation = 'serializable'", "backslash_quote = on", "DateStyle = 'SQL, DMY'",
	} {
		for _, of := range []string{"ROLE", "DATABASE"} {
			t.Run(of+" "+setting, func(t *testing.T) {
				name := s.Database(t)
				role := "u_" + name
				s.Admin(t, "CREATE ROLE "+role+" LOGIN SUPERUSER PASSWORD 'pw'", "ALTER "+of+" "+map[string]string{"ROLE": role, "DATABASE": name}[of]+" SET "+setting)
				storetest.Texts(t, migrated(t, at(with(t, s.URL(name), func(u *url.URL, q url.Values) {
					u.User = url.UserPassword(role, "pw")
					q.Set("default_query_exec_mode", map[string]string{"ROLE": "exec", "DATABASE": "cache_statement"}[of])
				}))))
			})
		}
	}
	t.Run("read-only", func(t *testing.T) {
		name := s.Database(t)
		open := migrated(t, at(s.URL(name)))
		s.Admin(t, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
		_, _, err := open(t, store.Options{}).Watch(t.Context(), job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}, job.Change{})
		if err == nil || !strings.Contains(err.Error(), "default_transaction_read_only") {
			t.Errorf("%v does not name the setting", err)
		}
	})
}

// TestPostgresEncodings refuses what cannot keep every text.
func TestPostgresEncodings(t *testing.T) {
	s := dbtest.Postgres(t)
	for encoding, refused := range map[string]bool{"LATIN1": true, "EUC_CN": true, "SQL_ASCII": false, "UTF8": false} {
		name := fmt.Sprintf("%s_%s", s.Database(t), strings.ToLower(encoding))
		s.Admin(t, "CREATE DATABASE "+name+" OWNER "+dbtest.User+" ENCODING '"+encoding+"' TEMPLATE template0 LOCALE 'C'")
		t.Cleanup(func() { s.Admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
		if !refused {
			storetest.Texts(t, migrated(t, at(s.URL(name))))
		} else if got := readiness(t, s.URL(name)); !strings.Contains(got, "encoding "+encoding) || !strings.Contains(got, "ENCODING 'UTF8'") {
			t.Errorf("%s: %q", encoding, got)
		}
	}
}

// TestSessionsAreVerified puts something between the store and its server that changes what the store
// sets: a proxy of one's own might. The store notices and does nothing on such a connection.
func TestSessionsAreVerified(t *testing.T) {
	for _, test := range []struct{ engine, from, to, names string }{
		{"mysql", "", "", "run migwatch migrate"},
		{"mysql", "autocommit = 1", "autocommit = 0", `autocommit = "0"`},
		{"mysql", "character_set_client = 'utf8mb4'", "character_set_client = 'latin1'", `character_set_client = "latin1"`},
		{"mysql", "'utf8mb4_bin'", "'utf8_bin'", `character_set_connection = "utf8`},
		{"mysql", "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'", "ANSI_QUOTES'", `sql_mode = "ANSI_QUOTES"`},
		{"mysql", "isolation = 'READ-COMMITTED'", "isolation = 'SERIALIZABLE'", `isolation = "SERIALIZABLE"`},
		{"mysql", "read_only = 0", "read_only = 1", `read_only = "1"`},
		{"mysql", "'+00:00'", "'+08:00'", `time_zone = "+08:00"`},
		{"mysql", "'NO_CHAIN'", "'RELEASE'", `completion_type = "RELEASE"`},
		{"postgres", "", "", "run migwatch migrate"},
		{"postgres", "client_encoding = 'UTF8'", "client_encoding = 'GBK'", `client_encoding = "GBK"`},
		{"postgres", "standard_conforming_strings = 'on'", "standard_conforming_strings = 'no'", `standard_conforming_strings = "off"`},
		{"postgres", "TimeZone = 'UTC'", "TimeZone = 'PRC'", `TimeZone = "PRC"`},
		{"postgres", "= 'read committed'", "='repeatable read'", `default_transaction_isolation = "repeatable read"`},
		{"postgres", "'ISO, MDY'", "'SQL, DMY'", `DateStyle = "SQL, DMY"`},
	} {
		t.Run(test.engine+" "+test.from, func(t *testing.T) {
			s := dbtest.MySQL(t)
			if test.engine == "postgres" {
				s = dbtest.Postgres(t)
			}
			through := forge(t, fmt.Sprintf("127.0.0.1:%d", s.Port), regexp.MustCompile(regexp.QuoteMeta(test.from)), test.to)
			url := with(t, s.URL(s.Database(t)), func(u *url.URL, _ url.Values) { u.Host = through })
			if got := readiness(t, url); !strings.Contains(got, test.names) {
				t.Errorf("%q does not say %q", got, test.names)
			}
			if _, err := opened(t, url, store.Options{}).Migrate(context.Background()); test.from != "" && err == nil {
				t.Error("migrates on such a connection")
			}
		})
	}
}

func TestSQLiteSessionsAreVerified(t *testing.T) {
	s := migrated(t, engines[0].database(t))(t, store.Options{MaxConns: 3})
	for _, pool := range []*sql.DB{s.Pool(), s.ReadPool()} {
		var held []*sql.Conn
		for range pool.Stats().MaxOpenConnections { // each of them, not the one that was checked first
			c, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
			var journal string
			var busy, synchronous int
			err = c.QueryRowContext(t.Context(), `SELECT j.journal_mode, b.timeout, s.synchronous FROM pragma_journal_mode j, pragma_busy_timeout b, pragma_synchronous s`).Scan(&journal, &busy, &synchronous)
			if err != nil || journal != "wal" || busy != 5000 || synchronous != 2 {
				t.Errorf("%s, %d, %d, %v", journal, busy, synchronous, err)
			}
		}
		for _, c := range held {
			c.Close()
		}
	}
}

// TestPoolerRemedy has a transaction pooler's effect: prepared statements of several clients meet on one
// connection to the server, or are on another.
func TestPoolerRemedy(t *testing.T) {
	s := dbtest.Postgres(t)
	name := s.Database(t)
	migrated(t, at(s.URL(name)))
	for what, meets := range map[string]struct{ from, to string }{
		"42P05": {`stmtcache_[0-9a-f]{48}`, strings.Repeat("x", 58)},
		"26000": {`\x00stmtcache_[0-9a-f]{48}`, "\x00" + strings.Repeat("x", 58)},
	} {
		t.Run(what, func(t *testing.T) {
			through := forge(t, fmt.Sprintf("127.0.0.1:%d", s.Port), regexp.MustCompile(meets.from), meets.to)
			behind := func(change func(*url.URL, url.Values)) string {
				return with(t, s.URL(name), func(u *url.URL, q url.Values) { u.Host = through; change(u, q) })
			}
			_, _, err := opened(t, behind(func(*url.URL, url.Values) {}), store.Options{}).Watch(t.Context(), job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}, job.Change{})
			var not *job.NotReadyError
			if !errors.As(err, &not) || !strings.Contains(not.Reason, "default_query_exec_mode=exec") {
				t.Errorf("%v does not name the remedy", err)
			}
			if got := readiness(t, behind(param("default_query_exec_mode", "exec"))); got != "ready" {
				t.Errorf("with the remedy: %s", got)
			}
		})
	}
}

// forge is a proxy to target that writes one text over what matches in all that comes from the client, and
// blanks over what is left of it.
func forge(t *testing.T, target string, from *regexp.Regexp, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(client, server)
				client.Close()
			}()
			go func() {
				defer server.Close()
				for buffer := make([]byte, 64<<10); ; {
					n, err := client.Read(buffer)
					if err != nil {
						return
					}
					_, _ = server.Write(from.ReplaceAllFunc(buffer[:n], func(match []byte) []byte { return fmt.Appendf(nil, "%-*s", len(match), to) }))
				}
			}()
		}
	}()
	return l.Addr().String()
}

package dburl_test

import (
	"fmt"
	"strings"
	"testing"

	"migwatch/internal/dburl"
	"migwatch/internal/secret"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"sqlite:/mnt/data/m.db": "sqlite:/mnt/data/m.db|||",
		"sqlite:///mnt/m.db":    "sqlite:/mnt/m.db|||",
		"sqlite:../data/m.db":   "sqlite:../data/m.db|||",
		"mysql://u:a%23b%2Fc%40d%3Ae%25@h:3306/db?tls=skip-verify":        "mysql h:3306/db|u|a#b/c@d:e%|tls=skip-verify",
		"mysql://u:p@/db?socket=/run/mysqld/mysqld.sock&tls=false":        "mysql /run/mysqld/mysqld.sock db|u|p|tls=false",
		"mysql://u:p@localhost/db?socket=/run/s":                          "mysql /run/s db|u|p|",
		"MariaDB://h/db":                                                  "mysql h/db|||",
		"postgres://u@[::1]:5432/db?sslmode=verify-full":                  "postgres [::1]:5432/db|u||sslmode=verify-full",
		"postgres://u@[fe80::1]/db":                                       "postgres [fe80::1]/db|u||",
		"postgresql://u:p@/db?host=/run/postgresql&port=5433":             "postgres /run/postgresql db|u|p|port=5433",
		"postgres://u:p@a:5432,b/db?target_session_attrs=read-write":      "postgres a:5432,b/db|u|p|target_session_attrs=read-write",
		"postgres://u:p@h/db?options=--cluster%3Dnice-one-1":              "postgres h/db|u|p|options=--cluster%3Dnice-one-1",
		"mysql://u:%E5%AF%86%E7%A0%81@h/数据":                               "mysql h/数据|u|密码|",
		"mysql://u:a@b:c@h/db":                                            "mysql h/db|u|a@b:c|",
		"mysql://u:p@my_db-1.internal/d?wsrep_sync_wait=7&timeout=1500ms": "mysql my_db-1.internal/d|u|p|timeout=1500ms&wsrep_sync_wait=7",
	} {
		d, err := dburl.Parse(secret.New(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := d.Describe() + "|" + d.User + "|" + d.Password.Reveal() + "|" + d.Params.Encode(); got != want || d.URL.Reveal() != in {
			t.Errorf("%s: got %s, not %s", in, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const taken = "is set by migwatch on every connection"
	for in, want := range map[string]string{
		"canary":                            "names no engine",
		"oracle://u:canary@h/db":            "unknown engine",
		"mysql:h/canary":                    "lacks //",
		"sqlite:":                           "names no file",
		"sqlite::memory:":                   "is SQLite in memory",
		"sqlite:a.db?_pragma=canary":        "plain path",
		"mysql://u:canary@h:3306":           "names no database",
		"mysql://u:canary@h:3306/":          "names no database",
		"postgres:///db":                    "unix socket as ?host=/path",
		"mysql://u:canary@h/a/b":            "more than one name",
		"mysql://u:canary@h/a/":             "more than one name",
		"mysql://u:undefined@h/db":          "word undefined",
		"mysql://u:canary@undefined:3306/d": "word undefined",

		// characters that a password may hold and a URL may not
		"mysql://u:canary#x@h/db":                                       "%23 for #",
		"mysql://u:canary/x@h/db":                                       "%2F for /",
		"mysql://u:3306/canary@h/db":                                    "%2F for /",
		"postgres://u:5432/canary@h":                                    "%2F for /",
		"mysql://u:3306/can?ary@h/db":                                   "%2F for /",
		"mysql://u:3306?canary@h/db":                                    "%3F for ?",
		"postgres://u:5432/db?canary@h/db":                              "%3F for ?",
		"mysql://u:canary%zz@h/db":                                      "%25 for %",
		"mysql://u:canary^x@h/db":                                       "%5E for ^",
		"mysql://u:canary{x}@h/db":                                      "%7B for {",
		"mysql://u:canary x@h/db":                                       "%20 for a blank",
		"postgres://u:canary[x@h/db":                                    "as %XX",
		"mysql://u:canary密码@h/db":                                       "as %XX",
		"mysql://u:canary%00@h/db":                                      "%25 for %",
		"mysql://u:canary@h:99999/db":                                   "port as a number",
		"mysql://u:canary@h:0/db":                                       "port as a number",
		"mysql://u:canary@h:1:2/db":                                     "port as a number",
		"mysql://u:canary@[::1/db":                                      "port as a number",
		"mysql://u:canary@h%2Fx/db":                                     "cannot be read",
		"mysql://u:canary@h/db%zz":                                      "cannot be read",
		"mysql://u:p@tcp(h:3306)/d":                                     "write mysql://user:pass@host:3306/db",
		"mysql://u:p@unix(/run/s)/d":                                    "cannot be read",
		"mysql://u:p@a,b/d":                                             "several hosts",
		"mysql://u:p@h/d?charset=utf8":                                  "charset " + taken,
		"mysql://u:p@h/d?charset=gbk&sql_mode=":                         "charset " + taken + ", remove it; sql_mode " + taken,
		"mysql://u:p@h/d?collation=gbk_bin":                             "collation " + taken,
		"mysql://u:p@h/d?character_set_client=gbk":                      "character_set_client " + taken,
		"mysql://u:p@h/d?SQL_MODE=%27ANSI_QUOTES%27":                    "SQL_MODE " + taken,
		"mysql://u:p@h/d?interpolateParams=false":                       "interpolateParams " + taken,
		"mysql://u:p@h/d?multiStatements=true":                          "multiStatements " + taken,
		"mysql://u:p@h/d?autocommit=0":                                  "autocommit " + taken,
		"mysql://u:p@h/d?tx_isolation=x":                                "tx_isolation " + taken,
		"mysql://u:p@h/d?transaction_isolation=x":                       "transaction_isolation " + taken,
		"mysql://u:p@h/d?time_zone=x":                                   "time_zone " + taken,
		"mysql://u:p@h/d?loc=Local":                                     "loc " + taken,
		"mysql://u:p@h/d?sslmode=require":                               "sslmode is not taken here, write tls=true",
		"mysql://u:p@h/d?useSSL=true":                                   "useSSL is not taken here, write tls=true",
		"mysql://u:p@h/d?tls=maybe":                                     "tls must be one of true",
		"mysql://u:p@h/d?timeout=5":                                     "timeout must be a duration such as 5s",
		"mysql://u:p@h/d?lock_wait_timeout=1,autocommit=0":              "lock_wait_timeout must be a whole number",
		"mysql://u:p@h/d?tls=true&tls=false":                            "tls is there twice",
		"mysql://u:p@h/d?canary=canary":                                 "is not known, remove it (known are allowCleartextPasswords",
		"mysql://u:p@h/d?a.b=canary":                                    "is no name",
		"mysql://u:p@h/d?a;b":                                           "cannot be read",
		"mysql://u:p@/d?socket=run/s":                                   "socket must be a path",
		"postgres://u:p@h/d?client_encoding=GBK":                        "client_encoding " + taken,
		"postgres://u:p@h/d?TimeZone=x":                                 "TimeZone " + taken,
		"postgres://u:p@h/d?default_transaction_isolation=serializable": "default_transaction_isolation " + taken,
		"postgres://u:p@h/d?standard_conforming_strings=off":            "standard_conforming_strings " + taken,
		"postgres://u:p@h/d?options=-c%20client_encoding%3DGBK":         "options must be --cluster=NAME",
		"postgres://u:p@h/d?default_query_exec_mode=simple_protocol":    "default_query_exec_mode must be one of cache_statement, cache_describe, describe_exec, exec",
		"mysql://h:3306?canary":                                         "names no database",
		"mysql://u:canary?canary":                                       "port as a number",
		"postgres://u:p@h/d?tls=true":                                   "tls is not taken here, write sslmode=verify-full",
		"postgres://u:p@h/d?sslmode=on":                                 "sslmode must be one of disable",
		"postgres://u:p@h/d?pgbouncer=true":                             "write default_query_exec_mode=exec",
		"postgres://u:p@h/d?host=other":                                 "host must be a path",
		"postgres://u:p@h/d?port=5432":                                  "port is for a unix socket",
		"postgres://u:p@h/d?password=canary":                            "password is not taken here, write it in its place",
		"postgres://u:p@h/d?sslpassword=canary":                         "sslpassword is not taken here",
	} {
		d, err := dburl.Parse(secret.New(in))
		if err == nil {
			t.Errorf("%s: taken as %s", in, d.Describe())
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q does not say %q", in, err, want)
		}
		if strings.Contains(err.Error(), "canary") && !strings.Contains(in, "?canary=") {
			t.Errorf("%s: a value is shown: %q", in, err)
		}
	}
}

// FuzzPassword puts any password as it is into a URL: it is taken as it was meant, or refused, and no
// part of it comes back in a text that people see.
func FuzzPassword(f *testing.F) {
	for _, p := range []string{"canary1/canary2", "5432/canary1@canary2", "33?canary1=canary2", "can#ary", "can%zzary", "a@b:c", "[canary", "tcp(canary)", "\x00canary", "canary&sslmode=x", "12,canary:1"} {
		f.Add(p, uint8(0))
		f.Add(p, uint8(1))
	}
	f.Fuzz(func(t *testing.T, password string, engine uint8) {
		scheme := []string{"mysql", "postgres"}[engine%2]
		d, err := dburl.Parse(secret.New(scheme + "://u:" + password + "@h:1/d"))
		said := fmt.Sprint(err)
		if err == nil {
			said = fmt.Sprintf("%s %+v", d.Describe(), d.Params)
			if got := d.Password.Reveal(); got != password && !strings.Contains(password, "%") {
				t.Errorf("%q was taken as %q", password, got)
			}
			if d.Name != "d" || len(d.Hosts) != 1 || d.Hosts[0] != (dburl.Host{Name: "h", Port: "1"}) || len(d.Params) > 0 {
				t.Errorf("%q changed the rest: %s", password, said)
			}
		}
		for part := range strings.FieldsFuncSeq(password, func(r rune) bool { return strings.ContainsRune("/?#@:%&=,", r) }) {
			if len(part) > 5 && strings.Contains(said, part) && !strings.Contains(fmt.Sprint(everyError), part) {
				t.Errorf("%q is shown: %q", part, said)
			}
		}
	})
}

// everyError holds the words that errors have of their own.
var everyError = func() (all []error) {
	for _, u := range []string{"x", "x:", "mysql:", "mysql://", "mysql://h", "mysql://h/a/b", "mysql://h#/d", "mysql://a,b/c", "mysql://undefined/d", "mysql://tcp(h)/d", "mysql://h/d?x=y", "mysql://h/d?charset=x", "postgres://h/d?x=y", "postgres://h/d?port=1"} {
		_, err := dburl.Parse(secret.New(u))
		all = append(all, err)
	}
	return all
}()

package dburl

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// socketParam is the parameter that names a unix socket.
var socketParam = map[Engine]string{MySQL: "socket", Postgres: "host"}

// takes is what a parameter's value may be.
type takes struct {
	what string
	ok   func(value string) bool
}

var (
	truth = oneOf("true", "false", "1", "0")
	path  = takes{"a path that begins with /", func(v string) bool { return strings.HasPrefix(v, "/") && !strings.Contains(v, "\x00") }}
	text  = takes{"a text without control characters", func(v string) bool {
		return v != "" && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f })
	}}
	number   = takes{"a number", regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,9})?$`).MatchString}
	whole    = takes{"a whole number", func(v string) bool { n, err := strconv.ParseInt(v, 10, 32); return err == nil && n >= 0 }}
	duration = takes{"a duration such as 5s", func(v string) bool { d, err := time.ParseDuration(v); return err == nil && d >= 0 }}
	pairs    = takes{"a list such as key:value", regexp.MustCompile(`^[A-Za-z0-9_]+:[A-Za-z0-9_. -]+(,[A-Za-z0-9_]+:[A-Za-z0-9_. -]+)*$`).MatchString}
)

func oneOf(values ...string) takes {
	return takes{"one of " + strings.Join(values, ", "), func(v string) bool { return slices.Contains(values, v) }}
}

// known are the parameters that each engine takes: for its driver, and variables of the server which
// change how long it waits and nothing about what a statement means.
var known = map[Engine]map[string]takes{
	MySQL: {
		"socket": path, "tls": oneOf("true", "false", "skip-verify", "preferred"), "tls-ca": path,
		"timeout": duration, "readTimeout": duration, "writeTimeout": duration, "maxAllowedPacket": whole,
		"allowCleartextPasswords": truth, "allowFallbackToPlaintext": truth, "allowNativePasswords": truth,
		"checkConnLiveness": truth, "compress": truth, "connectionAttributes": pairs,
		"innodb_lock_wait_timeout": whole, "lock_wait_timeout": whole, "max_execution_time": whole, "max_statement_time": number,
		"net_read_timeout": whole, "net_write_timeout": whole, "wsrep_sync_wait": whole,
	},
	Postgres: {
		"host": path, "port": whole, "sslmode": oneOf("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
		"sslrootcert": {"a path that begins with /, or system", func(v string) bool { return v == "system" || path.ok(v) }},
		"sslcert":     path, "sslkey": path, "sslsni": oneOf("0", "1"), "sslnegotiation": oneOf("postgres", "direct"),
		"channel_binding": oneOf("disable", "prefer", "require"), "connect_timeout": whole,
		"target_session_attrs":     oneOf("any", "read-write", "primary"),
		"default_query_exec_mode":  oneOf("cache_statement", "cache_describe", "describe_exec", "exec"), // the fifth writes values into statements
		"statement_cache_capacity": whole, "description_cache_capacity": whole,
		"application_name": text, "search_path": text, "lock_timeout": whole, "statement_timeout": whole,
		// With these two, a cluster of CockroachDB or Neon is told which database is meant.
		"options": {"--cluster=NAME or endpoint=NAME", regexp.MustCompile(`^(--cluster|endpoint)=[A-Za-z0-9.-]+$`).MatchString},
	},
}

// ours are parameters that would change what the store sets and checks on every connection.
var ours = regexp.MustCompile(`^(?i)(charset|names|collation|character_set_.*|collation_.*|client_encoding|` +
	`sql_mode|ansi_quotes|no_backslash_escapes|standard_conforming_strings|backslash_quote|` +
	`autocommit|completion_type|isolation|tx_isolation|transaction_isolation|tx_read_only|transaction_read_only|default_transaction_.*|` +
	`time_zone|timezone|loc|datestyle|intervalstyle|parseTime|` +
	`interpolateParams|multiStatements|clientFoundRows|columnsWithAlias|rejectReadOnly|allowAllFiles|allowOldPasswords|timeTruncate|strict|` +
	`sql_select_limit|sql_safe_updates|sql_auto_is_null|sql_big_selects|unique_checks|foreign_key_checks|init_connect|` +
	`wait_timeout|idle_transaction_timeout|idle_in_transaction_session_timeout|plan_cache_mode|transaction_timeout)$`)

// instead says what to write for what belongs elsewhere or to another engine.
var instead = map[Engine]map[string]string{
	MySQL: {
		"sslmode": tlsOfMySQL, "ssl-mode": tlsOfMySQL, "sslMode": tlsOfMySQL, "ssl": tlsOfMySQL, "useSSL": tlsOfMySQL, "ssl_mode": tlsOfMySQL,
		"ssl-ca": tlsOfMySQL, "ssl_ca": tlsOfMySQL, "sslrootcert": tlsOfMySQL, "connect_timeout": "write timeout=5s",
		"host": "write the host before the database's name, or socket=/path", "user": accountFirst, "password": accountFirst,
	},
	Postgres: {
		"tls": tlsOfPostgres, "tls-ca": tlsOfPostgres, "ssl": tlsOfPostgres, "sslMode": tlsOfPostgres, "ssl-mode": tlsOfPostgres,
		"timeout": "write connect_timeout=5, in seconds", "socket": "write host=/folder", "pgbouncer": "write default_query_exec_mode=exec",
		"prepareThreshold": "write default_query_exec_mode=exec", "user": accountFirst, "password": accountFirst, "dbname": accountFirst, "database": accountFirst,
		"sslpassword": "keep the key in a file that only this user may read, without a password",
	},
}

const (
	tlsOfMySQL    = "write tls=true, tls=skip-verify or tls-ca=/path"
	tlsOfPostgres = "write sslmode=verify-full, with sslrootcert=/path"
	accountFirst  = "write it in its place, as in scheme://user:pass@host/db"
)

// plainName is how parameters are called; anything else is not repeated in an error.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,40}$`)

func (d *Database) parameters(query string) error {
	params, err := url.ParseQuery(query)
	if err != nil {
		return errUnreadable
	}
	var refused []string
	for _, name := range sorted(params) {
		if why := d.refuse(name, params[name]); why != "" {
			refused = append(refused, why)
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("has a parameter that cannot be taken: %s", strings.Join(refused, "; "))
	}
	socket := socketParam[d.Engine]
	d.Socket = params.Get(socket)
	if d.Engine == Postgres && d.Socket == "" && params.Has("port") {
		return fmt.Errorf("has a parameter that cannot be taken: port is for a unix socket, write it behind the host's name")
	}
	params.Del(socket)
	d.Params = params
	return nil
}

// refuse says why a parameter cannot be taken; "" for one that can.
func (d *Database) refuse(name string, values []string) string {
	if rule, ok := known[d.Engine][name]; ok {
		switch {
		case len(values) > 1:
			return name + " is there twice, keep one"
		case !rule.ok(values[0]):
			return name + " must be " + rule.what
		}
		return ""
	}
	switch remedy := instead[d.Engine][name]; {
	case remedy != "":
		return name + " is not taken here, " + remedy
	case ours.MatchString(name):
		return name + " is set by migwatch on every connection, remove it"
	case plainName.MatchString(name):
		return name + " is not known, remove it (known are " + strings.Join(sorted(known[d.Engine]), ", ") + ")"
	}
	return "one that is no name, remove it or write %3F for a ? of the password"
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

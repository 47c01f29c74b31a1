package store

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

// mysqlDialect is MySQL, MariaDB and what speaks their protocol. Of the URL's query, socket=PATH names
// a unix socket, tls-ca=PATH the certificates to trust, and the rest goes to the driver: tls, timeout,
// a system variable such as wsrep_sync_wait, ….
func mysqlDialect(u *url.URL) (dialect, error) {
	config, err := mysqlConfig(u)
	if err != nil {
		return dialect{}, err
	}
	connector, err := sqldriver.NewConnector(config)
	if err != nil {
		return dialect{}, badURL("has parameters that MySQL's driver does not take (tls?)")
	}
	return dialect{
		bound:     &bound{},
		name:      "mysql",
		clock:     `CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)`,
		now:       `CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)`,
		integer:   `?`,
		text:      `?`,
		join:      true,
		txOptions: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		open: func(maxConns int) (*sql.DB, *sql.DB, error) {
			pool := bounded(sql.OpenDB(connector), maxConns)
			return pool, pool, nil
		},
		dialector: func(pool *sql.DB) gorm.Dialector {
			return mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true})
		},
		diagnose:    mysqlFault,
		unreachable: unreachable,
	}, nil
}

// ours are the parameters that say how statements are read and committed. They are not for a URL to change.
var ours = []string{
	"charset", "collation", "interpolateparams", "multistatements", "connectionattributes", "loc", "parsetime", "clientfoundrows",
	"autocommit", "sql_mode", "time_zone", "names", "character_set_client", "character_set_connection", "character_set_results",
	"collation_connection", "init_connect", "transaction_isolation", "tx_isolation",
}

func mysqlConfig(u *url.URL) (*sqldriver.Config, error) {
	query := u.Query()
	socket, authority := query.Get("socket"), query.Get("tls-ca")
	query.Del("socket")
	query.Del("tls-ca")
	config, err := mysqlParameters(query)
	if err != nil {
		return nil, err
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	if config.Net, config.Addr = "unix", socket; socket == "" {
		config.Net, config.Addr = "tcp", net.JoinHostPort(cmp.Or(u.Hostname(), "127.0.0.1"), cmp.Or(u.Port(), "3306"))
	}
	if authority != "" {
		if err := trust(config, u.Hostname(), authority); err != nil {
			return nil, err
		}
	}
	if config.Timeout == 0 {
		config.Timeout = dialTimeout
	}
	if config.ReadTimeout == 0 {
		config.ReadTimeout = 2 * callTimeout
	}
	if config.WriteTimeout == 0 {
		config.WriteTimeout = 2 * callTimeout
	}
	config.Collation = "utf8mb4_bin"
	config.InterpolateParams = true // one round trip a statement; the session below is what makes it safe
	config.RejectReadOnly = true    // after a failover, a connection to the old primary is of no use
	config.Loc = time.UTC
	config.Logger = &sqldriver.NopLogger{}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	// Values are written into statements here, so the server has to read them in the same character set and
	// mode, whatever its own settings or init_connect say; without autocommit what was acknowledged is lost.
	// UNIX_TIMESTAMP reads local time, which repeats an hour in autumn. And MariaDB, which alone reads the
	// comment, is to end a transaction whose process was frozen in the middle: others wait for its rows.
	config.Params["time_zone"] = "'+00:00', NAMES utf8mb4 COLLATE utf8mb4_bin, SESSION autocommit = 1, SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', " +
		"SESSION wait_timeout = 30 /*M!100300 , SESSION idle_transaction_timeout = 5 */"
	return config, nil
}

// mysqlParameters has the driver read what a URL's query may set.
func mysqlParameters(query url.Values) (*sqldriver.Config, error) {
	dsn := "tcp(placeholder:3306)/placeholder?" // only the parameters are read from it
	var params []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if slices.Contains(ours, strings.ToLower(name)) {
			return nil, badURL("sets " + strings.ToLower(name) + ", which migwatch sets itself; remove that parameter")
		}
		// The driver writes a system variable's value into its SET as it stands: behind a comma comes another.
		if strings.Contains(query.Get(name), ",") {
			return nil, badURL("has a comma in the value of " + strings.ToLower(name) + ", which would set more than that; give one value")
		}
		params = append(params, name+"="+url.QueryEscape(query.Get(name)))
	}
	config, err := sqldriver.ParseDSN(dsn + strings.Join(params, "&"))
	if err != nil {
		return nil, badURL("has parameters that MySQL's driver does not take (tls, timeout, …)")
	}
	return config, nil
}

// trust makes the connection accept certificates of the authority in the PEM file at path and no others.
func trust(config *sqldriver.Config, host, path string) error {
	pem, err := os.ReadFile(path)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		return badURL("has a tls-ca that is no readable file of PEM certificates")
	}
	config.TLS = &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}
	return nil
}

func mysqlFault(err error) fault {
	switch mysqlCode(err) {
	case 1213, 1205, 1020, // deadlock (Galera: conflict), lock wait, record changed
		1047, 1180, // a cluster's node is not ready yet, or left it during COMMIT
		1053, 1927, // the server shuts down, or ended this connection
		1290, 1836, // read-only after a failover: the next connection finds the new primary
		8002, 8022, 8028, 9001, 9002, 9003, 9004, 9005, 9007: // TiDB: conflict, schema changed, a part of it busy
		return passing
	case 1040, 1203, 1226:
		return crowded
	case 1146:
		return absent
	case 1049:
		return missing
	case 1045, 1698:
		return refused
	case 1044, 1142, 1143, 1227:
		return denied
	case 1193, 1231, 1115, 1273: // a system variable, its value, a character set, a collation
		return misspelt
	case 1114, 1021:
		return full
	}
	if errors.Is(err, sqldriver.ErrNoTLS) {
		return plaintext
	}
	if errors.Is(err, sqldriver.ErrInvalidConn) {
		return passing
	}
	return nothing
}

func mysqlCode(err error) uint16 {
	var e *sqldriver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

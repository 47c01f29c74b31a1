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

	"migwatch/internal/dburl"
)

// mysqlDialect is MySQL, MariaDB and what speaks their protocol.
func mysqlDialect(d dburl.Database) (dialect, error) {
	config, err := mysqlConfig(d)
	if err != nil {
		return dialect{}, err
	}
	connector, err := sqldriver.NewConnector(config)
	if err != nil {
		return dialect{}, badURL("has parameters that MySQL's driver does not take")
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
			pool := bounded(sql.OpenDB(prepared{connector, setUpMySQL}), maxConns)
			return pool, pool, nil
		},
		dialector: func(pool *sql.DB) gorm.Dialector {
			return mysql.New(mysql.Config{Conn: pool, SkipInitializeWithVersion: true})
		},
		diagnose:    mysqlFault,
		tryTimeout:  tryTimeout,
		unreachable: unreachable,
	}, nil
}

func mysqlConfig(d dburl.Database) (*sqldriver.Config, error) {
	dsn := "tcp(placeholder:3306)/placeholder?" // only the parameters are read from it
	var params []string
	for _, name := range slices.Sorted(maps.Keys(d.Params)) {
		if name != "tls-ca" {
			params = append(params, name+"="+url.QueryEscape(d.Params.Get(name)))
		}
	}
	config, err := sqldriver.ParseDSN(dsn + strings.Join(params, "&"))
	if err != nil {
		return nil, badURL("has parameters that MySQL's driver does not take")
	}
	config.User, config.Passwd, config.DBName = d.User, d.Password.Reveal(), d.Name
	var host dburl.Host
	if len(d.Hosts) > 0 {
		host = d.Hosts[0]
	}
	if config.Net, config.Addr = "unix", d.Socket; d.Socket == "" {
		config.Net, config.Addr = "tcp", net.JoinHostPort(host.Name, cmp.Or(host.Port, "3306"))
	}
	if authority := d.Params.Get("tls-ca"); authority != "" {
		if err := trust(config, host.Name, authority); err != nil {
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
	// Values are written into the statement here, which saves a round trip each. That is only safe where
	// the server reads it in the same character set and mode: setUpMySQL sees to it.
	config.InterpolateParams = true
	config.RejectReadOnly = true // after a failover, a connection to the old primary is of no use
	config.Loc = time.UTC
	config.Logger = &sqldriver.NopLogger{}
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

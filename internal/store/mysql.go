package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

// mysqlDialect is MySQL, MariaDB and what speaks their protocol. Of the URL's query, socket=PATH names
// a unix socket and the rest goes to the driver: tls, timeout, charset, ….
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
		again:  mysqlAgain,
		absent: func(err error) bool { return mysqlCode(err) == 1146 },
		refused: func(err error) bool {
			code := mysqlCode(err)
			return code == 1044 || code == 1045 || code == 1049 || code == 1142 || code == 1698
		},
	}, nil
}

func mysqlConfig(u *url.URL) (*sqldriver.Config, error) {
	query := u.Query()
	socket := query.Get("socket")
	query.Del("socket")
	dsn := "tcp(placeholder:3306)/placeholder?" // only the parameters are read from it
	var params []string
	for _, name := range slices.Sorted(maps.Keys(query)) {
		params = append(params, name+"="+url.QueryEscape(query.Get(name)))
	}
	config, err := sqldriver.ParseDSN(dsn + strings.Join(params, "&"))
	if err != nil {
		return nil, badURL("has parameters that MySQL's driver does not take (tls, timeout, …)")
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.DBName = strings.TrimPrefix(u.Path, "/")
	if config.Net, config.Addr = "unix", socket; socket == "" {
		config.Net, config.Addr = "tcp", u.Host
		if u.Port() == "" {
			config.Addr = u.Hostname() + ":3306"
		}
	}
	if config.Timeout == 0 {
		config.Timeout = dialTimeout
	}
	if config.ReadTimeout == 0 {
		config.ReadTimeout = 2 * statementTimeout
	}
	if config.WriteTimeout == 0 {
		config.WriteTimeout = 2 * statementTimeout
	}
	config.Collation = "utf8mb4_bin"
	config.InterpolateParams = true // one round trip a statement
	config.RejectReadOnly = true    // after a failover, a connection to the old primary is of no use
	config.Loc = time.UTC
	config.Logger = &sqldriver.NopLogger{}
	if config.Params == nil {
		config.Params = map[string]string{}
	}
	config.Params["time_zone"] = "'+00:00'" // UNIX_TIMESTAMP reads local time, which repeats an hour in autumn
	return config, nil
}

func mysqlAgain(err error) bool {
	switch mysqlCode(err) {
	case 1213, 1205, 1020, // deadlock, lock wait, record changed
		1047, // a cluster's node is not ready yet
		1053, // the server shuts down
		1290, 1836:
		return true
	}
	return errors.Is(err, sqldriver.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn)
}

func mysqlCode(err error) uint16 {
	var e *sqldriver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

package store

import (
	"cmp"
	"database/sql"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"migwatch/internal/dburl"
)

// postgresDialect is PostgreSQL and what speaks its protocol.
func postgresDialect(d dburl.Database) (dialect, error) {
	config, err := pgx.ParseConfig(postgresDSN(d))
	if err != nil {
		return dialect{}, badURL("names a file that PostgreSQL's driver cannot use (sslrootcert, sslcert, sslkey)")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = dialTimeout
	}
	// The driver also takes settings of a session from the environment (PGOPTIONS, PGTZ, …).
	maps.DeleteFunc(config.RuntimeParams, func(name, _ string) bool { return !d.Params.Has(name) })
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "migwatch"
	}
	return dialect{
		bound: &bound{}, numbered: true, values: true,
		name:      "postgres",
		clock:     `CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)`,
		now:       `CAST(FLOOR(EXTRACT(EPOCH FROM statement_timestamp()) * 1000) AS BIGINT)`,
		integer:   `CAST(? AS BIGINT)`,
		text:      `CAST(? AS TEXT)`,
		txOptions: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		open: func(maxConns int) (*sql.DB, *sql.DB, error) {
			pool := bounded(stdlib.OpenDB(*config, stdlib.OptionAfterConnect(setUpPostgres)), maxConns)
			return pool, pool, nil
		},
		dialector:   func(pool *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
		diagnose:    postgresFault,
		tryTimeout:  tryTimeout,
		unreachable: unreachable,
	}, nil
}

// postgresDSN says what d says in the driver's words.
func postgresDSN(d dburl.Database) string {
	words := map[string]string{"user": d.User, "password": d.Password.Reveal(), "dbname": d.Name}
	for name := range d.Params {
		words[name] = d.Params.Get(name)
	}
	if words["host"] = d.Socket; d.Socket == "" {
		var hosts, ports []string
		for _, h := range d.Hosts {
			hosts, ports = append(hosts, h.Name), append(ports, cmp.Or(h.Port, "5432"))
		}
		words["host"], words["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var pairs []string
	for name, value := range words {
		if value != "" {
			pairs = append(pairs, name+"='"+escape.Replace(value)+"'")
		}
	}
	return strings.Join(pairs, " ")
}

func postgresFault(err error) fault {
	switch code := postgresCode(err); code {
	case "40001", "40P01", // serialization failure, deadlock
		"57P01", "57P02", "57P03", // the server shuts down, crashed, starts
		"25P03", // it ended a transaction that stood still, as ours does after a freeze
		"08000", "08001", "08003", "08004", "08006":
		return passing
	case "53300":
		return crowded
	case "42P01":
		return absent
	case "3D000":
		return missing
	case "28P01", "28000":
		return refused
	case "42501":
		return denied
	case "53100":
		return full
	case "25006":
		return readonly
	case "26000", "42P05":
		return pooled
	case "42704", "22023", "08P01": // of a statement these would be our mistake
		var connecting *pgconn.ConnectError
		if errors.As(err, &connecting) {
			return misspelt
		}
	case "":
		var connecting *pgconn.ConnectError
		switch {
		case strings.Contains(err.Error(), "refused TLS"): // the driver has no type for it
			return plaintext
		case errors.As(err, &connecting) && !distrusted(err):
			return passing
		}
	}
	return nothing
}

func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// dialTimeout bounds the making of one connection.
const dialTimeout = 5 * time.Second

// bounded keeps a pool small: instances of a function are many, and frozen with what they hold.
func bounded(pool *sql.DB, maxConns int) *sql.DB {
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(2)
	pool.SetConnMaxIdleTime(time.Minute)
	pool.SetConnMaxLifetime(5 * time.Minute) // this one is also checked when a connection is taken, after a freeze
	return pool
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// postgresDialect is PostgreSQL and what speaks its protocol. The URL's query goes to the driver:
// sslmode, sslrootcert, a socket's folder as host, default_query_exec_mode for a pooler, ….
func postgresDialect(u *url.URL) (dialect, error) {
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return dialect{}, badURL("has parameters that PostgreSQL's driver does not take (sslmode, a certificate's path, the port?)")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = dialTimeout
	}
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
			pool := bounded(stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settle)), maxConns)
			return pool, pool, nil
		},
		dialector:   func(pool *sql.DB) gorm.Dialector { return postgres.New(postgres.Config{Conn: pool}) },
		diagnose:    postgresFault,
		unreachable: unreachable,
	}, nil
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
	case "42704", "22023": // of a statement these would be our mistake
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

// settle prepares a connection: with statements, as poolers refuse what they do not know at the start.
func settle(ctx context.Context, conn *pgx.Conn) error {
	// Or a process that was frozen in the middle of a transaction would hold rows that others wait for.
	if _, err := conn.Exec(ctx, `SET idle_in_transaction_session_timeout = 5000`); err != nil {
		return err
	}
	// Every statement is made for its index, whatever the values; to plan it again for each of them takes
	// longer than to run it. Engines that speak the protocol and lack the setting do as they do.
	_, _ = conn.Exec(ctx, `SET plan_cache_mode = force_generic_plan`)
	return nil
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

package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"migwatch/internal/job"
)

// A session's state comes from the server's settings, from init_connect, from the user's or the
// database's own, and none of these is in our hands: with autocommit off, what was acknowledged is lost;
// with another character set, the server reads other statements than were written. So every new
// connection is set here, and what the server then says of it is compared with what was asked for.

// setting is one of a session's variables that the store relies on.
type setting struct {
	variable string
	literal  string // as it is written in SQL, and without its quotes as the server tells it
	only     string // of MySQL's family: the version comment that picks the servers which have it; "": all
}

// prepared is a connector whose connections are set up before anybody uses them.
type prepared struct {
	driver.Connector
	setUp func(context.Context, driver.Conn) error
}

// Connect makes a connection and sets it up.
func (s prepared) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.setUp(ctx, c); err != nil {
		_ = c.Close() // what it could not do tells more
		return nil, err
	}
	return c, nil
}

// The servers of MySQL's family that run what stands in a comment, by its first characters. MariaDB skips
// the first, MySQL the others.
const (
	onlyMySQL    = "!50720"
	onlyMariaDB  = "M!100000"
	onlyMariaDB3 = "M!100300"
)

// mysqlSession is what statements mean to the server, and when they are committed. UNIX_TIMESTAMP reads
// local time, which repeats an hour in autumn. A completion_type or a limit of rows that the server has for
// all would lose what was written, or a part of what was asked for. A transaction whose process was frozen
// in the middle holds rows that others wait for: the server is to end it.
var mysqlSession = []setting{
	{"character_set_client", `'utf8mb4'`, ""},
	{"character_set_results", `'utf8mb4'`, ""},
	{"character_set_connection", `'utf8mb4'`, ""},
	{"collation_connection", `'utf8mb4_bin'`, ""}, // behind the character set, which sets its default
	{"sql_mode", `'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'`, ""},
	{"autocommit", `1`, ""},
	{"completion_type", `'NO_CHAIN'`, ""},
	{"time_zone", `'+00:00'`, ""},
	{"sql_select_limit", `18446744073709551615`, ""},
	{"sql_safe_updates", `0`, ""},
	{"sql_auto_is_null", `0`, ""},
	{"sql_big_selects", `1`, ""},
	{"unique_checks", `1`, ""},
	{"wait_timeout", `30`, ""},
	{"transaction_isolation", `'READ-COMMITTED'`, onlyMySQL},
	{"transaction_read_only", `0`, onlyMySQL},
	{"tx_isolation", `'READ-COMMITTED'`, onlyMariaDB},
	{"tx_read_only", `0`, onlyMariaDB},
	{"idle_transaction_timeout", `5`, onlyMariaDB3},
}

func mysqlSet() string {
	statement := `SET NAMES utf8mb4`
	for _, v := range mysqlSession {
		if v.only == "" {
			statement += `, SESSION ` + v.variable + ` = ` + v.literal
		} else {
			statement += ` /*` + v.only + `, SESSION ` + v.variable + ` = ` + v.literal + ` */`
		}
	}
	return statement
}

func mysqlAsk() string {
	query := `SELECT 1`
	for _, v := range mysqlSession {
		if v.only == "" {
			query += `, @@SESSION.` + v.variable + ` AS ` + v.variable
		} else {
			query += ` /*` + v.only + `, @@SESSION.` + v.variable + ` AS ` + v.variable + ` */`
		}
	}
	return query
}

// setUpMySQL takes two round trips.
func setUpMySQL(ctx context.Context, c driver.Conn) error {
	if _, err := c.(driver.ExecerContext).ExecContext(ctx, mysqlSet(), nil); err != nil {
		return err
	}
	got, err := oneRow(ctx, c, mysqlAsk())
	if err != nil {
		return err
	}
	return compare(mysqlSession, got)
}

// oneRow asks for one row and gives its columns by name.
func oneRow(ctx context.Context, c driver.Conn, statement string) (map[string]string, error) {
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, statement, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names := rows.Columns()
	row := make([]driver.Value, len(names))
	if err := rows.Next(row); err != nil {
		return nil, err
	}
	got := make(map[string]string, len(names))
	for i, name := range names {
		got[name] = fmt.Sprint(row[i])
		if text, ok := row[i].([]byte); ok {
			got[name] = string(text)
		}
	}
	return got, nil
}

// postgresSession is what the driver relies on where it writes or reads text, and what transactions see.
// Whether they may write stays with the server: a provider locks an instance whose disk is full that way.
var postgresSession = []setting{
	{"client_encoding", `'UTF8'`, ""},
	{"standard_conforming_strings", `'on'`, ""},
	{"DateStyle", `'ISO, MDY'`, ""},
	{"TimeZone", `'UTC'`, ""},
	{"default_transaction_isolation", `'read committed'`, ""},
}

// postgresSet also has the server end a transaction that stands still: its process was frozen in the middle
// and holds rows that others wait for.
func postgresSet() string {
	statements := `SET idle_in_transaction_session_timeout = 5000; `
	for _, v := range postgresSession {
		statements += `SET ` + v.variable + ` = ` + v.literal + `; `
	}
	return statements
}

// postgresAsk shows each variable by itself: to plan the first SELECT of a connection takes the server longer
// than all the rest.
func postgresAsk() string {
	statements := `SHOW server_encoding`
	for _, v := range postgresSession {
		statements += `; SHOW ` + v.variable
	}
	return statements
}

// setUpPostgres sets and asks in one message, as a pooler in between may give each its own connection to
// the server.
func setUpPostgres(ctx context.Context, conn *pgx.Conn) error {
	results, err := conn.PgConn().Exec(ctx, postgresSet()+postgresAsk()).ReadAll()
	if err != nil {
		return err
	}
	shown := results[len(results)-len(postgresSession)-1:]
	// The two encodings that keep every text: in others some cannot be stored.
	if stored := string(shown[0].Rows[0][0]); stored != "UTF8" && stored != "SQL_ASCII" {
		return &job.NotReadyError{Reason: "the database of MIGWATCH_DATABASE_URL has the encoding " + stored + ", which cannot store every text: make it anew with ENCODING 'UTF8'"}
	}
	got := make(map[string]string, len(postgresSession))
	for i, v := range postgresSession {
		got[v.variable] = string(shown[i+1].Rows[0][0])
	}
	if isolation := "default_transaction_isolation"; got[isolation] == "serializable" {
		delete(got, isolation) // CockroachDB, where the cluster allows nothing less; it is more than is needed
	}
	if err := compare(postgresSession, got); err != nil {
		return err
	}
	// Every statement is made for its index, whatever the values; to plan it again for each of them takes
	// longer than to run it. Engines that speak the protocol and lack the setting do as they do.
	_, _ = conn.Exec(ctx, `SET plan_cache_mode = force_generic_plan`)
	return nil
}

// compare says which variable the server has otherwise than it was set. One that it does not tell it
// does not have.
func compare(want []setting, got map[string]string) error {
	for _, v := range want {
		is, told := got[v.variable]
		if told && is != strings.Trim(v.literal, "'") {
			return &job.NotReadyError{Reason: fmt.Sprintf("the server of MIGWATCH_DATABASE_URL has %s = %.60q on a connection where migwatch set %s: "+
				"connect without the proxy that changes it, or correct the server's settings", v.variable, is, v.literal)}
		}
	}
	return nil
}

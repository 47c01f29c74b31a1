package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteDriver is modernc's, without cgo; the GORM driver's own default needs cgo.
const sqliteDriver = "sqlite"

// sqliteDialect is a file on this machine. One connection writes, so that writers queue here instead
// of meeting SQLITE_BUSY; readers have their own and, with a write-ahead log, never wait for it.
func sqliteDialect(path string) dialect {
	clock := `CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)`
	return dialect{
		bound: &bound{},
		name:  "sqlite", clock: clock, now: clock, integer: "?", text: "?",
		open: func(maxConns int) (*sql.DB, *sql.DB, error) { return openSQLite(path, maxConns) },
		dialector: func(pool *sql.DB) gorm.Dialector {
			return sqliteTranslator{sqlite.New(sqlite.Config{DriverName: sqliteDriver, Conn: pool})}
		},
		diagnose:    sqliteFault,
		tryTimeout:  callTimeout, // there is no connection that could have died
		unreachable: "the file of MIGWATCH_DATABASE_URL cannot be used: make its folder, allow writing there, and keep it off network file systems",
	}
}

func sqliteFault(err error) fault {
	if errors.Is(err, context.DeadlineExceeded) {
		return slow
	}
	switch sqliteCode(err) & 0xff { // the rest of the code is detail
	case sqlite3.SQLITE_INTERRUPT:
		return slow
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return passing
	case sqlite3.SQLITE_FULL:
		return full
	case sqlite3.SQLITE_READONLY:
		return readonly
	case sqlite3.SQLITE_ERROR:
		if strings.Contains(err.Error(), "no such table") {
			return absent
		}
	}
	return nothing
}

// sqliteSession are the pragmas of every connection. FULL: a commit that was acknowledged survives the
// loss of power. There are no foreign keys, so theirs does not matter.
var sqliteSession = []setting{{"busy_timeout", "5000", ""}, {"journal_mode", "wal", ""}, {"synchronous", "2", ""}}

func openSQLite(path string, readers int) (*sql.DB, *sql.DB, error) {
	if err := ownersOnly(path); err != nil {
		return nil, nil, err
	}
	// The transaction that will write takes its lock at BEGIN: one that upgrades later fails in spite of
	// the time-out.
	write, err := sqlitePool(path, url.Values{"_txlock": {"immediate"}}, sqliteSession)
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := write.PingContext(ctx); err != nil { // one that cannot be used is told at once
		write.Close()
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	read, err := sqlitePool(path, url.Values{}, append([]setting{{"query_only", "1", ""}}, sqliteSession...))
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// ownersOnly makes a file that is not there yet, for its owner only: SQLite would let everybody read it.
// Its other files get the mode of this one.
func ownersOnly(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil // not opened: closing it would end the locks of this process's other handles
		}
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // a link to a file that is not there yet
	}
	if err == nil {
		err = f.Close()
	}
	return err
}

// sqlitePool makes connections on which the pragmas are set and, as one that is misspelt or that the file
// system does not bear is ignored in silence, compared.
func sqlitePool(path string, query url.Values, session []setting) (*sql.DB, error) {
	for _, v := range session {
		query.Add("_pragma", v.variable+"("+v.literal+")")
	}
	connector, err := modernc.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode())
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(prepared{connector, func(ctx context.Context, c driver.Conn) error {
		got, err := oneRow(ctx, c, sqliteAsk(session))
		if err != nil {
			return err
		}
		got["busy_timeout"] = got["timeout"] // the one whose column has another name
		return compare(session, got)
	}}), nil
}

func sqliteAsk(session []setting) string {
	var tables []string
	for _, v := range session {
		tables = append(tables, `pragma_`+v.variable)
	}
	return `SELECT * FROM ` + strings.Join(tables, ", ")
}

func sqliteCode(err error) int {
	var e *modernc.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// sqliteTranslator makes GORM know modernc's unique violations: the driver's own translation only
// understands cgo's errors.
type sqliteTranslator struct{ gorm.Dialector }

func (t sqliteTranslator) Translate(err error) error {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return gorm.ErrDuplicatedKey
	}
	return err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteDriver is modernc's, without cgo; the GORM driver's own default needs cgo.
const sqliteDriver = "sqlite"

// sqliteDialect is a file on this machine. One connection writes, so that writers queue here instead
// of meeting SQLITE_BUSY; readers have their own and, with a write-ahead log, never wait for it.
func sqliteDialect(path string) (dialect, error) {
	path = strings.TrimPrefix(path, "//")
	if path == "" || path == ":memory:" {
		return dialect{}, badURL("must name a file: sqlite:PATH")
	}
	clock := `CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)`
	return dialect{
		bound: &bound{},
		name:  "sqlite", clock: clock, now: clock, integer: "?", text: "?",
		open: func(maxConns int) (*sql.DB, *sql.DB, error) { return openSQLite(path, maxConns) },
		dialector: func(pool *sql.DB) gorm.Dialector {
			return sqliteTranslator{sqlite.New(sqlite.Config{DriverName: sqliteDriver, Conn: pool})}
		},
		diagnose:    sqliteFault,
		unreachable: "the file of MIGWATCH_DATABASE_URL cannot be used: make its folder, allow writing there, and keep it off network file systems",
	}, nil
}

func sqliteFault(err error) fault {
	switch sqliteCode(err) & 0xff { // the rest of the code is detail
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

func openSQLite(path string, readers int) (*sql.DB, *sql.DB, error) {
	// FULL: a commit that was acknowledged survives the loss of power. The transaction that will write
	// takes its lock at BEGIN: one that upgrades later fails in spite of the timeout.
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}}
	writing := url.Values{"_pragma": pragmas["_pragma"], "_txlock": {"immediate"}}
	reading := url.Values{"_pragma": append([]string{"query_only(1)"}, pragmas["_pragma"]...)}
	file := "file:" + (&url.URL{Path: path}).EscapedPath()
	write, err := sql.Open(sqliteDriver, file+"?"+writing.Encode())
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if err := checkPragmas(write); err != nil {
		write.Close()
		return nil, nil, fmt.Errorf("open %s: %w", path, err)
	}
	read, err := sql.Open(sqliteDriver, file+"?"+reading.Encode())
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}

// checkPragmas reads back what the DSN asked for: a misspelt pragma is ignored in silence.
func checkPragmas(pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var journal string
	var busy, synchronous int
	row := pool.QueryRowContext(ctx, `SELECT j.journal_mode, b.timeout, s.synchronous FROM pragma_journal_mode j, pragma_busy_timeout b, pragma_synchronous s`)
	if err := row.Scan(&journal, &busy, &synchronous); err != nil {
		return err
	}
	if journal != "wal" || busy != int(5*time.Second/time.Millisecond) || synchronous != 2 {
		return fmt.Errorf("journal_mode is %s, busy_timeout %d, synchronous %d; want wal, 5000, 2 (is the file system a network's?)", journal, busy, synchronous)
	}
	return nil
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

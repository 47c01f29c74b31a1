package store

import (
	"database/sql"
	"strings"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/dburl"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// dialect is what differs between engines.
type dialect struct {
	name      string
	clock     string // the database's clock at this very moment, in ms; even after a wait for a row
	now       string // the database's clock at the statement's start, in ms; usable with an index
	integer   string // how a parameter is made an integer in a derived table's first row
	text      string // … and a text
	numbered  bool   // placeholders are $1, $2, … for the driver; GORM numbers its own
	bound     *bound
	values    bool // rows are best given as VALUES
	join      bool // UPDATE t JOIN v ON … SET …, instead of UPDATE t SET … FROM v WHERE …
	txOptions *sql.TxOptions
	open      func(maxConns int) (write, read *sql.DB, err error)
	dialector func(pool *sql.DB) gorm.Dialector
	diagnose  func(err error) fault
	// tryTimeout is the longest one try may take.
	tryTimeout time.Duration
	// unreachable is what to say of a database that gives no answer and no reason.
	unreachable string
}

// sql fills the engine's own words into a statement: {clock}, {now}, {integer}.
func (d dialect) sql(statement string) string {
	return strings.NewReplacer("{clock}", d.clock, "{now}", d.now, "{integer}", d.integer).Replace(statement)
}

// dialectOf reads a database URL. Its errors never show the URL: it holds a password.
func dialectOf(given secret.Text) (dialect, error) {
	d, err := dburl.Parse(given)
	if err != nil {
		return dialect{}, badURL(err.Error())
	}
	switch d.Engine {
	case dburl.MySQL:
		return mysqlDialect(d)
	case dburl.Postgres:
		return postgresDialect(d)
	}
	return sqliteDialect(d.Path), nil
}

func badURL(reason string) error {
	return &job.NotReadyError{Reason: "MIGWATCH_DATABASE_URL " + reason}
}

// derived is a table of n rows made of parameters, for joins. kinds has a letter per column: i for an
// integer, t for a text. UNION ALL is the one form that every engine takes; PostgreSQL plans each part
// of it by itself, so there a list of VALUES costs half as much.
func (d dialect) derived(n int, kinds string, columns ...string) string {
	between, before, after := " UNION ALL ", "SELECT ", ""
	var b strings.Builder
	if d.values {
		between, before, after = ",", "(", ")"
		b.WriteString("SELECT * FROM (VALUES ")
	}
	for row := range n {
		if row > 0 {
			b.WriteString(between)
		}
		b.WriteString(before)
		for i, column := range columns {
			if i > 0 {
				b.WriteByte(',')
			}
			switch {
			case row > 0:
				b.WriteByte('?')
				continue
			case kinds[i] == 'i':
				b.WriteString(d.integer)
			default:
				b.WriteString(d.text)
			}
			if !d.values {
				b.WriteString(" AS " + column)
			}
		}
		b.WriteString(after)
	}
	if d.values {
		b.WriteString(") AS given(" + strings.Join(columns, ",") + ")")
	}
	return b.String()
}

// updateFrom is an UPDATE of table by the rows of a derived table v. The columns of v have names that
// table has not, so that set may name a column of table alone.
func (d dialect) updateFrom(table, derived, on, set string) string {
	if d.join {
		return "UPDATE " + table + " JOIN (" + derived + ") v ON " + on + " SET " + set
	}
	return "UPDATE " + table + " SET " + set + " FROM (" + derived + ") v WHERE " + on
}

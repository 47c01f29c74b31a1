package store

import (
	"database/sql"
	"regexp"
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

// rowsUpdate is an UPDATE of many rows of a table, each by values of its own. Where set or where has {i name} or
// {t name}, each row gives an integer or a text, in that order. A name is no column's, so that a column needs no table.
type rowsUpdate struct{ table, set, where string }

var given = regexp.MustCompile(`{([it]) (\w+)}`)

// update is the statement for n rows, which is made once.
func (u *rowsUpdate) update(d dialect, n int) string {
	key := updateKey{u, n}
	made, ok := d.bound.made.Load(key)
	if !ok {
		made = u.build(d, n)
		d.bound.made.Store(key, made)
	}
	return made.(string)
}

type updateKey struct {
	of   *rowsUpdate
	rows int
}

// build makes the statement. For one row it is a plain UPDATE, which MariaDB runs in half the time of a join.
func (u *rowsUpdate) build(d dialect, n int) string {
	if n == 1 {
		set := strings.ReplaceAll(given.ReplaceAllString(u.set, "{$1}"), "{i}", "{integer}")
		return "UPDATE " + u.table + " SET " + strings.ReplaceAll(set, "{t}", "?") + " WHERE " + given.ReplaceAllString(u.where, "?")
	}
	var kinds string
	var names []string
	for _, g := range given.FindAllStringSubmatch(u.set+u.where, -1) {
		kinds, names = kinds+g[1], append(names, "v_"+g[2])
	}
	set, where := given.ReplaceAllString(u.set, "v.v_$2"), given.ReplaceAllString(u.where, "v.v_$2")
	if d.join {
		return "UPDATE " + u.table + " JOIN (" + d.derived(n, kinds, names...) + ") v ON " + where + " SET " + set
	}
	return "UPDATE " + u.table + " SET " + set + " FROM (" + d.derived(n, kinds, names...) + ") v WHERE " + where
}

// derived is a table of n rows made of parameters, for joins. kinds has a letter per column: i for an
// integer, t for a text. UNION ALL is the one form that every engine takes; PostgreSQL plans each part
// of it by itself, so there a list of VALUES costs half as much.
func (d dialect) derived(n int, kinds string, columns ...string) string {
	var first []string // says of what types the columns are
	for i, column := range columns {
		cell := d.text
		if kinds[i] == 'i' {
			cell = d.integer
		}
		if !d.values {
			cell += " AS " + column
		}
		first = append(first, cell)
	}
	row := "?" + strings.Repeat(",?", len(columns)-1)
	if d.values {
		return "SELECT * FROM (VALUES (" + strings.Join(first, ",") + ")" + strings.Repeat(",("+row+")", n-1) + ") AS given(" + strings.Join(columns, ",") + ")"
	}
	return "SELECT " + strings.Join(first, ",") + strings.Repeat(" UNION ALL SELECT "+row, n-1)
}

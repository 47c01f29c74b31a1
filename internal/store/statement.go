package store

import (
	"context"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// Statements go past GORM's statement builder, which costs as much as a small read: fixed SQL, on the
// connection or transaction that GORM holds.

// each calls row for each row of a SELECT.
func (s *Store) each(db *gorm.DB, row func(scanner) error, statement string, args ...any) error {
	statement, args = s.d.bind(statement, args)
	rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context, statement, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err says what Close could
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// collect gives what scan makes of each row of a SELECT; nil with an error.
func collect[T any](db *gorm.DB, s *Store, scan func(scanner) (T, error), statement string, args ...any) ([]T, error) {
	list := []T{}
	err := s.each(db, func(rows scanner) error {
		one, err := scan(rows)
		list = append(list, one)
		return err
	}, statement, args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// read is collect, run again on a fresh connection where the first one had died.
func read[T any](ctx context.Context, s *Store, scan func(scanner) (T, error), statement string, args ...any) (list []T, err error) {
	err = s.query(ctx, func(db *gorm.DB) (err error) {
		list, err = collect(db, s, scan, statement, args...)
		return err
	})
	return list, err
}

// single reads the columns of the one row that a SELECT always gives.
func (s *Store) single(ctx context.Context, into []any, statement string, args ...any) error {
	return s.query(ctx, func(db *gorm.DB) error { return s.singleIn(db, into, statement, args...) })
}

func (s *Store) singleIn(db *gorm.DB, into []any, statement string, args ...any) error {
	statement, args = s.d.bind(statement, args)
	return db.Statement.ConnPool.QueryRowContext(db.Statement.Context, statement, args...).Scan(into...)
}

// run runs a statement that writes, and says how many rows it changed.
func (s *Store) run(db *gorm.DB, statement string, args ...any) (int64, error) {
	statement, args = s.d.bind(statement, args)
	done, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, statement, args...)
	if err != nil {
		if translator, ok := db.Dialector.(gorm.ErrorTranslator); ok {
			err = translator.Translate(err)
		}
		return 0, err
	}
	return done.RowsAffected()
}

// do is run for a statement by itself, which may be run twice.
func (s *Store) do(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	err = s.exec(ctx, func(db *gorm.DB) (err error) {
		changed, err = s.run(db, statement, args...)
		return err
	})
	return changed, err
}

// scanner is *sql.Rows or *sql.Row.
type scanner interface{ Scan(into ...any) error }

// withExtra scans one column more than the scan function that it is given to reads.
type withExtra struct {
	scanner
	extra any
}

func (w withExtra) Scan(into ...any) error { return w.scanner.Scan(append(into, w.extra)...) }

// value scans the only column of a row.
func value[T any](row scanner) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// bound remembers what bind made of a statement. The store's statements are few: fixed ones, one per
// combination of filters, and one per size of a group.
type bound struct{ made sync.Map }

// bind fills in the engine's own words and, where the engine wants it, numbers the placeholders. A list
// among args gets a placeholder for each of its values; it stands behind IN. No statement of the store has
// a question mark that is not a placeholder.
func (d dialect) bind(statement string, args []any) (string, []any) {
	statement, args = spread(statement, args)
	if made, ok := d.bound.made.Load(statement); ok {
		return made.(string), args
	}
	made := d.sql(statement)
	if d.numbered {
		parts := strings.Split(made, "?")
		var b strings.Builder
		for i, part := range parts {
			if i > 0 {
				b.WriteString("$" + strconv.Itoa(i))
			}
			b.WriteString(part)
		}
		made = b.String()
	}
	d.bound.made.Store(strings.Clone(statement), made)
	return made, args
}

// spread gives each IN ? as many placeholders as its list has values.
func spread(statement string, args []any) (string, []any) {
	var flat []any
	for i, arg := range args {
		list := reflect.ValueOf(arg)
		if list.Kind() != reflect.Slice {
			if flat != nil {
				flat = append(flat, arg)
			}
			continue
		}
		if flat == nil {
			flat = append(make([]any, 0, len(args)+list.Len()), args[:i]...)
		}
		places := "(NULL)"
		if list.Len() > 0 {
			places = tuples(1, list.Len())
		}
		statement = strings.Replace(statement, "IN ?", "IN "+places, 1)
		for n := range list.Len() {
			flat = append(flat, list.Index(n).Interface())
		}
	}
	if flat == nil {
		return statement, args
	}
	return statement, flat
}

// tuples is n rows of columns placeholders.
func tuples(n, columns int) string {
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	return row + strings.Repeat(","+row, n-1)
}

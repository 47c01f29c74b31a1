package store

import (
	"database/sql"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
)

// What runs for every poll and every page goes past GORM's statement builder, which costs as much as a
// small read: fixed SQL, on the connection or transaction that GORM holds.

// rows runs a SELECT. {words} and placeholders of statement are turned into the engine's own.
func (s *Store) rows(db *gorm.DB, statement string, args ...any) (*sql.Rows, error) {
	return db.Statement.ConnPool.QueryContext(db.Statement.Context, s.d.bind(statement), args...)
}

// run runs a statement that writes, and says how many rows it changed.
func (s *Store) run(db *gorm.DB, statement string, args ...any) (int64, error) {
	done, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, s.d.bind(statement), args...)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

// bound remembers what bind made of a statement. The store's statements are few: fixed ones, one per
// combination of filters, and one per size of a group.
type bound struct{ made sync.Map }

// bind fills in the engine's own words and, where the engine wants it, numbers the placeholders. No
// statement of the store has a question mark that is not a placeholder.
func (d dialect) bind(statement string) string {
	if made, ok := d.bound.made.Load(statement); ok {
		return made.(string)
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
	return made
}

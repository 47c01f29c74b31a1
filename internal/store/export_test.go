package store

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"
)

// SetSchemaVersion pretends that the schema has another version, and is usable from one on.
func (s *Store) SetSchemaVersion(version, usableFrom int64) error {
	db := s.write.WithContext(context.Background())
	if err := db.Exec(`DELETE FROM goose_db_version WHERE version_id > 0`).Error; err != nil {
		return err
	}
	if err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, TRUE)`, version).Error; err != nil {
		return err
	}
	return db.Exec(`UPDATE sequences SET value = ? WHERE name = 'usable_from'`, usableFrom).Error
}

// MigrateTo makes the schema of an earlier version.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	provider, err := s.provider(s.Pool())
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

// Admin runs one statement.
func (s *Store) Admin(statement string, args ...any) error {
	return s.write.WithContext(context.Background()).Exec(s.d.sql(statement), args...).Error
}

// Pool is the pool that writes; ReadPool the one that reads.
func (s *Store) Pool() *sql.DB     { db, _ := s.write.DB(); return db }
func (s *Store) ReadPool() *sql.DB { db, _ := s.read.DB(); return db }

// Words fills the engine's own words into a statement.
func (s *Store) Words(statement string) string { return s.d.sql(statement) }

// Intercept shows every statement to f before it runs, which gives what is to run in its place. So
// tests see plans, and make mutants, of the very statements that the store runs.
func (s *Store) Intercept(f func(query string, args []any) string) {
	for _, db := range []*gorm.DB{s.write, s.read} {
		if _, already := db.ConnPool.(intercepted); already {
			continue
		}
		pool := intercepted{db.ConnPool, f}
		db.ConnPool, db.Statement.ConnPool = pool, pool
	}
}

type intercepted struct {
	gorm.ConnPool
	f func(query string, args []any) string
}

func (p intercepted) GetDBConn() (*sql.DB, error) { return p.ConnPool.(*sql.DB), nil }

func (p intercepted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.ConnPool.ExecContext(ctx, p.f(query, args), args...)
}

func (p intercepted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.ConnPool.QueryContext(ctx, p.f(query, args), args...)
}

func (p intercepted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.ConnPool.QueryRowContext(ctx, p.f(query, args), args...)
}

func (p intercepted) BeginTx(ctx context.Context, o *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := p.ConnPool.(gorm.TxBeginner).BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &interceptedTx{intercepted{tx, p.f}, tx}, nil
}

type interceptedTx struct {
	intercepted
	tx *sql.Tx
}

func (t *interceptedTx) Commit() error   { return t.tx.Commit() }
func (t *interceptedTx) Rollback() error { return t.tx.Rollback() }

// ShortenSearches gives searches another time; restore ends that. Not for parallel tests.
func ShortenSearches(to time.Duration) (restore func()) {
	whole := searchTime
	searchTime = to
	return func() { searchTime = whole }
}

// ReadWithin runs a statement that reads, as the store does, with so long for a try from now on.
func (s *Store) ReadWithin(ctx context.Context, try time.Duration, statement string) error {
	s.d.tryTimeout = try
	return s.query(ctx, func(db *gorm.DB) error { return db.Exec(statement).Error })
}

// HoldSearches takes every place for searches until release.
func (s *Store) HoldSearches() (release func()) {
	for range mostSearches {
		s.searches <- struct{}{}
	}
	return func() {
		for range mostSearches {
			<-s.searches
		}
	}
}

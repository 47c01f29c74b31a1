package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/migrations"
)

// Store is one database. It is safe for concurrent use.
type Store struct {
	write, read *gorm.DB // SQLite writes through one connection; elsewhere both are one pool
	d           dialect
	keys        *secret.Keyring
	holder      string        // names this process in budgets
	extra       atomic.Int64  // slots to reserve beyond those wanted; see pace.Slots.Trim
	searches    chan struct{} // a place for each search under way
	patience    time.Duration
	waiting     func()
	committed   func()
}

// Options tune a Store. The zero value is right for a function.
type Options struct {
	Keys     *secret.Keyring // seals file URLs and credentials; nil: none is kept
	MaxConns int             // open connections; 0: 4

	// Patience is how long Migrate waits for a database that does not answer, or that another process
	// migrates; 0: as long as its context allows. Waiting is called once, when that takes a moment.
	Patience time.Duration
	Waiting  func()

	Committed func() // called after each transaction that may have told an event; nil: nobody is
}

// Open prepares the database that url names: sqlite:PATH, mysql://… or postgres://… . It reaches no
// server yet, and it neither checks nor changes the schema: see Ready and Migrate.
func Open(url secret.Text, o Options) (*Store, error) {
	d, err := dialectOf(url)
	if err != nil {
		return nil, err
	}
	if o.MaxConns <= 0 {
		o.MaxConns = 4
	}
	s := &Store{d: d, keys: o.Keys, holder: randomHex(8), searches: make(chan struct{}, mostSearches), patience: o.Patience, waiting: o.Waiting, committed: o.Committed}
	write, read, err := d.open(o.MaxConns)
	if err != nil {
		return nil, &job.NotReadyError{Reason: d.unreachable, Err: err}
	}
	if s.write, err = s.gorm(write); err != nil {
		_ = closeAll(write, read) // what it could not open tells more
		return nil, &job.NotReadyError{Reason: d.unreachable, Err: err}
	}
	s.read = s.write
	if read != write {
		if s.read, err = s.gorm(read); err != nil {
			_ = closeAll(write, read) // what it could not open tells more
			return nil, &job.NotReadyError{Reason: d.unreachable, Err: err}
		}
	}
	return s, nil
}

// gorm wraps one pool. Its logger is off: every error is returned, and a logger prints values.
func (s *Store) gorm(pool *sql.DB) (*gorm.DB, error) {
	return gorm.Open(s.d.dialector(pool), &gorm.Config{
		SkipDefaultTransaction:   true,
		DisableNestedTransaction: true,
		DisableAutomaticPing:     true,
		TranslateError:           true,
		Logger:                   logger.Discard,
	})
}

// Engine is "sqlite", "mysql" or "postgres".
func (s *Store) Engine() string { return s.d.name }

// Close ends every connection.
func (s *Store) Close() error {
	write, err := s.write.DB()
	if err != nil {
		return err
	}
	read, err := s.read.DB()
	if err != nil {
		return err
	}
	if err := closeAll(write, read); s.d.name == "sqlite" {
		return err
	}
	return nil // a server that went first, or does not take a farewell, is no loss
}

func closeAll(write, read *sql.DB) error {
	err := write.Close()
	if read != write {
		err = errors.Join(err, read.Close())
	}
	return err
}

// Ready reports whether the database can be reached and has a schema that this build can work with. The
// error is a *job.NotReadyError.
//
// The schema may be ahead of the build by any number of versions, as migrations only add: one that takes
// something away writes into the row usable_from which version a build must know from then on.
func (s *Store) Ready(ctx context.Context) error {
	var version, usableFrom int64
	err := s.single(ctx, []any{&version, &usableFrom}, `SELECT COALESCE(MAX(version_id), 0), COALESCE((SELECT value FROM sequences WHERE name = 'usable_from'), 0) FROM goose_db_version`)
	if err != nil {
		return err
	}
	known := migrations.Version(s.d.name)
	switch {
	case version < known:
		return &job.NotReadyError{Reason: fmt.Sprintf("the database of MIGWATCH_DATABASE_URL has schema version %d, this build needs %d: run migwatch migrate", version, known)}
	case usableFrom > known:
		return &job.NotReadyError{Reason: fmt.Sprintf("the database of MIGWATCH_DATABASE_URL can only be used by builds that know schema version %d, this one knows %d: deploy a newer build", usableFrom, known)}
	}
	return nil
}

// Now is the database's clock.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var ms int64
	err := s.single(ctx, []any{&ms}, `SELECT {now}`)
	return instant(ms), err
}

// query runs read, again on a fresh connection where the first one had died: an instance of a function
// is frozen between invocations and wakes with dead connections.
func (s *Store) query(ctx context.Context, read func(db *gorm.DB) error) error {
	return s.again(ctx, func(ctx context.Context) error { return read(s.read.WithContext(ctx)) })
}

// exec is query for a statement that writes and may be run twice.
func (s *Store) exec(ctx context.Context, write func(db *gorm.DB) error) error {
	return s.again(ctx, func(ctx context.Context) error { return write(s.write.WithContext(ctx)) })
}

// inTx runs work in one READ COMMITTED transaction, and again as a whole when the engine says that it
// may succeed then, or when the end of COMMIT is unknown: so work must be idempotent.
func (s *Store) inTx(ctx context.Context, work func(tx *gorm.DB) error) error {
	err := s.again(ctx, func(ctx context.Context) error {
		return s.write.WithContext(ctx).Transaction(work, s.d.txOptions)
	})
	if err == nil && s.committed != nil {
		s.committed()
	}
	return err
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}

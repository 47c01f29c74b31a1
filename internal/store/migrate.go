package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"migwatch/internal/job"
	"migwatch/migrations"
)

// migrationLease is how long the migration lock lasts if its holder dies; a living one renews it.
const migrationLease = time.Minute

// Migrate brings the schema to this build's version and says how many steps that took. Any number of
// processes may call it at once: a row of ours, swapped like a claim, lets them pass one by one. It
// needs a user who may create tables; functions never call it.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	pool, err := s.write.DB()
	if err != nil {
		return 0, err
	}
	lock := s.migrationLock(pool)
	if err := s.await(ctx, lock); err != nil {
		return 0, fmt.Errorf("migrate: %w", s.explain(err))
	}
	ctx, release := lock.hold(ctx)
	defer release()
	provider, err := s.provider(pool)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("migrate: %w", s.explain(err))
	}
	return len(done), nil
}

// aMoment is how long Migrate may wait without a word.
const aMoment = 2 * time.Second

// await takes the lock with the patience there is.
func (s *Store) await(ctx context.Context, lock migrationLock) error {
	if s.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.patience)
		defer cancel()
	}
	if s.waiting != nil {
		defer time.AfterFunc(aMoment, s.waiting).Stop()
	}
	return lock.take(ctx)
}

// provider applies the engine's migration files. It takes no lock.
func (s *Store) provider(pool *sql.DB) (*goose.Provider, error) {
	files, err := migrations.FS(s.d.name)
	if err != nil {
		return nil, err
	}
	dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "mysql": goose.DialectMySQL, "postgres": goose.DialectPostgres}[s.d.name]
	return goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
}

// migrationLock is one row, and this process's wish to have it.
type migrationLock struct {
	pool                      *sql.DB
	create, first, swap, free string
	worthwhile                func(error) bool
	absent                    func(error) bool
	renew                     bool
}

func (s *Store) migrationLock(pool *sql.DB) migrationLock {
	token := randomHex(8)
	until := fmt.Sprintf(`until_ms = {clock} + %d`, migrationLease.Milliseconds())
	return migrationLock{
		pool:       pool,
		create:     `CREATE TABLE IF NOT EXISTS migration_lock (id BIGINT NOT NULL PRIMARY KEY, holder VARCHAR(64) NOT NULL, until_ms BIGINT NOT NULL)`,
		first:      `INSERT INTO migration_lock (id, holder, until_ms) VALUES (1, '', 0)`,
		swap:       s.d.sql(`UPDATE migration_lock SET holder = '` + token + `', ` + until + ` WHERE id = 1 AND (until_ms <= {clock} OR holder = '` + token + `')`),
		free:       `UPDATE migration_lock SET holder = '', until_ms = 0 WHERE id = 1 AND holder = '` + token + `'`,
		worthwhile: func(err error) bool { return worthwhile(s.d.diagnose(err), err) },
		absent:     func(err error) bool { return s.d.diagnose(err) == absent },
		renew:      s.d.name != "sqlite", // its one writing connection is the migration's
	}
}

// makings is how often making the lock's table may fail in a row before that is no other's doing.
const makings = 40

// take waits for the lock and takes it.
func (l migrationLock) take(ctx context.Context) error {
	failed := 0
	for {
		taken, err := l.try(ctx)
		switch {
		case taken:
			return nil
		case err == nil:
			failed = 0
		default:
			// CREATE TABLE IF NOT EXISTS may still meet another's, with a different error on every engine.
			if failed++; failed >= makings && !l.worthwhile(err) {
				return err
			}
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return err
			}
			return &job.NotReadyError{Reason: "another migration of the database of MIGWATCH_DATABASE_URL is still running", Err: ctx.Err()}
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// try takes the lock's row if it is free, and makes it if it is not there. Without an error and the
// lock, another process has it.
func (l migrationLock) try(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	done, err := l.pool.ExecContext(ctx, l.swap)
	if err != nil && l.absent(err) {
		if _, err = l.pool.ExecContext(ctx, l.create); err == nil {
			_, err = l.pool.ExecContext(ctx, l.first)
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	if err != nil || n > 0 {
		return n > 0, err
	}
	// Held by another, or the row is missing because its maker died between two statements: then this
	// makes it, and otherwise it fails.
	_, _ = l.pool.ExecContext(ctx, l.first)
	return false, nil
}

// hold renews the lock until release. A holder that cannot renew it before it ends must stop.
func (l migrationLock) hold(ctx context.Context) (held context.Context, release func()) {
	held, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for last := time.Now(); l.renew; {
			select {
			case <-held.Done():
				return
			case <-time.After(migrationLease / 6):
			}
			try, done := context.WithTimeout(held, migrationLease/6)
			if _, err := l.pool.ExecContext(try, l.swap); err == nil {
				last = time.Now()
			} else if time.Since(last) > migrationLease/2 {
				cancel()
			}
			done()
		}
	}()
	return held, func() {
		cancel()
		<-stopped
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer done()
		for range maxTries {
			if _, err := l.pool.ExecContext(ctx, l.free); err == nil || errors.Is(err, context.DeadlineExceeded) {
				return // or the lease ends it
			}
		}
	}
}

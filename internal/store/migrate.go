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

// migrationLease is how long the migration lock lasts if its holder dies.
const migrationLease = 5 * time.Minute

// Migrate brings the schema to this build's version and says how many steps that took. Any number of
// processes may call it at once: a row of ours, swapped like a claim, lets them pass one by one. It
// needs a user who may create tables; functions never call it.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	pool, err := s.write.DB()
	if err != nil {
		return 0, err
	}
	unlock, err := s.lockMigrations(ctx, pool)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", s.explain(err))
	}
	defer unlock()
	files, err := migrations.FS(s.d.name)
	if err != nil {
		return 0, err
	}
	dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "mysql": goose.DialectMySQL, "postgres": goose.DialectPostgres}[s.d.name]
	provider, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("migrate: %w", s.explain(err))
	}
	return len(done), nil
}

// lockMigrations waits for the lock's row and takes it.
func (s *Store) lockMigrations(ctx context.Context, pool *sql.DB) (unlock func(), err error) {
	token := randomHex(8)
	create := `CREATE TABLE IF NOT EXISTS migration_lock (id BIGINT NOT NULL PRIMARY KEY, holder VARCHAR(64) NOT NULL, until_ms BIGINT NOT NULL)`
	take := s.d.sql(`UPDATE migration_lock SET holder = '` + token + `', until_ms = {clock} + ` + fmt.Sprint(migrationLease.Milliseconds()) + ` WHERE id = 1 AND until_ms <= {clock}`)
	free := `UPDATE migration_lock SET holder = '', until_ms = 0 WHERE id = 1 AND holder = '` + token + `'`
	for {
		err := s.tryLock(ctx, pool, create, take)
		if err == nil {
			return func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statementTimeout)
				defer cancel()
				_ = s.again(ctx, func() error { _, err := pool.ExecContext(ctx, free); return err }) // or the lease ends
			}, nil
		}
		if !errors.Is(err, errLocked) && !s.d.again(err) && !disconnected(err) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, &job.NotReadyError{Reason: "another migration of the database of MIGWATCH_DATABASE_URL is still running", Err: err}
		case <-time.After(50 * time.Millisecond):
		}
	}
}

var errLocked = errors.New("another process migrates")

func (s *Store) tryLock(ctx context.Context, pool *sql.DB, create, take string) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	done, err := pool.ExecContext(ctx, take)
	if err != nil && s.d.absent(err) {
		// CREATE TABLE IF NOT EXISTS may still meet another's on some engines: then the next round finds it.
		_, err = pool.ExecContext(ctx, create)
		if err == nil {
			_, err = pool.ExecContext(ctx, `INSERT INTO migration_lock (id, holder, until_ms) VALUES (1, '', 0)`)
		}
		if err != nil && s.d.refused(err) {
			return err
		}
		return errLocked
	}
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			// The row may be missing: its creator died between two statements.
			_, _ = pool.ExecContext(ctx, `INSERT INTO migration_lock (id, holder, until_ms) VALUES (1, '', 0)`)
			err = errLocked
		}
		return err
	}
	return nil
}

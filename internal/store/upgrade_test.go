package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
	"migwatch/migrations"
)

// firstRelease is the schema version of the first release.
const firstRelease = 2

// TestReleasedMigrationsStay holds the files of the first release as they are: databases made by them
// are out there.
func TestReleasedMigrationsStay(t *testing.T) {
	for engine, want := range map[string]string{
		"sqlite": "957596d76cc5ff7712b8b775c969b592f7f3ca31ea0eba818e30a80d4731282e", "postgres": "41411aa6df0e3adb0684beb5e60596c08716223610a4070ed1c3e6ff11694d6d", "mysql": "0fd348ef40a4b03e8f714020b2c2a9c6706a260800764e94ff83067125e40aa5",
	} {
		files, err := migrations.FS(engine)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		for _, name := range []string{"00001_create_tables.sql", "00002_create_credentials.sql"} {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(text)
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != want {
			t.Errorf("%s: the released files were changed; write a new migration (%s)", engine, got)
		}
	}
}

// TestFirstReleaseKeepsItsRows migrates a database of the first release that has rows in every table.
func TestFirstReleaseKeepsItsRows(t *testing.T) {
	ctx, key := context.Background(), secret.GenerateEncryptionKey()
	keys, err := secret.NewKeyring([]secret.Text{key})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := opened(t, e.url(t), store.Options{Keys: keys})
			if err := s.MigrateTo(ctx, firstRelease); err != nil {
				t.Fatal(err)
			}
			columns := tables(t, s)
			fillFirst(t, s, keys)
			before := rowsOf(t, s, columns)
			if n, err := s.Migrate(ctx); err != nil || int64(n) != migrations.Version(e.name)-firstRelease {
				t.Fatalf("%d steps, %v", n, err)
			}
			if e.name == "mysql" { // where an interrupted migration is run again, over what it had done
				if err := s.Admin(`DELETE FROM goose_db_version WHERE version_id > ?`, firstRelease); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Migrate(ctx); err != nil {
					t.Fatalf("run again: %v", err)
				}
			}
			if diff := cmp.Diff(before, rowsOf(t, s, columns)); diff != "" {
				t.Error(diff)
			}
			readFirst(t, s)
			if err := s.Ready(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFirstReleaseWritesOn runs statements of the first release on today's schema: until the last of its
// instances is gone, both builds work beside each other.
func TestFirstReleaseWritesOn(t *testing.T) {
	ctx, key := context.Background(), secret.GenerateEncryptionKey()
	keys, err := secret.NewKeyring([]secret.Text{key})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s := opened(t, e.url(t), store.Options{Keys: keys})
			if _, err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			fillFirst(t, s, keys)
			readFirst(t, s)
		})
	}
}

// fillFirst runs testdata/first_release.sql.
func fillFirst(t *testing.T, s *store.Store, keys *secret.Keyring) {
	t.Helper()
	text, err := os.ReadFile("testdata/first_release.sql")
	if err != nil {
		t.Fatal(err)
	}
	file, err := keys.Seal(secret.New("https://file.example/x"), "jobs", "wechat/test-env-1/9007199254740993")
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := keys.Seal(secret.New("the ticket"), "credentials", "wechat_ticket")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.NewReplacer("{file}", file, "{ticket}", ticket).Replace(string(text))) {
		if strings.HasPrefix(line, "--") {
			continue
		}
		if _, err := s.Pool().Exec(strings.TrimSuffix(strings.TrimSpace(line), ";")); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// readFirst asks the store for what fillFirst wrote.
func readFirst(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := context.Background()
	k := job.Key{Provider: job.WeChat, Scope: "test-env-1", ID: "9007199254740993"}
	j, err := s.Job(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	if j.Label != "导出 'x' 100 %" || j.Phase != job.Succeeded || j.Latest == nil || j.Latest.Message != "完成" || j.File == nil || j.File.URL == nil || j.File.URL.Reveal() != "https://file.example/x" {
		t.Errorf("got %+v", j)
	}
	if jobs, err := s.Jobs(ctx, job.Filter{}, nil, 10); err != nil || len(jobs) != 2 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
	if history, err := s.History(ctx, k, job.Span{}, 10); err != nil || len(history) != 2 {
		t.Errorf("%d snapshots, %v", len(history), err)
	}
	if events, err := s.Events(ctx, job.Filter{}, 0, 10); err != nil || len(events) != 3 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if ticket, _, err := s.Ticket(ctx); err != nil || ticket.Reveal() != "the ticket" {
		t.Errorf("ticket: %v", err)
	}
	if sum, err := s.Summary(ctx); err != nil || sum.Watched != 2 || sum.Paused != 1 || sum.LastTick == nil {
		t.Errorf("%+v, %v", sum, err)
	}
}

// tables gives the columns of every table of the schema.
func tables(t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	columns := map[string][]string{}
	for _, table := range []string{"jobs", "snapshots", "events", "sequences", "budgets", "ticks", "credentials"} {
		rows, err := s.Pool().Query(`SELECT * FROM ` + table)
		if err != nil {
			t.Fatal(err)
		}
		columns[table], err = rows.Columns()
		rows.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return columns
}

// rowsOf reads those columns of every row, but for what later schemas keep in sequences.
func rowsOf(t *testing.T, s *store.Store, columns map[string][]string) map[string][][]sql.NullString {
	t.Helper()
	all := map[string][][]sql.NullString{}
	for table, names := range columns {
		where := ""
		if table == "sequences" {
			where = ` WHERE name IN ('events', 'prune')`
		}
		rows, err := s.Pool().Query(`SELECT ` + strings.Join(names, ", ") + ` FROM ` + table + where + ` ORDER BY 1, 2`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			all[table] = append(all[table], row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		if len(all[table]) == 0 {
			t.Errorf("%s is empty", table)
		}
	}
	return all
}

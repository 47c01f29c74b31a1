package store_test

import (
	"testing"

	"migwatch/internal/dbtest"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// engine is a database that tests run on.
type engine struct {
	name string
	url  func(t testing.TB) string // of one new, empty database
}

var engines = []engine{
	{"sqlite", func(t testing.TB) string { return "sqlite:" + t.TempDir() + "/a b%20.db" }},
	{"postgres", func(t testing.TB) string { s := dbtest.Postgres(t); return s.URL(s.Database(t)) }},
	{"mysql", func(t testing.TB) string { s := dbtest.MySQL(t); return s.URL(s.Database(t)) }},
}

// database gives handles on one new, empty database.
func (e engine) database(t testing.TB) storetest.Fresh { return at(e.url(t)) }

// at opens handles on the database at url.
func at(url string) storetest.Fresh {
	return func(t testing.TB, o store.Options) *store.Store {
		t.Helper()
		return opened(t, url, o)
	}
}

// onEach runs a test on every engine, each database new and migrated.
func onEach(t *testing.T, test func(t *testing.T, open storetest.Fresh)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, migrated(t, e.database(t))) })
	}
}

func TestStore(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel() // servers wait for disks, SQLite computes
			storetest.Run(t, func(t testing.TB) storetest.Fresh { return migrated(t, e.database(t)) })
		})
	}
}

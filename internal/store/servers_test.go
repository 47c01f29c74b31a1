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
	// database gives handles on one new, empty database.
	database func(t testing.TB) storetest.Fresh
}

var engines = []engine{
	{"sqlite", func(t testing.TB) storetest.Fresh { return at("sqlite:" + t.TempDir() + "/a b%20?#.db") }},
	{"postgres", func(t testing.TB) storetest.Fresh { s := dbtest.Postgres(t); return at(s.URL(s.Database(t))) }},
	{"mysql", func(t testing.TB) storetest.Fresh { s := dbtest.MySQL(t); return at(s.URL(s.Database(t))) }},
}

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
			storetest.Run(t, func(t testing.TB) storetest.Fresh { return migrated(t, e.database(t)) })
		})
	}
}

func TestEightMigrateAtOnce(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { migrateTogether(t, e.database(t)) })
	}
}

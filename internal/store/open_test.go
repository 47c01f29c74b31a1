package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

func opened(t testing.TB, url string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(secret.New(url), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func migrated(t testing.TB, open storetest.Fresh) storetest.Fresh {
	t.Helper()
	if _, err := open(t, store.Options{}).Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return open
}

// migrateTogether lets eight processes' worth of handles migrate one empty database.
func migrateTogether(t *testing.T, open storetest.Fresh) {
	t.Helper()
	var not *job.NotReadyError
	if err := open(t, store.Options{}).Ready(context.Background()); !errors.As(err, &not) {
		t.Errorf("an empty database is ready: %v", err)
	}
	var all sync.WaitGroup
	steps := make(chan int, 8)
	for range 8 {
		s := open(t, store.Options{})
		all.Go(func() {
			n, err := s.Migrate(context.Background())
			if err != nil {
				t.Error(err)
			}
			steps <- n
		})
	}
	all.Wait()
	close(steps)
	movers := 0
	for n := range steps {
		if n > 0 {
			movers++
		}
	}
	if movers != 1 {
		t.Errorf("%d of 8 applied migrations", movers)
	}
	if err := open(t, store.Options{}).Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

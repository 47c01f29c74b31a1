package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

func ring(t testing.TB, keys ...secret.Text) *secret.Keyring {
	t.Helper()
	r, err := secret.NewKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fileURLsAreSealed(t *testing.T, open Fresh) {
	k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "7"}
	seen := job.Observation{Phase: job.Succeeded, Status: "success", File: &job.File{URL: secret.New("https://x/?q-signature=canary"), ExpiresAt: time.UnixMilli(1700000000000).UTC()}}
	for _, test := range []struct {
		name string
		o    store.Options
		url  string
	}{{"with a key", store.Options{Keys: ring(t, secret.GenerateEncryptionKey())}, "https://x/?q-signature=canary"}, {"without", store.Options{}, ""}} {
		s := open(t, test.o)
		if _, _, err := s.Watch(ctxOf(t), k, job.Change{}); err != nil {
			t.Fatal(err)
		}
		see(t, s, k, seen)
		f := get(t, s, k).File
		if f == nil || !f.ExpiresAt.Equal(seen.File.ExpiresAt) {
			t.Fatalf("%s: file %+v", test.name, f)
		}
		if got := reveal(f.URL); got != test.url {
			t.Errorf("%s: url %q, want %q", test.name, got, test.url)
		}
		if f.Sealed {
			t.Errorf("%s: it is said to be sealed with another key", test.name)
		}
		if test.url == "" {
			continue
		}
		for _, keys := range []*secret.Keyring{nil, ring(t, secret.GenerateEncryptionKey())} {
			if f := get(t, open(t, store.Options{Keys: keys}), k).File; f == nil || f.URL != nil || !f.Sealed {
				t.Errorf("with other keys: file %+v", f)
			}
		}
	}
}

func reveal(h job.Hidden) string {
	if h == nil {
		return ""
	}
	return h.Reveal()
}

func ticketsAreKept(t *testing.T, open Fresh) {
	key := secret.GenerateEncryptionKey()
	s := open(t, store.Options{Keys: ring(t, key)})
	if ticket, at, err := s.Ticket(ctxOf(t)); err != nil || !ticket.IsZero() || !at.IsZero() {
		t.Fatalf("before the first push: %v %v %v", ticket.IsZero(), at, err)
	}
	start, err := s.Now(ctxOf(t))
	if err != nil {
		t.Fatal(err)
	}
	made := func(minutes time.Duration) time.Time { return start.Add(minutes * time.Minute) }
	for _, test := range []struct {
		pushed string
		made   time.Time
		want   string
		at     time.Time
	}{
		{"ticket@@@1", made(-30), "ticket@@@1", made(-30)},
		{"ticket@@@2", made(-20), "ticket@@@2", made(-20)},
		{"ticket@@@1", made(-30), "ticket@@@2", made(-20)}, // replayed
		{"ticket@@@3", made(600), "ticket@@@3", start},     // by a clock far ahead
	} {
		if err := s.SaveTicket(ctxOf(t), secret.New(test.pushed), test.made); err != nil {
			t.Fatal(err)
		}
		ticket, at, err := s.Ticket(ctxOf(t))
		if err != nil || ticket.Reveal() != test.want || at.Sub(test.at).Abs() > 10*time.Second {
			t.Errorf("after %s: the right one %v, of %v, want %v (%v)", test.pushed, ticket.Reveal() == test.want, at, test.at, err)
		}
	}
	var not *job.NotReadyError
	bare := open(t, store.Options{})
	if err := bare.SaveTicket(ctxOf(t), secret.New("x"), start); !errors.As(err, &not) || !errors.Is(err, secret.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	other := open(t, store.Options{Keys: ring(t, secret.GenerateEncryptionKey())})
	if ticket, at, err := other.Ticket(ctxOf(t)); err != nil || !ticket.IsZero() || at.IsZero() {
		t.Errorf("with a foreign key: none %v, of %v, %v", ticket.IsZero(), at, err)
	}
	if err := other.SaveTicket(ctxOf(t), secret.New("ticket@@@4"), made(-60)); err != nil {
		t.Errorf("a ticket nobody can open is not replaced: %v", err)
	}
}

func tokensAreSwapped(t *testing.T, open Fresh) {
	keys := ring(t, secret.GenerateEncryptionKey())
	const swappers, rounds = 6, 10
	var won atomic.Int64
	var all sync.WaitGroup
	for range swappers {
		s := open(t, store.Options{Keys: keys})
		all.Go(func() {
			for range rounds {
				_, version, _, err := s.Tokens(ctxOf(t))
				if err != nil {
					t.Error(err)
					return
				}
				swapped, err := s.SwapTokens(ctxOf(t), version, secret.New("document"))
				if err != nil {
					t.Error(err)
				}
				if swapped {
					won.Add(1)
				}
			}
		})
	}
	all.Wait()
	s := open(t, store.Options{Keys: keys})
	document, version, now, err := s.Tokens(ctxOf(t))
	if err != nil || document.Reveal() != "document" || version != won.Load() || now.IsZero() {
		t.Errorf("version %d after %d swaps, now %v, %v", version, won.Load(), now, err)
	}
	if swapped, err := s.SwapTokens(ctxOf(t), version-1, secret.New("older")); err != nil || swapped {
		t.Errorf("an old version was swapped: %v", err)
	}
}

func rekeySealsAnew(t *testing.T, open Fresh) {
	old, fresh := secret.GenerateEncryptionKey(), secret.GenerateEncryptionKey()
	s := open(t, store.Options{Keys: ring(t, old)})
	k := job.Key{Provider: job.WeChat, Scope: "env-1", ID: "7"}
	watch(t, s, k)
	see(t, s, k, job.Observation{Phase: job.Succeeded, Status: "success", File: &job.File{URL: secret.New("https://x/"), ExpiresAt: time.UnixMilli(1)}})
	if err := s.SaveTicket(ctxOf(t), secret.New("ticket@@@1"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SwapTokens(ctxOf(t), 0, secret.New("document")); err != nil {
		t.Fatal(err)
	}
	both := open(t, store.Options{Keys: ring(t, fresh, old)})
	for _, want := range []int{3, 0} {
		if done, lost, err := both.Rekey(ctxOf(t)); err != nil || done != want || lost != 0 {
			t.Errorf("rekeyed %d, lost %d, %v; want %d", done, lost, err, want)
		}
	}
	one := open(t, store.Options{Keys: ring(t, fresh)})
	ticket, _, err := one.Ticket(ctxOf(t))
	document, version, _, err2 := one.Tokens(ctxOf(t))
	if err != nil || err2 != nil || ticket.Reveal() != "ticket@@@1" || document.Reveal() != "document" || version != 1 || reveal(get(t, one, k).File.URL) != "https://x/" {
		t.Errorf("the new key alone does not open everything: %v %v", err, err2)
	}
	if done, lost, err := open(t, store.Options{Keys: ring(t, secret.GenerateEncryptionKey())}).Rekey(ctxOf(t)); err != nil || done != 0 || lost != 3 {
		t.Errorf("with a foreign key: %d, %d, %v", done, lost, err)
	}
}

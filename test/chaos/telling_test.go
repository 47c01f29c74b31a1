package chaos

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/notify/notifytest"
	"migwatch/internal/scf/scftest"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

const (
	tellLease = 1500 * time.Millisecond
	tellOver  = tellLease + 100*time.Millisecond
)

// TestTellingSurvivesKills kills and freezes functions at any point of a sending. No event is missing at a sink, they
// come in order, and there are no more repeats than deeds.
func TestTellingSurvivesKills(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, line := range tellUnderHarm(t, e.open(t), scftest.Build(t, pollPackage), choose(6, 200)) {
				t.Error(line)
			}
		})
	}
}

// TestTellingMutantsAreCaught takes the safeguards of telling out, and wants that to be seen.
func TestTellingMutantsAreCaught(t *testing.T) {
	if !long() {
		t.Skip("a part of the long run: MIGWATCH_CHAOS=long")
	}
	for name, test := range map[string]struct {
		file    string
		changes []string
	}{
		"place moved before the receiver took it": {"internal/notify/deliver.go", []string{"	sending, cancel :=", "	if err := w.move(ctx, w.wanted[0].Event.ID, 1); err != nil {\n\t\treturn false, err\n\t}\n\tsending, cancel :="}},
		"fencing token not consumed":              {"internal/store/sinks.go", []string{"WHERE id = ? AND epoch = ? AND lease_until > {now}", "WHERE id = ? AND ? > 0", "WHERE id = ? AND epoch = ? AND lease_until <> 0", "WHERE id = ? AND ? > 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := tellUnderHarm(t, openSQLite(t), mutant(t, test.file, test.changes...), 30)
			if len(found) == 0 {
				t.Error("nobody noticed")
			}
			t.Log(found)
		})
	}
}

// tellUnderHarm gives a line for everything that is wrong with what a sink got.
func tellUnderHarm(t *testing.T, db *database, binary string, deeds int) []string {
	events := 50 * deeds
	s, sinks := db.store(t, 0), notifytest.New(t)
	env := map[string]string{"MIGWATCH_DATABASE_URL": db.urls[0], "MIGWATCH_NOTIFY": sinks.URL("webhook", "&on=all") + " " + sinks.URL("mail", "&on=all"),
		"MIGWATCH_POLL_RESERVE": "1s", "MIGWATCH_POLL_LEASE": tellLease.String(), "MIGWATCH_POLL_TIMEOUT": "1s"}
	tick := func(limit time.Duration) (f *scftest.Function, done chan error) {
		f, done = scftest.Start(t, binary, nil), make(chan error, 1)
		go func() {
			_, err := f.Invoke([]byte(event), maps.Clone(env), time.Now().Add(limit), "req")
			done <- err
		}()
		return f, done
	}
	first, done := tick(20 * time.Second) // it makes the sinks known
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	first.Kill()
	storetest.Happen(t, s, events)
	for n := range deeds {
		f, done := tick(30 * time.Second)
		before := sinks.Asked("webhook")
		for end := time.Now().Add(5 * time.Second); sinks.Asked("webhook") < before+1+n*7%23 && time.Now().Before(end); {
			time.Sleep(time.Duration(n%3) * 300 * time.Microsecond) // at another point of a sending each time
		}
		if n%3 == 2 {
			_ = f.Signal(syscall.SIGSTOP)
			time.Sleep(tellOver)
			other, others := tick(1500 * time.Millisecond)
			<-others
			other.Kill()
			_ = f.Signal(syscall.SIGCONT)
			time.Sleep(100 * time.Millisecond)
		}
		f.Kill()
		<-done
		time.Sleep(tellOver)
	}
	for end := time.Now().Add(time.Minute); behind(t, s) > 0 && time.Now().Before(end); {
		f, done := tick(20 * time.Second)
		<-done
		f.Kill()
	}
	return judgeTold(t, sinks, events, deeds)
}

// behind is how many events sinks have still to be told.
func behind(t *testing.T, s *store.Store) (n int64) {
	t.Helper()
	list, err := s.Sinks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		n += one.Behind
	}
	return n
}

func judgeTold(t *testing.T, sinks *notifytest.Receiver, events, deeds int) (wrong []string) {
	highest, repeats := 0, 0
	for _, g := range sinks.Got("webhook") {
		var id int
		if _, err := fmt.Sscanf(g.ID, "migwatch_%d", &id); err != nil {
			t.Fatal(err)
		}
		switch {
		case id <= highest:
			repeats++
		case id > highest+1 && len(wrong) < 5:
			wrong = append(wrong, fmt.Sprintf("event %d came after %d", id, highest))
		}
		highest = max(highest, id)
	}
	if highest != events {
		wrong = append(wrong, fmt.Sprintf("%d of %d events came", highest, events))
	}
	if repeats > deeds {
		wrong = append(wrong, fmt.Sprintf("%d repeats after %d deeds", repeats, deeds))
	}
	told := 0
	for _, g := range sinks.Got("mail") {
		n := 1
		if _, err := fmt.Sscanf(strings.TrimPrefix(g.Text, "📋 "), "%d events", &n); err != nil {
			n = 1
		}
		told += n
	}
	if told < events {
		wrong = append(wrong, fmt.Sprintf("%d of %d events came by mail", told, events))
	}
	t.Logf("%d repeats after %d deeds, %d mails", repeats, deeds, len(sinks.Got("mail")))
	return wrong
}

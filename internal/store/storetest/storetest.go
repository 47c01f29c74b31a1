// Package storetest says what every store must do. Each database runs it.
package storetest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// Fresh opens another handle on one empty, migrated database per test; every call within a test opens
// the same one. o goes to store.Open.
type Fresh func(t testing.TB, o store.Options) *store.Store

// suite is all of it.
var suite = []struct {
	name string
	run  func(t *testing.T, open Fresh)
}{
	{"WatchIsIdempotent", watchIsIdempotent},
	{"KeysAreTakenLiterally", keysAreTakenLiterally},
	{"PausedJobsAreNotClaimed", pausedJobsAreNotClaimed},
	{"PollNow", pollNow},
	{"FailuresInARowAreCountedByCode", failuresInARowAreCountedByCode},
	{"ResumedDuringAPollIsNotForgotten", resumedDuringAPollIsNotForgotten},
	{"UnwatchForgets", unwatchForgets},
	{"SessionsEnd", sessionsEnd},
	{"ClaimsAreExclusive", claimsAreExclusive},
	{"ManyClaimNothingTwice", manyClaimNothingTwice},
	{"ReleaseRestores", releaseRestores},
	{"RecordKeepsHistory", recordKeepsHistory},
	{"RecordTwiceIsOnce", recordTwiceIsOnce},
	{"LateTwinIsLost", lateTwinIsLost},
	{"LostDoNotSpoilTheGroup", lostDoNotSpoilTheGroup},
	{"BadOutcomeDoesNotSpoilTheGroup", badOutcomeDoesNotSpoilTheGroup},
	{"AboutIsKept", aboutIsKept},
	{"DiscoveriesAreKept", discoveriesAreKept},
	{"SweepsFindJobs", sweepsFindJobs},
	{"SweepsAreFenced", sweepsAreFenced},
	{"CrowdsFindEachJobOnce", crowdsFindEachJobOnce},
	{"FailedLookChangesNoHistory", failedLookChangesNoHistory},
	{"RequestsDuringALookWin", requestsDuringALookWin},
	{"FileURLsAreSealed", fileURLsAreSealed},
	{"ListsPageThroughEverything", listsPageThroughEverything},
	{"HistoryPages", historyPages},
	{"EventsMissNothing", eventsMissNothing},
	{"SlotsNeverCrowd", slotsNeverCrowd},
	{"PushHoldsForAll", pushHoldsForAll},
	{"SummaryCounts", summaryCounts},
	{"TroublesAreToldOnce", troublesAreToldOnce},
	{"StuckJobsAreToldOnce", stuckJobsAreToldOnce},
	{"SinksHaveTheirPlaces", sinksHaveTheirPlaces},
	{"SinksWaitAndStop", sinksWaitAndStop},
	{"SinksAreFenced", sinksAreFenced},
	{"PruneKeepsWhatIsUntold", pruneKeepsWhatIsUntold},
	{"PruneKeepsWhatItMust", pruneKeepsWhatItMust},
	{"PruneGoesOnWhereItStopped", pruneGoesOnWhereItStopped},
	{"PruneBesideRecorders", pruneBesideRecorders},
	{"TextsAreKept", Texts},
	{"TicketsAreKept", ticketsAreKept},
	{"TokensAreSwapped", tokensAreSwapped},
	{"RekeySealsAnew", rekeySealsAnew},
	{"MigrateManyAtOnce", migrateManyAtOnce},
}

// Run runs the suite. fresh gives a function that opens handles on a database of the test's own.
func Run(t *testing.T, database func(t testing.TB) Fresh) {
	for _, test := range suite {
		t.Run(test.name, func(t *testing.T) { test.run(t, database(t)) })
	}
}

func key(n int) job.Key {
	return job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-" + strconv.Itoa(n)}
}

func ctxOf(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func watch(t testing.TB, s *store.Store, keys ...job.Key) {
	t.Helper()
	for _, k := range keys {
		if _, created, err := s.Watch(ctxOf(t), k, job.Change{}); err != nil || !created {
			t.Fatalf("watch %s: created %v, err %v", k, created, err)
		}
	}
}

func claim(t testing.TB, s *store.Store, budget string, n int, lease time.Duration) []job.Claim {
	t.Helper()
	claims, err := s.Claim(ctxOf(t), budget, n, lease)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// poll claims k among what is due, gives the rest back, and settles what was seen.
func poll(t testing.TB, s *store.Store, k job.Key, seen *job.Observation, failure error, after time.Duration) job.Outcome {
	t.Helper()
	claims := claim(t, s, k.Budget(), 50, time.Minute)
	mine := slices.IndexFunc(claims, func(c job.Claim) bool { return c.Job.Key == k })
	if mine < 0 {
		t.Fatalf("%s is not due", k)
	}
	c := claims[mine]
	if rest := slices.Delete(claims, mine, mine+1); len(rest) > 0 {
		if _, err := s.Release(ctxOf(t), rest); err != nil {
			t.Fatal(err)
		}
	}
	return job.Settle(c, seen, failure, c.At.Add(after))
}

// record records, and again where the database only was too busy: a cluster's nodes refuse each other's
// writes to one row, and Record may be repeated.
func record(t testing.TB, s *store.Store, outcomes ...job.Outcome) []bool {
	t.Helper()
	recorded, err := s.Record(ctxOf(t), outcomes)
	var busy *job.NotReadyError
	for tries := 0; errors.As(err, &busy) && tries < 10; tries++ {
		recorded, err = s.Record(ctxOf(t), outcomes)
	}
	if err != nil {
		t.Fatal(err)
	}
	return recorded
}

// see polls k once more, whatever is due, and records it.
func see(t testing.TB, s *store.Store, k job.Key, seen job.Observation) {
	t.Helper()
	if _, err := s.PollNow(ctxOf(t), k); err != nil {
		t.Fatal(err)
	}
	if got := record(t, s, poll(t, s, k, &seen, nil, 0)); !got[0] {
		t.Fatalf("the poll of %s was lost", k)
	}
}

func get(t testing.TB, s *store.Store, k job.Key) job.Job {
	t.Helper()
	j, err := s.Job(ctxOf(t), k)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func history(t testing.TB, s *store.Store, k job.Key) []job.Snapshot {
	t.Helper()
	list, err := s.History(ctxOf(t), k, job.Span{Ascending: true}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func events(t testing.TB, s *store.Store) []job.Event {
	t.Helper()
	list, err := s.Events(ctxOf(t), job.Filter{}, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ptr[T any](v T) *T { return &v }

func running(percent int64) job.Observation {
	return job.Observation{Phase: job.Running, Status: "running", Progress: &percent, RequestID: "r"}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

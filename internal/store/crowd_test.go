package store_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/dbtest"
	"migwatch/internal/job"
	"migwatch/internal/store"
	"migwatch/internal/store/storetest"
)

// TestGalera runs the suite and a crowd of pollers on a cluster of three nodes, and takes one node away.
func TestGalera(t *testing.T) {
	if run := flag.Lookup("test.run").Value.String(); os.Getenv("CI") != "true" && !strings.Contains(run, "Galera") {
		t.Skip("takes a minute: runs with -run TestGalera, and with CI=true")
	}
	cluster := dbtest.NewGalera(t, 3)
	t.Run("Suite", func(t *testing.T) {
		storetest.Run(t, func(t testing.TB) storetest.Fresh {
			return migrated(t, scattered(cluster, cluster.Nodes[0].Database(t)))
		})
	})
	t.Run("EightMigrateAtOnce", func(t *testing.T) {
		open := scattered(cluster, cluster.Nodes[0].Database(t))
		var all sync.WaitGroup
		var moved atomic.Int32
		for range 8 {
			s := open(t, store.Options{})
			all.Go(func() {
				n, err := s.Migrate(context.Background())
				if err != nil {
					t.Error(err)
				}
				if n > 0 {
					moved.Add(1)
				}
			})
		}
		all.Wait()
		if moved.Load() != 1 {
			t.Errorf("%d of 8 applied migrations", moved.Load())
		}
	})
	t.Run("NodeLostAndBack", func(t *testing.T) { nodeLostAndBack(t, cluster) })
}

// scattered opens each handle of a test on the next node. A handle may read what another has just
// written on another node, so reads wait for what the cluster has committed before: wsrep_sync_wait.
func scattered(c *dbtest.Cluster, database string) storetest.Fresh {
	var next atomic.Int32
	return func(t testing.TB, o store.Options) *store.Store {
		t.Helper()
		node := c.Nodes[int(next.Add(1)-1)%len(c.Nodes)]
		return opened(t, node.URL(database)+"?wsrep_sync_wait=7", o)
	}
}

// nodeLostAndBack takes one of a cluster's nodes away from under its pollers.
func nodeLostAndBack(t *testing.T, c *dbtest.Cluster) {
	name := c.Nodes[0].Database(t)
	migrated(t, scattered(c, name))
	var urls []string
	for _, node := range c.Nodes {
		urls = append(urls, node.URL(name)+"?wsrep_sync_wait=7")
	}
	pollThrough(t, urls, func() {
		c.Nodes[2].Kill()
		time.Sleep(4 * time.Second)
		c.Nodes[2].Start(t)
		c.Nodes[2].Synced(t)
	})
}

// TestDeadConnections ends the pool's connections behind its back, as a freeze between two invocations
// does: the next call must not notice.
func TestDeadConnections(t *testing.T) {
	for _, server := range []*dbtest.Server{dbtest.Postgres(t), dbtest.MySQL(t)} {
		t.Run(server.Engine, func(t *testing.T) {
			name := server.Database(t)
			s := migrated(t, at(server.URL(name)))(t, store.Options{})
			key := job.Key{Provider: job.DTS, Scope: "ap-crowd", ID: "dts-1"}
			for range 3 {
				if _, _, err := s.Watch(context.Background(), key, job.Change{}); err != nil {
					t.Fatal(err)
				}
				server.EndConnections(t, name)
				if _, err := s.Unwatch(context.Background(), key); err != nil {
					t.Fatalf("on dead connections: %v", err)
				}
				server.EndConnections(t, name)
			}
		})
	}
}

// TestServerKilled kills the only server there is from under its pollers, twice, and starts it again.
func TestServerKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills servers for a while")
	}
	for _, start := range []func(testing.TB) *dbtest.Server{dbtest.NewPostgres, dbtest.NewMySQL} {
		s := start(t)
		t.Run(s.Engine, func(t *testing.T) {
			t.Parallel()
			url := s.URL(s.Database(t))
			migrated(t, at(url))
			pollThrough(t, []string{url, url}, func() {
				for range 2 {
					s.Kill()
					s.Start(t)
					time.Sleep(300 * time.Millisecond)
				}
			})
		})
	}
}

// pollThrough lets two pollers on each URL work through a disturbance, and checks what they were told
// against what is remembered.
func pollThrough(t *testing.T, urls []string, disturb func()) {
	t.Helper()
	s := opened(t, urls[0], store.Options{})
	keys := make([]job.Key, 60)
	for i := range keys {
		keys[i] = job.Key{Provider: job.DTS, Scope: "ap-crowd", ID: fmt.Sprintf("dts-%d", i)}
		if _, _, err := s.Watch(context.Background(), keys[i], job.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	var told sync.Map // job → how many polls were acknowledged
	var refused atomic.Int64
	stop := make(chan struct{})
	var pollers sync.WaitGroup
	for _, url := range slices.Concat(urls, urls) {
		h := opened(t, url, store.Options{})
		pollers.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := tickOnce(h, round, &told); err != nil {
					refused.Add(1)
					time.Sleep(50 * time.Millisecond) // its server is away
				}
			}
		})
	}
	time.Sleep(time.Second)
	disturb()
	time.Sleep(2 * time.Second)
	close(stop)
	pollers.Wait()
	t.Logf("%d calls were refused meanwhile", refused.Load())
	checkAcknowledged(t, opened(t, urls[len(urls)-1], store.Options{}), keys, &told)
}

// tickOnce claims a few jobs, records what each poll would see, and makes them due again.
func tickOnce(s *store.Store, round int, told *sync.Map) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	claims, err := s.Claim(ctx, "dts/ap-crowd", 7, 2*time.Second)
	if err != nil {
		return err
	}
	outcomes := make([]job.Outcome, len(claims))
	for i, c := range claims {
		phase := []job.Phase{job.Running, job.Failed}[round%2]
		outcomes[i] = job.Settle(c, &job.Observation{Phase: phase, Status: string(phase), Message: fmt.Sprint(round / 2)}, nil, c.At)
	}
	recorded, err := s.Record(ctx, outcomes)
	for i, ok := range recorded {
		if ok {
			n, _ := told.LoadOrStore(outcomes[i].Job.Key, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
		}
	}
	if err != nil {
		return err
	}
	for _, c := range claims {
		if _, err := s.PollNow(ctx, c.Job.Key); err != nil {
			return err
		}
	}
	return nil
}

// checkAcknowledged is I3 to I6: of each job no acknowledged poll may be missing. One more per failed
// call may be there: an answer to COMMIT can be lost together with the node.
func checkAcknowledged(t *testing.T, s *store.Store, keys []job.Key, told *sync.Map) {
	t.Helper()
	all, err := s.Events(context.Background(), job.Filter{}, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	byKey := map[job.Key][]job.Event{}
	for i, e := range all {
		if e.ID != int64(i+1) {
			t.Fatalf("event %d has ID %d", i+1, e.ID)
		}
		byKey[e.Key] = append(byKey[e.Key], e)
	}
	total, unsaid := int64(0), int64(0)
	for _, k := range keys {
		j, err := s.Job(context.Background(), k)
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.History(context.Background(), k, job.Span{Ascending: true}, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		var polls, observed int64
		if n, ok := told.Load(k); ok {
			polls = n.(*atomic.Int64).Load()
		}
		for _, n := range list {
			observed += n.Observations
		}
		if observed < polls {
			t.Errorf("%s: %d polls were acknowledged, %d are remembered", k, polls, observed)
		}
		if err := checkHistory(j, list, byKey[k], observed); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		total, unsaid = total+polls, unsaid+observed-polls
	}
	t.Logf("%d polls acknowledged, %d more remembered, %d events", total, unsaid, len(all))
	if total < int64(len(keys)) || unsaid > 200 {
		t.Errorf("%d polls acknowledged, %d more remembered", total, unsaid)
	}
}

package dbtest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Cluster is a Galera cluster: every node takes every statement.
type Cluster struct {
	Nodes []*Server
}

// NewGalera starts a cluster of n MariaDB nodes, which the test may kill and start again.
func NewGalera(t testing.TB, n int) *Cluster {
	t.Helper()
	var library string
	for _, place := range []string{"/usr/lib/galera", "/usr/lib", "/usr/lib64/galera*", "/usr/lib/galera*", "/usr/lib/*/galera*"} {
		if found, _ := filepath.Glob(filepath.Join(place, "libgalera_smm.so")); len(found) > 0 {
			library = found[0]
		}
	}
	if library == "" {
		Absent(t, "the Galera library is not installed (Debian: apt-get install galera-4)")
	}
	if find("rsync") == "" {
		Absent(t, "rsync is not installed; a Galera node copies its state with it")
	}
	ports := freePorts(t, 3*n)
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf("127.0.0.1:%d", ports[3*i]))
	}
	c := &Cluster{}
	for i := range n {
		group, ist, sst := ports[3*i], ports[3*i+1], ports[3*i+2]
		s := newMySQL(t, "--wsrep-on=ON", "--wsrep-provider="+library, "--wsrep-cluster-name=migwatch", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
			"--wsrep-sst-method=rsync", "--wsrep-slave-threads=2", fmt.Sprintf("--wsrep-node-name=n%d", i), fmt.Sprintf("--wsrep-node-address=127.0.0.1:%d", group),
			fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", sst),
			fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:%d;ist.recv_addr=127.0.0.1:%d;gcache.size=64M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;pc.recovery=FALSE", group, ist))
		founded := i > 0
		s.more = func() string {
			if !founded { // the first start of the first node makes the cluster, every other one joins it
				founded = true
				return "--wsrep-cluster-address=gcomm://"
			}
			return "--wsrep-cluster-address=gcomm://" + strings.Join(members, ",")
		}
		c.Nodes = append(c.Nodes, owned(t, s))
	}
	for i, s := range c.Nodes {
		s.Start(t)
		s.Synced(t)
		if i == 0 {
			s.account(t)
		}
	}
	return c
}

// Synced waits until a node takes statements and has applied what the others took before. A node calls itself Synced
// while a few writes still wait in its queue, so it is asked for a causal read as well.
func (s *Server) Synced(t testing.TB) {
	t.Helper()
	var name, value string
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := s.admin.QueryRowContext(ctx, "SHOW STATUS LIKE 'wsrep_local_state_comment'").Scan(&name, &value)
		cancel()
		if err == nil && value == "Synced" {
			s.Admin(t, "SET STATEMENT wsrep_sync_wait = 15 FOR SELECT 1")
			return
		}
	}
	t.Fatalf("a node is %q, not Synced", value)
}

package chaos

import "time"

// history is all that was recorded about one run, by everybody who saw a part of it.
type history struct {
	limits    map[string]int // budget: polls in any second
	arrivals  []arrival      // the upstream's log, in the order of arrival
	stalls    []stall        // when the upstream itself did not run
	keys      []string       // of all jobs that the upstream has
	listed    bool           // jobs are polled by lists that name many
	jobs      []jobRow
	sweeps    []sweepRow
	snapshots []snapshotRow // by job and seq
	events    []eventRow    // by ID
	lastEvent int64         // the last ID given out
	deeds     []deed        // the database's own record of claims and writes
	followed  []int64       // event IDs as somebody saw them who followed the events meanwhile
	reports   totals        // of all invocations that were answered
	wrong     []string      // reports that do not add up
	calm      bool          // nothing was frozen, killed or made due again: each job is polled once
	healed    healing
	texts     map[string]string // whatever was written, by place
	secrets   []string
	left      []string // processes, connections, files that remained
}

type arrival struct {
	at        time.Time
	budget    string
	key       string // provider/scope/job
	verdict   string
	limited   bool
	requestID string
}

type jobRow struct {
	id                                int64
	key, phase                        string
	seq, epoch, recordedEpoch, leased int64
	changedAt                         int64
}

// sweepRow is a discovery.
type sweepRow struct {
	place   string // provider/scope
	sweptAt int64  // the end of its last sweep; 0: none
}

type snapshotRow struct {
	job, seq           int64
	phase, content     string // content: all that is compared, the phase too
	requestID          string
	first, last, count int64
}

type eventRow struct {
	id, job, seq, at int64
	from, to         string
}

// deed is a claim, a release or a write, as a trigger saw it.
type deed struct {
	at, job, epoch int64
	held           int64 // the job's epoch at that moment
	what           string
	seq            int64
	until          int64 // the lease's end then
}

// totals sum up reports.
type totals struct{ claimed, recorded, changed, failed, released, lost int64 }

// healing is the end of a run: from when on nothing was broken and every job was due, and how long each
// may have to wait then.
type healing struct {
	at    time.Time
	limit time.Duration
}

// of gives what belongs to each job, in order.
func byJob[T any](list []T, job func(T) int64) map[int64][]T {
	out := map[int64][]T{}
	for _, v := range list {
		out[job(v)] = append(out[job(v)], v)
	}
	return out
}

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

// maxIDs is how many IDs a statement may list.
const maxIDs = 500

// Budgets names the budgets that have due jobs, and how long until each has a free slot: long where an
// upstream's refusal pushed it.
func (s *Store) Budgets(ctx context.Context) (map[string]time.Duration, error) {
	type waits struct {
		name string
		ms   int64
	}
	list, err := read(ctx, s, func(row scanner) (w waits, err error) {
		err = row.Scan(&w.name, &w.ms)
		return w, err
	}, budgetsSelect)
	due := make(map[string]time.Duration, len(list))
	for _, w := range list {
		due[w.name] = max(0, time.Duration(w.ms)*time.Millisecond)
	}
	return due, err
}

// A job is due when its time has come and nobody holds it. Those nobody ever left behind, lease_until 0,
// and those whose holder died are asked for apart: each is then a range of the index jobs_due, and what
// is being polled lies in neither.
const (
	dueIdle      = `jobs.lease_until = 0 AND jobs.next_at <= {now}`
	dueAbandoned = `jobs.lease_until > 0 AND jobs.lease_until <= {now} AND jobs.next_at <= {now}`
)

const budgetsSelect = `SELECT b.name, b.next_at - {now} FROM budgets b
	WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.budget = b.name AND ` + dueIdle + `) OR EXISTS (SELECT 1 FROM jobs WHERE jobs.budget = b.name AND ` + dueAbandoned + `)
	OR EXISTS (SELECT 1 FROM discoveries d WHERE d.budget = b.name AND ` + dueSweep + `)`

// Claim takes up to n due jobs of a budget for lease. Nothing stays locked: a claim is one conditional
// UPDATE that checks lease and due time again, raises each job's epoch and leaves the claim's token;
// what carries the token afterwards is owned.
func (s *Store) Claim(ctx context.Context, budget string, n int, lease time.Duration) ([]job.Claim, error) {
	n = min(n, maxIDs)
	ids, err := s.candidates(ctx, budget, n)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	token := randomHex(8)
	_, err = s.do(ctx, claimUpdate, lease.Milliseconds(), token, ids)
	var claims []job.Claim
	if err == nil {
		claims, err = s.claimed(ctx, token, ids)
	}
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", budget, err)
	}
	return claims, nil
}

const claimUpdate = `UPDATE jobs SET epoch = epoch + 1, lease_until = {now} + ?, claim = ?
	WHERE id IN ? AND lease_until <= {now} AND next_at <= {now}`

const candidatesSelect = `SELECT id FROM (SELECT id FROM jobs WHERE budget = ? AND ` + dueIdle + ` ORDER BY next_at LIMIT ?) idle
	UNION ALL SELECT id FROM (SELECT id FROM jobs WHERE budget = ? AND ` + dueAbandoned + ` LIMIT ?) abandoned`

// candidates are due jobs, the longest due first, drawn from more than are wanted: pollers that come
// at the same moment shall not all ask for the same.
func (s *Store) candidates(ctx context.Context, budget string, n int) ([]int64, error) {
	ids, err := read(ctx, s, value[int64], candidatesSelect, budget, 4*n, budget, n)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", budget, err)
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = ids[:min(n, len(ids))]
	slices.Sort(ids) // rows are locked in one order everywhere
	return ids, nil
}

const claimedSelect = `SELECT ` + jobColumns + `, {now}` + jobTables + `WHERE jobs.id IN ? AND jobs.claim = ?`

// claimed reads what carries the token. It is no transaction with the UPDATE: a process frozen between
// the two would keep everybody from these rows.
func (s *Store) claimed(ctx context.Context, token string, ids []int64) ([]job.Claim, error) {
	var claims []job.Claim
	err := s.exec(ctx, func(db *gorm.DB) (err error) { // on the writer: a replica may not have it yet
		claims, err = collect(db, s, s.scanClaim(token), claimedSelect, ids, token)
		return err
	})
	return claims, err
}

// scanClaim reads jobColumns and the database's time.
func (s *Store) scanClaim(token string) func(scanner) (job.Claim, error) {
	return func(rows scanner) (job.Claim, error) {
		var now int64
		r, err := s.scanJob(withExtra{rows, &now})
		return job.Claim{Row: r.id, Job: r.job, Epoch: r.epoch, Token: token, At: instant(now), Until: instant(r.leaseUntil)}, err
	}
}

// Release gives back jobs that were claimed and not polled, as they were. It says how many were
// still held.
func (s *Store) Release(ctx context.Context, claims []job.Claim) (int64, error) {
	var released int64
	for part := range slices.Chunk(claims, maxIDs) {
		byToken := map[string][]int64{}
		for _, c := range part {
			byToken[c.Token] = append(byToken[c.Token], c.Row)
		}
		for token, ids := range byToken {
			slices.Sort(ids)
			n, err := s.do(ctx, `UPDATE jobs SET lease_until = 0, claim = '' WHERE id IN ? AND claim = ? AND lease_until > 0`, ids, token)
			released += n
			if err != nil {
				return released, fmt.Errorf("release: %w", err)
			}
		}
	}
	return released, nil
}

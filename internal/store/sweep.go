package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

const dueSweep = `d.lease_until <= {now} AND d.next_at <= {now}`

// ClaimSweep takes the due discovery of a budget for lease, as Claim takes jobs; nil where none is due. taken says
// that another holds it.
func (s *Store) ClaimSweep(ctx context.Context, budget string, lease time.Duration) (sweep *job.Sweep, taken bool, err error) {
	token := randomHex(8)
	var claimed []job.Sweep
	err = s.exec(ctx, func(db *gorm.DB) error { // on the writer: what was claimed must be seen
		claimed, taken = nil, false
		n, err := s.run(db, `UPDATE discoveries SET epoch = epoch + 1, lease_until = {now} + ?, claim = ?
			WHERE budget = ? AND lease_until <= {now} AND next_at <= {now}`, lease.Milliseconds(), token, budget)
		if err == nil && n == 0 {
			return s.singleIn(db, []any{&taken}, `SELECT COUNT(*) > 0 FROM discoveries WHERE budget = ? AND lease_until > {now}`, budget)
		}
		if err != nil {
			return err
		}
		claimed, err = collect(db, s, func(rows scanner) (job.Sweep, error) {
			var now int64
			r, err := scanDiscovery(withExtra{rows, &now})
			return job.Sweep{Row: r.id, Discovery: r.discovery, Place: r.place, Whole: r.discovery.IsWhole(instant(now)), Epoch: r.epoch, At: instant(now)}, err
		}, `SELECT `+discoveryColumns+`, {now} FROM discoveries d WHERE d.claim = ?`, token)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("claim a sweep of %s: %w", budget, err)
	}
	if len(claimed) == 0 {
		return nil, taken, nil
	}
	return &claimed[0], taken, nil
}

// Crowd counts the jobs of a budget that are due, and all that are polled by themselves.
func (s *Store) Crowd(ctx context.Context, budget string) (due, all int64, err error) {
	err = s.single(ctx, []any{&due, &all}, `SELECT (SELECT COUNT(*) FROM jobs WHERE budget = ? AND `+dueIdle+`) + (SELECT COUNT(*) FROM jobs WHERE budget = ? AND `+dueAbandoned+`),
		(SELECT COUNT(*) FROM jobs WHERE budget = ? AND next_at > 0)`, budget, budget, budget)
	return due, all, err
}

// MoveSweep notes how much of the list was read and prolongs the lease; false where it is lost.
func (s *Store) MoveSweep(ctx context.Context, w job.Sweep, place int64, lease time.Duration) (held bool, err error) {
	n, err := s.do(ctx, `UPDATE discoveries SET place = ?, lease_until = {now} + ? WHERE id = ? AND epoch = ? AND lease_until > {now}`, place, lease.Milliseconds(), w.Row, w.Epoch)
	return n > 0, err
}

// EndSweep writes what a sweep came to, where its lease stands, and ends the lease. A discovery that was paused
// or changed meanwhile keeps the time that this set.
func (s *Store) EndSweep(ctx context.Context, w job.Sweep, d job.Discovery, place int64) error {
	p := d.Polling
	f, failedAt := failureColumns(p.LastError)
	_, err := s.do(ctx, `UPDATE discoveries SET lease_until = 0, claim = '', place = ?, swept_at = ?, whole_at = CASE WHEN finished = ? THEN {integer} ELSE whole_at END,
		next_at = CASE WHEN paused = 1 THEN NULL ELSE {integer} END, last_attempt_at = ?, failures = ?, error_kind = ?, error_code = ?, error_message = ?,
		error_request_id = ?, error_at = ?, error_repeats = ? WHERE id = ? AND epoch = ? AND lease_until <> 0`,
		place, millisOrNil(d.SweptAt), flag(d.Finished), millisOrNil(d.WholeAt), millisOrNil(p.NextAt), millisOrNil(p.LastAttemptAt), p.Failures,
		string(f.Kind), f.Code, f.Message, f.RequestID, failedAt, f.Repeats, w.Row, w.Epoch)
	return err
}

// ClaimListed takes the jobs that a page of a list names, due or not, for lease: those that are watched, not paused and
// free, and rest only if the list says something else of them than is known; and, for a discovery, those that are
// not watched yet, which are watched from now on; a sweep without a row is no discovery's. What was unwatched stays so, and what is final already is only
// wanted where the discovery asks for finished jobs. All of found are of one provider and scope.
func (s *Store) ClaimListed(ctx context.Context, w job.Sweep, found []job.Found, lease time.Duration) ([]job.Claim, error) {
	for tries := 0; ; tries++ {
		claims, err := s.claimListed(ctx, w, found, lease)
		if err == nil || !duplicate(err) || tries == maxTries {
			if err != nil {
				err = fmt.Errorf("claim what %s/%s lists: %w", w.Discovery.Provider, w.Discovery.Scope, err)
			}
			return claims, err
		}
	}
}

func (s *Store) claimListed(ctx context.Context, w job.Sweep, found []job.Found, lease time.Duration) ([]job.Claim, error) {
	names := make([]string, len(found))
	seen := map[string]job.Phase{}
	for i, f := range found {
		names[i], seen[f.Key.ID] = f.Key.ID, f.Observation.Phase
	}
	known, free, err := s.known(ctx, w.Discovery.Key(), names, seen)
	if err != nil {
		return nil, err
	}
	token, key := randomHex(8), w.Discovery.Key()
	var claims []job.Claim
	err = s.exec(ctx, func(db *gorm.DB) error {
		if fresh := s.fresh(w, found, known); len(fresh) > 0 {
			if err := s.adopt(db, key, fresh, token, lease); err != nil {
				return err
			}
		}
		if len(free) > 0 {
			_, err := s.run(db, `UPDATE jobs SET epoch = epoch + 1, lease_until = {now} + ?, claim = ? WHERE id IN ? AND lease_until <= {now} AND paused = 0`, lease.Milliseconds(), token, free)
			if err != nil {
				return err
			}
		}
		claims, err = collect(db, s, s.scanClaim(token), `SELECT `+jobColumns+`, {now}`+jobTables+`WHERE jobs.provider = ? AND jobs.scope = ? AND jobs.job_id IN ? AND jobs.claim = ?`,
			string(key.Provider), key.Scope, names, token)
		return err
	})
	return claims, err
}

// known are the jobs among names that are watched or were unwatched, and the rows of those that may be claimed.
func (s *Store) known(ctx context.Context, place job.Key, names []string, seen map[string]job.Phase) (known map[string]bool, free []int64, err error) {
	type listed struct {
		id          int64
		name        string
		phase       job.Phase
		open, rests bool
	}
	list, err := read(ctx, s, func(rows scanner) (l listed, err error) {
		err = rows.Scan(&l.id, &l.name, &l.phase, &l.open, &l.rests)
		return l, err
	}, `SELECT id, job_id, phase, CASE WHEN paused = 0 AND lease_until <= {now} THEN 1 ELSE 0 END, CASE WHEN next_at IS NULL THEN 1 ELSE 0 END
		FROM jobs WHERE provider = ? AND scope = ? AND job_id IN ?
		UNION ALL SELECT 0, job_id, '', 0, 0 FROM unwatched WHERE provider = ? AND scope = ? AND job_id IN ?`,
		string(place.Provider), place.Scope, names, string(place.Provider), place.Scope, names)
	known = map[string]bool{}
	for _, l := range list {
		known[l.name] = true
		if l.open && (!l.rests || l.phase != seen[l.name]) {
			free = append(free, l.id)
		}
	}
	return known, free, err
}

// fresh are the jobs of found that w's discovery wants watched.
func (s *Store) fresh(w job.Sweep, found []job.Found, known map[string]bool) (names []string) {
	taken := map[string]bool{}
	for _, f := range found {
		if w.Row != 0 && !known[f.Key.ID] && !taken[f.Key.ID] && (w.Discovery.Finished || !f.Observation.Phase.Final()) {
			taken[f.Key.ID] = true
			names = append(names, f.Key.ID)
		}
	}
	return names
}

// adopt watches jobs that are claimed from the first instant on: so what a list says of them is recorded at once.
func (s *Store) adopt(db *gorm.DB, place job.Key, names []string, token string, lease time.Duration) error {
	var args []any
	rows := ""
	for i, name := range names {
		if i > 0 {
			rows += ","
		}
		rows += `(?, ?, ?, ?, 'pending', {now}, {now}, {now}, '', '', 1, {now} + {integer}, ?)`
		args = append(args, string(place.Provider), place.Scope, name, place.Budget(), lease.Milliseconds(), token)
	}
	_, err := s.run(db, `INSERT INTO jobs (provider, scope, job_id, budget, phase, watched_at, changed_at, next_at, error_message, file_url, epoch, lease_until, claim) VALUES `+rows, args...)
	return err
}

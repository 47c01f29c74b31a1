package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
)

const (
	sinkSeen  = time.Minute        // how exactly it is kept when a sink was last found in the settings
	sinkGone  = 3 * 24 * time.Hour // after which one that is not found is forgotten
	sinkWants = `stopped = 0 AND next_at <= {now} AND lease_until <= {now} AND place < (SELECT value FROM sequences WHERE name = 'events')`
)

// sinkColumns is what scanSink reads.
const sinkColumns = `k.id, k.version, k.kind, k.name, k.filter, k.place, k.told, k.dropped, k.failures, k.failing_since, k.error, k.stopped, k.next_at, k.sent_at, k.seen_at,
	k.epoch, (SELECT value FROM sequences WHERE name = 'events'), {now}`

func scanSink(rows scanner) (c job.SinkClaim, err error) {
	var filter string
	var since, sent *int64
	var next, seen, now int64
	err = rows.Scan(&c.ID, &c.Version, &c.Kind, &c.Name, &filter, &c.Place, &c.Told, &c.Dropped, &c.Failures, &since, &c.Error, &c.Stopped, &next, &sent, &seen, &c.Epoch, &c.Last, &now)
	if err == nil {
		err = json.Unmarshal([]byte(filter), &c.Filter)
	}
	c.FailingSince, c.SentAt, c.SeenAt, c.At = instantOrNil(since), instantOrNil(sent), instant(seen), instant(now)
	if next > now {
		at := instant(next)
		c.NextAt = &at
	}
	return c, err
}

// Sinks lists them by name, with how many events each has still to be told.
func (s *Store) Sinks(ctx context.Context) ([]job.SinkState, error) {
	rows, err := s.sinkRows(ctx, sinksSelect)
	list := make([]job.SinkState, len(rows))
	for i, r := range rows {
		list[i] = r.SinkState
	}
	return list, err
}

// The second statement leaves out how many events each sink has still to be told: those are counted one by one.
const (
	sinksSelect     = `SELECT ` + sinkColumns + `, (SELECT COUNT(*) FROM events WHERE events.id > k.place) FROM sinks k ORDER BY k.name, k.id`
	sinksSelectOnly = `SELECT ` + sinkColumns + `, 0 FROM sinks k`
)

func (s *Store) sinkRows(ctx context.Context, statement string) ([]job.SinkClaim, error) {
	list, err := read(ctx, s, func(rows scanner) (job.SinkClaim, error) {
		var behind int64
		c, err := scanSink(withExtra{rows, &behind})
		c.Behind = behind
		return c, err
	}, statement)
	if err != nil {
		return nil, fmt.Errorf("list sinks: %w", err)
	}
	return list, nil
}

// KeepSinks makes known what the settings name. A sink that is new begins with what happens from then on; one whose
// address changed is no longer stopped; one that was not named for three days is forgotten.
func (s *Store) KeepSinks(ctx context.Context, named []job.Sink) error {
	known, err := s.sinkRows(ctx, sinksSelectOnly)
	if err != nil {
		return err
	}
	rows := map[string]job.SinkClaim{}
	for _, k := range known {
		rows[k.ID] = k
	}
	for _, n := range named {
		old, there := rows[n.ID]
		delete(rows, n.ID)
		if err := s.keepSink(ctx, n, old, there); err != nil {
			return fmt.Errorf("keep sink %s: %w", n.Name, err)
		}
	}
	for id, gone := range rows {
		if gone.At.Sub(gone.SeenAt) >= sinkGone {
			_, err := s.do(ctx, `DELETE FROM sinks WHERE id = ? AND seen_at = ?`, id, millis(gone.SeenAt))
			if err != nil {
				return fmt.Errorf("forget sink %s: %w", gone.Name, err)
			}
		}
	}
	return nil
}

func (s *Store) keepSink(ctx context.Context, n job.Sink, old job.SinkClaim, there bool) error {
	filter, err := json.Marshal(n.Filter)
	if err != nil {
		return err
	}
	switch {
	case !there:
		_, err = s.do(ctx, `INSERT INTO sinks (id, version, kind, name, filter, place, error, seen_at) SELECT ?, ?, ?, ?, ?, value, '', {now} FROM sequences WHERE name = 'events'`,
			n.ID, n.Version, n.Kind, n.Name, string(filter))
	case old.Version != n.Version: // what was wrong with the address may be right now
		_, err = s.do(ctx, `UPDATE sinks SET version = ?, name = ?, filter = ?, seen_at = {now}, stopped = 0, next_at = 0, failures = 0, failing_since = NULL, error = '' WHERE id = ? AND version = ?`,
			n.Version, n.Name, string(filter), n.ID, old.Version)
	case old.At.Sub(old.SeenAt) >= sinkSeen || old.Name != n.Name || !old.Filter.Equal(n.Filter):
		_, err = s.do(ctx, `UPDATE sinks SET name = ?, filter = ?, seen_at = {now} WHERE id = ?`, n.Name, string(filter), n.ID)
	}
	if duplicate(err) { // another poller made it known
		return nil
	}
	return err
}

// ClaimSink takes a sink for lease, as Claim takes jobs; nil where there is nothing to tell it, or it is not to be told
// now, or another has it.
func (s *Store) ClaimSink(ctx context.Context, id string, lease time.Duration) (*job.SinkClaim, error) {
	token := randomHex(8)
	var claims []job.SinkClaim
	err := s.exec(ctx, func(db *gorm.DB) error {
		_, err := s.run(db, `UPDATE sinks SET epoch = epoch + 1, lease_until = {now} + ?, claim = ? WHERE id = ? AND `+sinkWants, lease.Milliseconds(), token, id)
		if err == nil { // a first try may have been committed and its answer lost: what carries the token is owned
			claims, err = collect(db, s, scanSink, `SELECT `+sinkColumns+` FROM sinks k WHERE k.id = ? AND k.claim = ?`, id, token)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim a sink: %w", err)
	}
	if len(claims) == 0 {
		return nil, nil
	}
	return &claims[0], nil
}

// MoveSink writes that the sink took or passed over all events up to place, of them told, and prolongs the lease. It
// consumes the fencing token and gives the claim the next one; false where the lease is lost, and nothing was written.
func (s *Store) MoveSink(ctx context.Context, c *job.SinkClaim, place, told int64, lease time.Duration) (held bool, err error) {
	n, err := s.do(ctx, `UPDATE sinks SET place = ?, told = told + ?, epoch = epoch + 1, lease_until = {now} + ?, failures = 0, failing_since = NULL, error = '',
		sent_at = CASE WHEN ? > 0 THEN {now} ELSE sent_at END WHERE id = ? AND epoch = ? AND lease_until > {now}`,
		place, told, lease.Milliseconds(), told, c.ID, c.Epoch)
	if err != nil {
		return false, fmt.Errorf("move sink %s: %w", c.Name, err)
	}
	if held = n > 0; held {
		c.Epoch, c.Place, c.Told, c.Failures, c.FailingSince, c.Error = c.Epoch+1, place, c.Told+told, 0, nil, ""
	}
	return held, nil
}

// EndSink ends the lease and writes how the telling went, where the lease stands: c's place, what was dropped, failures
// and when to go on.
func (s *Store) EndSink(ctx context.Context, c job.SinkClaim) error {
	next := int64(0)
	if c.NextAt != nil {
		next = millis(*c.NextAt)
	}
	_, err := s.do(ctx, `UPDATE sinks SET epoch = epoch + 1, lease_until = 0, claim = '', place = ?, dropped = ?, failures = ?, failing_since = ?, error = ?, stopped = ?, next_at = ?
		WHERE id = ? AND epoch = ? AND lease_until <> 0`, c.Place, c.Dropped, c.Failures, millisOrNil(c.FailingSince), c.Error, flag(c.Stopped), next, c.ID, c.Epoch)
	if err != nil {
		return fmt.Errorf("end the telling of sink %s: %w", c.Name, err)
	}
	return nil
}

// Untold lists the events beyond after, n at most and the oldest first, each with its job as it is now.
func (s *Store) Untold(ctx context.Context, after int64, n int) ([]job.Told, error) {
	var list []job.Told
	err := s.query(ctx, func(db *gorm.DB) error {
		var of []int64
		var err error
		list, err = collect(db, s, func(rows scanner) (t job.Told, err error) {
			var row int64
			t.Event, err = scanEvent(withExtra{rows, &row})
			of = append(of, row)
			return t, err
		}, `SELECT id, provider, scope, job_id, from_phase, to_phase, at, seq, message, type, jobs, job FROM events WHERE id > ? ORDER BY id LIMIT ?`, after, n)
		if err != nil || len(of) == 0 {
			return err
		}
		jobs, err := collect(db, s, s.scanJob, `SELECT `+jobColumns+jobTables+`WHERE jobs.id IN ?`, of)
		byRow := make(map[int64]*job.Job, len(jobs))
		for i := range jobs {
			byRow[jobs[i].id] = &jobs[i].job
		}
		for i, row := range of {
			list[i].Job = byRow[row]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list untold events: %w", err)
	}
	return list, nil
}

// toldToAll is the last event that every sink has had that is still told of events.
func (s *Store) toldToAll(ctx context.Context) (last int64, err error) {
	err = s.single(ctx, []any{&last}, `SELECT COALESCE(MIN(place), 9223372036854775807) FROM sinks WHERE stopped = 0 AND seen_at > {now} - ?`, sinkGone.Milliseconds())
	return last, err
}

func (s *Store) countSinks(db *gorm.DB, sum *job.Summary) error {
	return s.singleIn(db, []any{&sum.Sinks}, `SELECT COUNT(*) FROM sinks WHERE (stopped = 1 OR failures > 0) AND seen_at > {now} - ?`, sinkGone.Milliseconds())
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// The credentials that are kept, each sealed under its own name.
const (
	wechatTicket = "wechat_ticket"
	wechatTokens = "wechat_tokens"
)

var errNoKey = &job.NotReadyError{Reason: "MIGWATCH_ENCRYPTION_KEYS is not set: neither ticket nor token of WeChat can be stored; " +
	"make a key with migwatch key --encryption and give the same to both functions", Err: secret.ErrNoKey}

// Ticket gives the newest verify ticket and when it came, by the database's clock: no instant where none
// ever came, an instant without a ticket where no key opens it.
func (s *Store) Ticket(ctx context.Context) (ticket secret.Text, at time.Time, err error) {
	ticket, _, changed, _, err := s.credential(ctx, wechatTicket)
	if changed > 0 {
		at = instant(changed)
	}
	return ticket, at, err
}

// SaveTicket keeps a ticket that WeChat made at that time, unless it has a newer one: pushes may be
// repeated, by WeChat or by somebody who saw one.
func (s *Store) SaveTicket(ctx context.Context, ticket secret.Text, made time.Time) error {
	for range maxTries { // each round meets another instance that keeps its own
		held, version, at, now, err := s.credential(ctx, wechatTicket)
		if err != nil {
			return err
		}
		ms := min(millis(made), now)
		if !held.IsZero() && at >= ms {
			return nil
		}
		saved, err := s.swap(ctx, wechatTicket, version, ticket, ms)
		if saved || err != nil {
			return err
		}
	}
	return fmt.Errorf("keep the ticket: others change it all the time")
}

// Tokens gives the document that SwapTokens kept, its version and the database's time. The document
// is none, with the version to be replaced, where no key opens it.
func (s *Store) Tokens(ctx context.Context) (document secret.Text, version int64, now time.Time, err error) {
	document, version, _, clock, err := s.credential(ctx, wechatTokens)
	return document, version, instant(clock), err
}

// SwapTokens puts document in the place of version. It reports false, and changes nothing, where
// another version is there by now.
func (s *Store) SwapTokens(ctx context.Context, version int64, document secret.Text) (bool, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return false, err
	}
	return s.swap(ctx, wechatTokens, version, document, millis(now))
}

func (s *Store) credential(ctx context.Context, name string) (plain secret.Text, version, changed, now int64, err error) {
	if !s.keys.CanSeal() {
		return secret.Text{}, 0, 0, 0, errNoKey
	}
	var sealed string
	err = s.exec(ctx, func(db *gorm.DB) error { // on the writer: what was swapped must be seen
		return s.singleIn(db, []any{&sealed, &version, &changed, &now}, `SELECT COALESCE(c.sealed, ''), COALESCE(c.version, 0), COALESCE(c.changed_at, 0), {clock}
			FROM (SELECT 1 AS one) o LEFT JOIN credentials c ON c.name = ?`, name)
	})
	if err != nil {
		return secret.Text{}, 0, 0, 0, fmt.Errorf("read %s: %w", name, err)
	}
	plain, err = s.keys.Open(sealed, "credentials", name)
	if errors.Is(err, secret.ErrUnknownKey) || errors.Is(err, secret.ErrForged) || errors.Is(err, secret.ErrMalformed) {
		return secret.Text{}, version, changed, now, nil // sealed with a key that is gone: as good as none
	}
	return plain, version, changed, now, err
}

// swap is the compare-and-swap of one credential, which is then as old as at says.
func (s *Store) swap(ctx context.Context, name string, version int64, plain secret.Text, at int64) (bool, error) {
	if !s.keys.CanSeal() {
		return false, errNoKey
	}
	sealed, err := s.keys.Seal(plain, "credentials", name)
	if err != nil {
		return false, fmt.Errorf("seal %s: %w", name, err)
	}
	var n int64
	if version == 0 {
		n, err = s.do(ctx, `INSERT INTO credentials (name, sealed, version, changed_at) VALUES (?, ?, 1, ?)`, name, sealed, at)
		if duplicate(err) {
			return false, nil
		}
	} else {
		n, err = s.do(ctx, `UPDATE credentials SET sealed = ?, version = version + 1, changed_at = ? WHERE name = ? AND version = ?`, sealed, at, name, version)
	}
	if err != nil {
		return false, fmt.Errorf("keep %s: %w", name, err)
	}
	return n > 0, nil
}

// Rekey seals anew, with the first key, all that another key sealed. It says how many values that
// were, and how many no key opens.
func (s *Store) Rekey(ctx context.Context) (done, lost int, err error) {
	if !s.keys.CanSeal() {
		return 0, 0, errNoKey
	}
	for _, name := range []string{wechatTicket, wechatTokens} {
		n, gone, err := s.rekeyCredential(ctx, name)
		if done, lost = done+n, lost+gone; err != nil {
			return done, lost, err
		}
	}
	for after := int64(0); ; {
		last, n, gone, err := s.rekeyFiles(ctx, after)
		if done, lost = done+n, lost+gone; err != nil || last == after {
			return done, lost, err
		}
		after = last
	}
}

func (s *Store) rekeyCredential(ctx context.Context, name string) (done, lost int, err error) {
	var sealed string
	err = s.exec(ctx, func(db *gorm.DB) error {
		return s.singleIn(db, []any{&sealed}, `SELECT COALESCE(MAX(sealed), '') FROM credentials WHERE name = ?`, name)
	})
	if err != nil || sealed == "" || !s.keys.NeedsRekey(sealed) {
		return 0, 0, err
	}
	again, err := s.reseal(sealed, "credentials", name)
	if err != nil {
		return 0, 1, nil //nolint:nilerr // what no key opens is counted, and left for a key that may come back
	}
	// Not the ticket's age, nor the tokens' version: what they say is the same. Whoever changed it
	// meanwhile sealed it with the first key already.
	_, err = s.do(ctx, `UPDATE credentials SET sealed = ? WHERE name = ? AND sealed = ?`, again, name, sealed)
	return 1, 0, err
}

func (s *Store) reseal(sealed, table, row string) (string, error) {
	plain, err := s.keys.Open(sealed, table, row)
	if err != nil {
		return "", err
	}
	return s.keys.Seal(plain, table, row)
}

// rekeyFiles goes through the jobs by ID, some hundred at a time.
func (s *Store) rekeyFiles(ctx context.Context, after int64) (last int64, done, lost int, err error) {
	type row struct {
		id     int64
		k      job.Key
		sealed string
	}
	var list []row
	err = s.exec(ctx, func(db *gorm.DB) (err error) {
		list, err = collect(db, s, func(rows scanner) (r row, err error) {
			err = rows.Scan(&r.id, &r.k.Provider, &r.k.Scope, &r.k.ID, &r.sealed)
			return r, err
		}, `SELECT id, provider, scope, job_id, file_url FROM jobs WHERE id > ? ORDER BY id LIMIT ?`, after, maxIDs)
		return err
	})
	last = after
	for _, r := range list {
		if last = r.id; r.sealed == "" || !s.keys.NeedsRekey(r.sealed) {
			continue
		}
		again, openErr := s.reseal(r.sealed, "jobs", r.k.String())
		if openErr != nil {
			lost++
			continue
		}
		_, doErr := s.do(ctx, `UPDATE jobs SET file_url = ? WHERE id = ? AND file_url = ?`, again, r.id, r.sealed)
		err = errors.Join(err, doErr)
		done++
	}
	return last, done, lost, err
}

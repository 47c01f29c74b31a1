package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"migwatch/internal/job"
	"migwatch/internal/pace"
)

// aloneAfter is how long after everybody else's last slot a process counts as alone on a budget: a second in
// which their sends and its own could meet, and one more.
const aloneAfter = 2 * time.Second

// Reserve takes up to n slots on a budget, if one is free within horizon; it returns none, and no First,
// otherwise. Slots that are void have a First and an N of 0: ask again.
//
// One statement moves the row, by the database's clock at that very moment: the transaction's start
// would, after a wait for the row, hand out slots in the past. A second reads where the row stands
// together with the clock, so that slots become local instants without trusting this process's clock.
// They are one transaction: without it, of processes that come at the same moment each replaces what
// the other was about to read, and eight pollers on MariaDB wasted three of four slots (5 polls a second
// of 20). A process frozen between the two holds everybody's row, until the server ends idle ones.
func (s *Store) Reserve(ctx context.Context, budget string, n int, spacing pace.Spacing, horizon time.Duration) (pace.Slots, error) {
	wanted := n
	n += int(s.extra.Load())
	alone, shared := pace.Millis(spacing.Alone, n), pace.Millis(spacing.Shared, n)
	token := randomHex(8)
	var moved, next, step, now int64
	var asked, answered time.Time
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		var err error
		moved, err = s.run(tx, reserveUpdate, s.holder, aloneAfter.Milliseconds(), aloneAfter.Milliseconds(),
			s.holder, aloneAfter.Milliseconds(), alone, shared, s.holder, aloneAfter.Milliseconds(), alone, shared, s.holder, token, budget, horizon.Milliseconds())
		if err != nil || moved == 0 {
			return err
		}
		asked = time.Now()
		err = s.singleIn(tx, []any{&next, &step, &now}, reservedSelect, budget, token)
		answered = time.Now()
		return err
	})
	if err != nil || moved == 0 {
		return pace.Slots{}, reserveError(budget, err)
	}
	slots := spacing.Slots(answered.Add(time.Duration(next-step-now)*time.Millisecond), n, step != alone)
	if lost, known := slots.Trim(answered.Sub(asked)); known {
		s.extra.Store(int64(lost))
	}
	slots.N = min(slots.N, wanted)
	return slots, nil
}

func reserveError(budget string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reserve %s: %w", budget, err)
}

// reserveMine is whether this process has the budget to itself: it came last and nobody else came within
// aloneAfter before, or nobody at all did.
const reserveMine = `(holder = ? AND next_at >= shared_until OR next_at < {clock} - ?)`

// The order of the assignments matters: MySQL sees the new values of those to the left. The first one
// changes nothing that reserveMine asks about this process.
const reserveUpdate = `UPDATE budgets SET
	shared_until = CASE WHEN holder <> ? AND next_at >= {clock} - ? THEN next_at + ? ELSE shared_until END,
	seen_at = {clock},
	step = CASE WHEN ` + reserveMine + ` THEN {integer} ELSE {integer} END,
	next_at = CASE WHEN next_at > {clock} THEN next_at ELSE {clock} END + CASE WHEN ` + reserveMine + ` THEN {integer} ELSE {integer} END,
	holder = ?, token = ?
	WHERE name = ? AND next_at <= {clock} + ?`

const reservedSelect = `SELECT next_at, step, {clock} FROM budgets WHERE name = ? AND token = ?`

// Push keeps everybody from a budget for delay, because an upstream refused: kind says why. It stays in
// the row, so the next tick knows too.
func (s *Store) Push(ctx context.Context, budget string, delay time.Duration, kind job.Kind) error {
	ms := delay.Milliseconds()
	_, err := s.do(ctx, `UPDATE budgets SET pushes = pushes + 1, pushed_by = ?,
		pushed_until = CASE WHEN pushed_until > {now} + ? THEN pushed_until ELSE {now} + ? END,
		next_at = CASE WHEN next_at > {now} + ? THEN next_at ELSE {now} + ? END
		WHERE name = ?`, string(kind), ms, ms, ms, ms, budget)
	if err != nil {
		return fmt.Errorf("push %s: %w", budget, err)
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"migwatch/internal/job"
)

// RememberTick remembers what a tick did.
func (s *Store) RememberTick(ctx context.Context, t job.Tick, elapsed time.Duration) error {
	_, err := s.do(ctx, `UPDATE ticks SET started_at = {now} - ?, finished_at = {now},
		claimed = ?, recorded = ?, changed = ?, failed = ?, released = ?, lost = ?, notified = ?, due = ?,
		total_ticks = total_ticks + 1, total_claimed = total_claimed + ?, total_recorded = total_recorded + ?, total_changed = total_changed + ?,
		total_failed = total_failed + ?, total_released = total_released + ?, total_lost = total_lost + ? WHERE id = 1`,
		elapsed.Milliseconds(), t.Claimed, t.Recorded, t.Changed, t.Failed, t.Released, t.Lost, t.Notified, t.Due,
		t.Claimed, t.Recorded, t.Changed, t.Failed, t.Released, t.Lost)
	if err != nil {
		return fmt.Errorf("remember the tick: %w", err)
	}
	return nil
}

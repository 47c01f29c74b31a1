package wechat

import "context"

// turn is held by the one caller of a source that asks for another token.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn. A caller that can do without does not wait, and is told whether it got it.
func (t turn) take(ctx context.Context, canDoWithout bool) (taken bool, err error) {
	if canDoWithout {
		select {
		case t <- struct{}{}:
			return true, nil
		default:
			return false, nil
		}
	}
	select {
	case t <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (t turn) give() { <-t }

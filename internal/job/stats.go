package job

import "time"

// Stats is a Summary with what is counted beside the jobs: for those who draw curves of it.
type Stats struct {
	Summary
	// OldestPollAt is the last poll of the job that was polled longest ago, among those that are
	// polled by themselves and were polled before.
	OldestPollAt *time.Time
	Totals       Totals
	Budgets      []BudgetStats // by name
	Lags         []LagStats
	SinkStates   []SinkState
}

// LagStats is the largest lag of one place, among the jobs that tell one.
type LagStats struct {
	Provider Provider
	Scope    string
	Seconds  int64
}

// Totals count since the beginning; they never go down.
type Totals struct {
	Ticks, Claimed, Recorded, Changed, Failed, Released, Lost int64
}

// BudgetStats tells how often an upstream refused on one budget.
type BudgetStats struct {
	Name        string
	Pushes      int64
	PushedUntil *time.Time // nil: never pushed
	PushedBy    Kind       // the last push's reason
}

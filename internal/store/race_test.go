//go:build race

package store_test

// The race detector makes SQLite, which is Go here, thirty times slower to fill. Without it the plans are
// tested at full size.
func init() { sqlitePlanJobs = 10_000 }

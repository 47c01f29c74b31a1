// Package store remembers: watched jobs, their snapshots and events, the budgets of upstream calls,
// and the last tick, in SQL through GORM.
//
// What is cold uses GORM's models; the hot statements are fixed SQL through GORM, one file per
// purpose, in the subset that SQLite, PostgreSQL, MySQL and the engines that speak their protocols
// share: guarded UPDATE, INSERT that may conflict, keyset SELECT, CASE. No RETURNING, SKIP LOCKED,
// OFFSET, foreign keys or triggers. What differs between engines is in dialect.go and its siblings.
//
// It decides nothing about jobs (package job does) and never polls an upstream.
package store

// Package job holds the words of migwatch and every decision about a watched job: what its phase
// means, whether two polls saw the same, and when to poll again.
//
// It is pure. It imports the standard library only, reads no clock, rolls no dice and does no I/O:
// time and chance are arguments, so every run repeats exactly. It knows nothing of upstream fields
// (package cloudapi), rows (package store) or JSON (package httpapi).
package job

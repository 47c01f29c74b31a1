// Package metrics tells Prometheus what the store remembers.
//
// Everything is computed from the store when it is scraped: a function's process is frozen, killed and
// multiplied, so what it would count by itself means nothing. For the same reason it shows no figures of
// the Go runtime. It must not keep anything between scrapes, read a clock of its own, or show a label
// whose values the upstreams choose.
package metrics

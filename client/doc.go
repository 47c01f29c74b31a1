// Package client talks to migwatch's HTTP API: the query function's, or that of migwatch serve.
//
//	c, err := client.New("https://migwatch.example.com", key, nil)
//	…
//	for j, err := range c.Jobs(ctx, client.JobFilter{Phases: []client.Phase{client.Failed}}) {
//
// It stands alone: its types are its own, and it imports nothing but the standard library. It never
// retries, caches or logs, and no error it makes holds the key.
package client

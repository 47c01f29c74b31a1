// Package cloudapi is what the clients of the two upstream APIs share: one HTTP transport that waits
// for its slot, bounds what it reads and tells nothing secret, and a strict reader of JSON objects.
//
// It knows no upstream's fields, codes or signatures (its subpackages do), reads no clock and no
// environment, and must never put a query, a header or any text of net/http into an error: WeChat's
// token is in the query, and *url.Error prints URLs.
package cloudapi

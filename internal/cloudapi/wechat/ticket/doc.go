// Package ticket verifies and opens what WeChat pushes to a platform's callback: the verify ticket
// that buys tokens, and notices to be acknowledged.
//
// It calls nothing and stores nothing, so that a server which only receives pushes links no client of
// an API. Its errors never show a ticket or a key, and everything that is wrong with a push looks the
// same from outside.
package ticket

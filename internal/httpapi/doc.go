// Package httpapi tells over HTTP what the store remembers: routes, keys, views, cursors and problems.
//
// It is the one package that names a status code, a JSON field or a query parameter, and the one that
// may use huma. It decides nothing about jobs (package job), knows no column (package store) and polls
// at no upstream. Handlers return a reply or an error; Fail alone turns errors into problems.
//
// Other packages' pages are mounted on the same mux with Handle, behind the same keys.
package httpapi

package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"gorm.io/gorm"

	"migwatch/internal/job"
)

// Without a deadline the drivers wait for ever in a network that swallows packets. One try has its own,
// so that a connection that died while its function was frozen leaves time for a fresh one.
const (
	callTimeout = 15 * time.Second
	tryTimeout  = 6 * time.Second
	maxTries    = 5
)

// again runs work until it succeeds, fails for good, or was tried maxTries times: with full jitter and
// within ctx. What is left over comes back in words that may be shown where nothing works at all.
func (s *Store) again(ctx context.Context, work func(ctx context.Context) error) error {
	last, err := s.try(ctx, work)
	if err == nil {
		return nil
	}
	if !last {
		err = s.tryMore(ctx, work, err)
	}
	return s.explain(err)
}

// try runs work once, and tells whether what it failed with is the last word.
func (s *Store) try(ctx context.Context, work func(ctx context.Context) error) (last bool, err error) {
	try, cancel := context.WithTimeout(ctx, s.d.tryTimeout)
	defer cancel()
	if err = work(try); err == nil {
		return false, nil
	}
	found := s.d.diagnose(err)
	return found == slow || !worthwhile(found, err) && (try.Err() == nil || ctx.Err() != nil), err
}

func (s *Store) tryMore(ctx context.Context, work func(ctx context.Context) error, first error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout-tryTimeout)
	defer cancel()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 10 * time.Millisecond
	wait.Multiplier = 4
	wait.MaxInterval = time.Second
	wait.RandomizationFactor = 1
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		last, err := false, first
		if first = nil; err == nil {
			last, err = s.try(ctx, work)
		}
		if last {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries))
	return err
}

// worthwhile reports whether what failed with err, which the engine means as found, may succeed when it
// is run again.
func worthwhile(found fault, err error) bool {
	switch found {
	case passing, crowded:
		return true
	case nothing:
		return disconnected(err) && !distrusted(err)
	}
	return false
}

// fault is what an engine's error means to us.
type fault int

const (
	nothing   fault = iota // nothing in particular
	passing                // the same may succeed when it is run again
	crowded                // no connection is free; passing, too
	absent                 // a table is not there
	missing                // the database is not there
	refused                // wrong user or password
	denied                 // the user may not do this
	misspelt               // a parameter of the URL's query is not known
	plaintext              // TLS is asked for and not to be had, or the reverse
	full                   // no space is left
	readonly               // a replica, or an instance locked for its disk
	pooled                 // prepared statements are not where they were made
	slow                   // a file did not answer in time, and would take as long again
)

// reasons say what mends a fault. They are fixed texts, so that none can show a password.
var reasons = map[fault]string{
	crowded:   "the database of MIGWATCH_DATABASE_URL has no free connection: raise its limit or run fewer instances",
	absent:    "the database of MIGWATCH_DATABASE_URL has no schema yet: run migwatch migrate",
	missing:   "the server of MIGWATCH_DATABASE_URL has no database of that name: create it or correct the URL",
	refused:   "the server of MIGWATCH_DATABASE_URL refuses the user or the password: correct the URL",
	denied:    "the user of MIGWATCH_DATABASE_URL may not use this database and its tables: grant it what docs/operations.md lists",
	misspelt:  "the server of MIGWATCH_DATABASE_URL does not know a parameter of the URL's query: correct the URL",
	plaintext: "the server of MIGWATCH_DATABASE_URL and the URL do not agree about TLS: correct sslmode (PostgreSQL) or tls (MySQL), or the certificate",
	full:      "the database of MIGWATCH_DATABASE_URL has no space left: enlarge its disk or prune",
	readonly:  "the database of MIGWATCH_DATABASE_URL is read-only: name the primary, free its disk, or end the default_transaction_read_only of its role or database",
	pooled:    "what lies in front of the database of MIGWATCH_DATABASE_URL (a transaction pooler?) does not keep prepared statements: add default_query_exec_mode=exec to the URL's query",
	slow:      "the file of MIGWATCH_DATABASE_URL did not answer in time: its disk is slow or busy, or too much was asked at once",
}

// explain turns an error that means "no database" into one that says what mends it.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Err
	}
	found := s.d.diagnose(err)
	if found == nothing && distrusted(err) {
		found = plaintext
	}
	if reason, known := reasons[found]; known {
		return &job.NotReadyError{Reason: reason, Err: err}
	}
	if found == passing || disconnected(err) || errors.Is(err, context.DeadlineExceeded) {
		return &job.NotReadyError{Reason: s.d.unreachable, Err: err}
	}
	return err
}

// unreachable is why a server could not be asked, where nothing better is known.
const unreachable = "the database of MIGWATCH_DATABASE_URL does not answer: check host, port, network and that it runs"

// disconnected reports whether err means that the connection, not the statement, was at fault.
func disconnected(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || // the socket of a server that is down
		errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)
}

// distrusted reports whether err means that the server's certificate was not accepted.
func distrusted(err error) bool {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &record)
}

// duplicate reports whether err is a unique violation: the one sign of a duplicate on which all
// engines agree.
func duplicate(err error) bool { return errors.Is(err, gorm.ErrDuplicatedKey) }

package store

import (
	"context"
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

// maxTries is how often one call is tried at all.
const maxTries = 5

// again runs work until it succeeds, fails for good, or was tried maxTries times: with full jitter and
// within ctx. What is left over comes back in words that may be shown where nothing works at all.
func (s *Store) again(ctx context.Context, work func() error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 10 * time.Millisecond
	wait.MaxInterval = time.Second
	wait.RandomizationFactor = 1
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := work()
		if err != nil && !s.d.again(err) && !disconnected(err) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries))
	return s.explain(err)
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
	switch {
	case s.d.absent(err):
		return &job.NotReadyError{Reason: "the database of MIGWATCH_DATABASE_URL has no schema yet: run migwatch migrate", Err: err}
	case s.d.refused(err):
		return &job.NotReadyError{Reason: "the database of MIGWATCH_DATABASE_URL refuses its user, password or database name: correct the URL or the user's grants", Err: err}
	case disconnected(err), s.d.again(err), errors.Is(err, context.DeadlineExceeded):
		return notReady(s.d.name, err)
	}
	return err
}

func notReady(engine string, err error) error {
	return &job.NotReadyError{Reason: "the " + engine + " database of MIGWATCH_DATABASE_URL does not answer: check host, port, network and that it runs", Err: err}
}

// disconnected reports whether err means that the connection, not the statement, was at fault.
func disconnected(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &network) && !errors.Is(err, context.DeadlineExceeded)
}

// duplicate reports whether err is a unique violation: the one sign of a duplicate on which all
// engines agree.
func duplicate(err error) bool { return errors.Is(err, gorm.ErrDuplicatedKey) }

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"migwatch/client"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // it did not work; of wait: the job ended otherwise than hoped
	exitUsage       = 2   // it was asked for in a way that cannot be; of wait: the job is not watched
	exitTimeout     = 3   // of wait: not final in time
	exitNotAsked    = 4   // of wait: the server or the database could not be asked
	exitInterrupted = 130 // Ctrl-C, as shells count it
)

// exitError ends the command with a code of its own. Without err nothing is printed: all was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is a mistake in what was asked for.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitCode says how to end after err.
func exitCode(ctx context.Context, err error) int {
	var e *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &e):
		return e.code
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// remedy is an error with what the command can do about it.
func remedy(err error) string {
	if client.Code(err) == client.CodeJobPaused {
		return "the job is paused; watch --resume lets it be polled again"
	}
	return err.Error()
}

// explain prints an error as one who is to mend it reads it: a line each, the key's remedy beside it.
func explain(err error) string {
	text := remedy(err)
	if text == "" {
		return ""
	}
	switch client.Code(err) {
	case client.CodeUnauthorized:
		text = "the server does not know this key: give --key, or set MIGWATCH_KEY or MIGWATCH_KEY_FILE"
	case client.CodeForbidden:
		text = "this key may only read: use one of the server's MIGWATCH_ADMIN_KEYS"
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = plain(line) // an error may quote a file or an upstream
	}
	return "migwatch: " + strings.Join(lines, "\n  ") + "\n"
}

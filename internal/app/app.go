// Package app wires the parts together: settings to a store, a log that keeps secrets in, and what
// both halves share. The halves are packages of their own, app/tick and app/api, so that the poll
// function links no HTTP API and the query function no upstream client.
//
// It decides nothing by itself. Together with the mains it is where the clock and the process are
// touched.
package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime/debug"
	"sync"
	"time"
	"unicode/utf8"

	"migwatch/internal/config"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// stamped is the version where the linker was told it, as a container's build is, which has no history.
var stamped string

// Version is this build's, from the module or the commit it was built from.
var Version = sync.OnceValue(func() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return "devel"
})

// Log writes JSON lines out of which known secrets are blotted as the last stage.
type Log struct {
	*slog.Logger
	out   *secret.Writer
	level slog.LevelVar
}

// NewLog makes a Log that writes to w.
func NewLog(w io.Writer) *Log {
	l := &Log{out: secret.NewWriter(escaping{w})}
	l.Logger = slog.New(slog.NewJSONHandler(l.out, &slog.HandlerOptions{Level: &l.level}))
	return l
}

// escaping writes lines of JSON that a terminal can show.
type escaping struct{ io.Writer }

func (e escaping) Write(line []byte) (int, error) {
	if _, err := e.Writer.Write(EscapeControls(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// EscapeControls gives a line of JSON with escapes in place of the control characters that JSON allows within
// texts, U+007F to U+009F: a terminal would obey them, and upstreams' texts may have them.
func EscapeControls(line []byte) []byte {
	obeyed := func(r rune) bool { return r >= 0x7f && r <= 0x9f }
	if bytes.IndexFunc(line, obeyed) < 0 {
		return line
	}
	var out []byte
	for _, r := range string(line) {
		if obeyed(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// Use takes the level and the secrets of s.
func (l *Log) Use(s config.Settings) {
	l.level.Set(s.LogLevel)
	l.out.Add(s.Secrets()...)
}

// Hide blots out more secrets: those that come while the program runs.
func (l *Log) Hide(secrets ...secret.Text) { l.out.Add(secrets...) }

// Scrub blots known secrets out of a text that is told to somebody outside.
func (l *Log) Scrub(text string) string { return l.out.Scrub(text) }

// Bell wakes those who wait for what this process writes.
type Bell struct {
	mu   sync.Mutex
	next chan struct{}
}

// Ring wakes them.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Next gives a channel that the next ring closes.
func (b *Bell) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

// recheck is how often the schema is read anew: it changes under a running process when somebody
// migrates, in either direction of a release.
const recheck = 5 * time.Minute

// Database keeps a store open for as long as its settings stay the same.
type Database struct {
	Committed func() // called after each commit that may have told an event; nil: nobody is

	mu    sync.Mutex
	used  config.Settings
	store *store.Store
	check *check // of the store
}

// Open gives the store of s, ready to work. The error is or wraps a *job.NotReadyError.
func (d *Database) Open(ctx context.Context, s config.Settings) (*store.Store, error) {
	db, check, err := d.current(s)
	if err != nil {
		return nil, err
	}
	if err := check.wait(ctx, false); err != nil {
		return nil, err
	}
	return db, nil
}

// Ready tells whether the store of s can be used at this moment. Open's errors, and as many callers at a time
// as there may be: they share one question to the database.
func (d *Database) Ready(ctx context.Context, s config.Settings) error {
	_, check, err := d.current(s)
	if err != nil {
		return err
	}
	return check.wait(ctx, true)
}

// current gives the store of s and its check. It asks the database nothing.
func (d *Database) current(s config.Settings) (*store.Store, *check, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.store == nil || !reflect.DeepEqual(d.used.Database, s.Database) || !reflect.DeepEqual(d.used.EncryptionKeys, s.EncryptionKeys) {
		if err := d.close(); err != nil {
			return nil, nil, err
		}
		opened, err := store.Open(s.Database.URL, store.Options{Keys: s.Keyring, Committed: d.Committed})
		if err != nil {
			return nil, nil, err
		}
		d.store, d.used, d.check = opened, s, &check{ask: opened.Ready}
	}
	return d.store, d.check, nil
}

// Close ends the store's connections, if any.
func (d *Database) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.close()
}

func (d *Database) close() error {
	if d.store == nil {
		return nil
	}
	err := d.store.Close()
	d.store, d.check = nil, nil
	return err
}

// Cause is what lies behind a *job.NotReadyError in err: for the log alone, which blots secrets out.
func Cause(err error) string {
	var not *job.NotReadyError
	if errors.As(err, &not) && not.Err != nil {
		return not.Err.Error()
	}
	return ""
}

// NotReady finds the sentence that may be shown to anybody in err: what is missing and what mends it.
func NotReady(err error) *job.NotReadyError {
	var not *job.NotReadyError
	if errors.As(err, &not) {
		return not
	}
	var wrong *config.Error
	if errors.As(err, &wrong) {
		return &job.NotReadyError{Reason: wrong.Error(), Err: err}
	}
	return &job.NotReadyError{Reason: "the settings cannot be read; the log has more", Err: err}
}

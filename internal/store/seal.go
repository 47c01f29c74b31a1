package store

import (
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// seal makes what is kept of an export's file: its URL is a bearer credential and is stored encrypted
// or not at all.
func (s *Store) seal(o *job.Outcome) (url string, expires any, err error) {
	if o.File == nil {
		return "", nil, nil
	}
	expires = millis(o.File.ExpiresAt)
	if !s.keys.CanSeal() || o.File.URL == nil {
		return "", expires, nil
	}
	url, err = s.keys.Seal(secret.New(o.File.URL.Reveal()), "jobs", o.Job.Key.String())
	return url, expires, err
}

// unseal gives what is kept of an export's file.
func (s *Store) unseal(sealed string, expires time.Time, k job.Key) *job.File {
	f := &job.File{ExpiresAt: expires}
	if sealed == "" {
		return f
	}
	if plain, err := s.keys.Open(sealed, "jobs", k.String()); err == nil {
		f.URL = plain
	} else {
		f.Sealed = true
	}
	return f
}

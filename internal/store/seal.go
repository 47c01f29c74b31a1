package store

import (
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

func (s *Store) unseal(sealed string, k job.Key) (secret.Text, error) {
	if sealed == "" || s.keys == nil {
		return secret.Text{}, nil
	}
	return s.keys.Open(sealed, "jobs", k.String())
}

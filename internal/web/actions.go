package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"migwatch/internal/job"
)

// act does one thing to a job and says where to go then; "" is the job's own page.
type act func(v *visit, s Store, k job.Key) (to string, err error)

// actions by the last part of their path. Each is confirmed by the text "done." and its name.
var actions = map[string]act{
	"poll": func(v *visit, s Store, k job.Key) (string, error) {
		_, err := s.PollNow(v.r.Context(), k)
		return "", err
	},
	"pause":  func(v *visit, s Store, k job.Key) (string, error) { return "", pause(v, s, k, true) },
	"resume": func(v *visit, s Store, k job.Key) (string, error) { return "", pause(v, s, k, false) },
	"label": func(v *visit, s Store, k job.Key) (string, error) {
		label, err := labelOf(v.r.PostForm)
		if err != nil {
			return "", err
		}
		return "", change(v, s, k, job.Change{Label: &label})
	},
	"unwatch": func(v *visit, s Store, k job.Key) (string, error) {
		if v.r.PostForm.Get("sure") != "yes" {
			return "", &refusal{status: http.StatusUnprocessableEntity, key: "error.unsure"}
		}
		untold, err := s.Unwatch(v.r.Context(), k)
		if err == nil && untold > 0 {
			v.u.opt.Log.Info("a job was unwatched before everybody was told of it", "job", k.String(), "events", untold)
		}
		return "/?done=unwatch", err
	},
}

func (u *UI) action(name string, do act) func(*visit) error {
	return func(v *visit) error {
		k, err := keyOf(v.r)
		if err != nil {
			return err
		}
		s, err := v.store()
		if err != nil {
			return err
		}
		to, err := do(v, s, k)
		if errors.Is(err, job.ErrPaused) {
			return v.redirect(jobPathOf(k) + "?done=paused")
		}
		if err != nil {
			return err
		}
		if to == "" {
			to = jobPathOf(k) + "?done=" + name
		}
		return v.redirect(to)
	}
}

func pause(v *visit, s Store, k job.Key, paused bool) error {
	return change(v, s, k, job.Change{Paused: &paused})
}

// change changes a job that is watched. Watch alone would begin to watch one that somebody has just
// unwatched.
func change(v *visit, s Store, k job.Key, c job.Change) error {
	if _, err := s.Job(v.r.Context(), k); err != nil {
		return err
	}
	_, _, err := s.Watch(v.r.Context(), k, c)
	return err
}

func labelOf(f url.Values) (string, error) {
	label := strings.TrimSpace(f.Get("label"))
	return label, job.CheckLabel(label)
}

// keyOf is the job that r's path names. One that cannot be is not watched.
func keyOf(r *http.Request) (job.Key, error) {
	k := job.Key{Provider: job.Provider(r.PathValue("provider")), Scope: r.PathValue("scope"), ID: r.PathValue("job_id")}
	if k.Validate() != nil {
		return k, job.ErrNotWatched
	}
	return k, nil
}

// jobPathOf is the path of a job's page.
func jobPathOf(k job.Key) string {
	return "/jobs/" + url.PathEscape(string(k.Provider)) + "/" + url.PathEscape(k.Scope) + "/" + url.PathEscape(k.ID)
}

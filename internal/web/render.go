package web

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"migwatch/internal/job"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are the templates in every language, read when the first page is asked for.
var pages = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for name, c := range catalogs() {
		all[name] = template.Must(template.New("").Funcs(funcs(c)).ParseFS(templateFiles, "templates/*.html"))
	}
	return all
})

func funcs(c *catalog) template.FuncMap {
	return template.FuncMap{
		"t":     c.T,
		"n":     c.N,
		"word":  c.word,
		"num":   grouped,
		"inert": inert,
		"brief": brief,
		"asset": assetHref,
		"lag":   func(r row) string { return r.lagText(c) },
	}
}

// frame is what every page has around its content.
type frame struct {
	Lang, LangName, Theme, Title string
	Version                      string
	Root                         string // what links to our paths begin with
	Here                         string // the page itself, to come back to
	Role                         string
	Admin, SignedIn, CanSignIn   bool
	Plain                        bool // nothing on it changes
	Refresh                      int  // seconds between questions for news
	Now                          stamp
	Done                         string // what a form has just done
}

func (v *visit) frame(title string) frame {
	f := frame{
		Lang: v.text.Tag, LangName: v.text.name, Theme: v.theme, Title: title, Version: v.u.opt.Version, Root: v.root, Here: "/",
		Role: v.role.String(), Admin: v.admin(), SignedIn: v.signedIn, CanSignIn: !v.signedIn && !v.u.opt.Keys.Empty(),
		Refresh: 10, Now: at(v.u.opt.Now()),
	}
	if v.u.opt.Cloud {
		f.Refresh = 30
	}
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/session" {
		f.Here = here(v.r.URL)
	}
	if done := v.r.URL.Query().Get("done"); v.text.texts["done."+done] != "" {
		f.Done = "done." + done
	}
	return f
}

// here is the page at u with the parameters that pages know: nobody else's is carried on.
func here(u *url.URL) string {
	given, kept := u.Query(), url.Values{}
	for _, name := range []string{"provider", "phase", "q", "cursor", "before"} {
		if given.Has(name) {
			kept[name] = given[name]
		}
	}
	if len(kept) == 0 {
		return u.EscapedPath()
	}
	return u.EscapedPath() + "?" + kept.Encode()
}

// render answers with a page as a whole or not at all.
func (v *visit) render(status int, name string, data any) {
	var b bytes.Buffer
	if err := pages()[v.text.name].ExecuteTemplate(&b, name, data); err != nil {
		v.u.opt.Log.LogAttrs(v.r.Context(), slog.LevelError, "page broken", slog.String("page", name), slog.String("error", err.Error()))
		http.Error(v.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.text.Tag)
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(b.Bytes())
}

// stamp is an instant for a <time> element: UTC as text, which a script turns into local time.
type stamp struct{ time.Time }

func at(t time.Time) stamp { return stamp{t.UTC()} }

// ISO is the attribute.
func (s stamp) ISO() string { return s.Format("2006-01-02T15:04:05.000Z07:00") }

// UTC is the text.
func (s stamp) UTC() string { return s.Format("2006-01-02 15:04:05") + " UTC" }

// meter is how far a job is.
type meter struct {
	Percent           *int64
	Succeeded, Failed *int64
	Moves             bool
	Phase             job.Phase
	Label             string // key of the text that says what is measured
}

func meterOf(provider job.Provider, s job.Observation, p job.Phase) meter {
	m := meter{s.Progress, s.RecordsSucceeded, s.RecordsFailed, p == job.Running, p, "progress.label"}
	if provider == job.DTS {
		m.Label = "progress.check"
	}
	return m
}

// Known reports whether there is anything to show.
func (m meter) Known() bool { return m.Percent != nil || m.Succeeded != nil || m.Failed != nil }

// AnyFailed reports whether records failed.
func (m meter) AnyFailed() bool { return m.Failed != nil && *m.Failed > 0 }

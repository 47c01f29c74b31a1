package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"migwatch/internal/secret"
)

// Options are what the API needs to know. Open, Ready and Now must be set.
type Options struct {
	// Open gives the store. It is called once per request that needs one; the caller keeps it open
	// between requests. Its error is answered like one of the store's.
	Open func(context.Context) (Store, error)
	// Ready returns a *job.NotReadyError while the store cannot be reached or is not migrated. Anybody may ask
	// for it, as often as they like, so it must cost the store no more than one question at a time.
	Ready func(context.Context) error
	Keys  secret.Keys
	// Broken, if set, is a *job.NotReadyError that says why nothing that needs a key can be answered at all: the settings, and with them
	// the keys, could not be read.
	Broken error
	// PublicRead opens reads to requests that present no key.
	PublicRead bool
	// FileURLs lets admin keys see file URLs.
	FileURLs bool
	// Local says that only this machine can reach the API, so that it may answer without any key.
	Local bool
	// Cloud says that it runs as a cloud function; it changes the words of remedies, and overrules Local.
	Cloud bool
	Now   func() time.Time
	Log   *slog.Logger // nil: no log
	// Version is shown by /healthz and /openapi.json.
	Version string
	// WrongKeys counts them. nil: a count of this API's own.
	WrongKeys *Refusals
	// Page answers a person who came to a path outside /v1/ that cannot be answered; err has GetStatus, and a
	// text that may be shown. nil: everybody is answered with a problem.
	Page func(w http.ResponseWriter, r *http.Request, err error)
	// News gives a channel that is closed when this process next commits something. nil: it writes nothing.
	News func() <-chan struct{}
	// RequestID gives the platform's ID of the request, empty where there is none. May be nil.
	RequestID func(context.Context) string
}

// API is the HTTP API, an http.Handler.
type API struct {
	opt      Options
	mux      *http.ServeMux
	document func() []byte
	feed     feed
	guesses  chan struct{} // a place for each wrong key whose answer waits
}

// New builds the API. It is part of every cold start: what only /openapi.json needs is built on the
// first request for it.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.WrongKeys == nil {
		o.WrongKeys = NewRefusals(o.Log, "wrong API keys were presented")
	}
	a := &API{opt: o, mux: http.NewServeMux(), guesses: make(chan struct{}, slowGuesses), feed: feed{open: o.Open, news: o.News}}
	a.document = sync.OnceValue(func() []byte { return document(o.Version) })
	a.mux.HandleFunc("/", a.missed)
	a.routes(newHuma(a, o.Version), false)
	return a
}

// Handle mounts h at a ServeMux pattern, reached only by requests that may do what role may. With
// secret.RoleNone h is reached by all, and may ask Access itself. h inherits the headers of ServeHTTP
// and may replace them; Cache-Control is no-store and the Content-Security-Policy forbids everything
// unless it does.
func (a *API) Handle(pattern string, role secret.Role, h http.Handler) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := a.admit(r, role); err != nil {
			a.refuse(w, r, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// doors mounts huma's routes as Handle does, with the key that each needs.
type doors struct{ *API }

// HandleFunc implements humago.Mux.
func (d doors) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	d.Handle(pattern, needs(pattern), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r); err != nil {
			d.Fail(w, r, err)
			return
		}
		if ct := r.Header.Get("Content-Type"); ct != "" {
			name, _, _ := strings.Cut(ct, ";")
			r.Header.Set("Content-Type", strings.ToLower(strings.TrimSpace(name))) // huma compares letter by letter
		}
		h(w, r)
	}))
}

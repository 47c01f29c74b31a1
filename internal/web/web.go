package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// Store is what the page asks of whoever remembers. Any method may return an error that wraps a
// *job.NotReadyError; its Reason is shown.
type Store interface {
	// Jobs lists the jobs f chooses, most recently changed first, at most limit beyond after.
	Jobs(ctx context.Context, f job.Filter, after *job.Place, limit int) ([]job.Listed, error)
	// Job returns job.ErrNotWatched for a job nobody watches, as do all methods that take a key.
	Job(ctx context.Context, k job.Key) (job.Job, error)
	History(ctx context.Context, k job.Key, s job.Span, limit int) ([]job.Snapshot, error)
	Summary(ctx context.Context) (job.Summary, error)
	Watch(ctx context.Context, k job.Key, c job.Change) (j job.Job, created bool, err error)
	Unwatch(ctx context.Context, k job.Key) (untold int64, err error)
	// PollNow makes the job due at once; a paused one gives job.ErrPaused.
	PollNow(ctx context.Context, k job.Key) (job.Job, error)
	// Sinks lists who is told what happens.
	Sinks(ctx context.Context) ([]job.SinkState, error)
	// Discoveries lists what is watched as a whole.
	Discoveries(ctx context.Context) ([]job.Discovery, error)
	Discover(ctx context.Context, p job.Provider, scope string, c job.DiscoveryChange) (d job.Discovery, created bool, err error)
	// Undiscover returns job.ErrNotDiscovered where nothing is discovered.
	Undiscover(ctx context.Context, p job.Provider, scope string) error
	// EndSession remembers until then that a session is over; SessionEnded tells it to every instance.
	EndSession(ctx context.Context, session string, until time.Time) error
	SessionEnded(ctx context.Context, session string) (bool, error)
}

// Options are what the page needs to know. Open, Access and Now must be set.
type Options struct {
	// Open gives the store. It is called once per request that needs one; the caller keeps it open
	// between requests.
	Open func(context.Context) (Store, error)
	// Access tells what a request may do that presented key, "" being none: httpapi's rule. Its error,
	// for a request that may not do what need may, has a method GetStatus and a text that may be shown.
	Access func(r *http.Request, key string, need secret.Role) (secret.Role, error)
	// Keys are for signing in.
	Keys secret.Keys
	// FileURLs lets people who signed in with an admin key see file URLs.
	FileURLs bool
	// Cloud says that it runs as a cloud function: it is reached by https alone, and each request costs
	// an invocation.
	Cloud bool
	Now   func() time.Time
	Log   *slog.Logger // nil: no log
	// Version is shown at the foot of every page.
	Version string
}

// UI serves the pages.
type UI struct {
	opt  Options
	csrf *http.CrossOriginProtection
}

// New builds the pages; what they are made of is read when it is first needed.
func New(o Options) *UI {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &UI{opt: o, csrf: http.NewCrossOriginProtection()}
}

// Fail answers with a page that says what err, which has GetStatus, means to a person.
func (u *UI) Fail(w http.ResponseWriter, r *http.Request, err error) {
	u.page(secret.RoleNone, func(*visit) error { return err }).ServeHTTP(w, r)
}

const jobPath = "/jobs/{provider}/{scope}/{job_id}"

// Mount names every pattern of the pages to handle. No key may be asked for outside: the pages ask
// themselves, so that they can answer with a form to sign in.
func (u *UI) Mount(handle func(pattern string, h http.Handler)) {
	handle("GET /{$}", u.page(secret.RoleRead, u.overview))
	handle("GET "+jobPath, u.page(secret.RoleRead, u.job))
	handle("GET "+jobPath+"/series", u.page(secret.RoleRead, u.series))
	handle("GET /badge/{provider}/{scope}/{file}", http.HandlerFunc(u.badge))
	handle("GET /assets/{file}", http.HandlerFunc(serveAsset))
	handle("GET /session", u.page(secret.RoleNone, u.signInForm))
	handle("POST /session", u.page(secret.RoleNone, u.signIn))
	handle("POST /preferences", u.page(secret.RoleNone, u.prefer))
	handle("POST /jobs", u.page(secret.RoleAdmin, u.watch))
	handle("POST /discoveries/{provider}/{scope}/end", u.page(secret.RoleAdmin, u.endDiscovery))
	for name, act := range actions {
		handle("POST "+jobPath+"/"+name, u.page(secret.RoleAdmin, u.action(name, act)))
	}
}

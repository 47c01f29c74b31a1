package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// visit is one request with what is known of who sent it.
type visit struct {
	u        *UI
	w        http.ResponseWriter
	r        *http.Request
	root     string // see rootOf
	opened   Store  // see store
	text     *catalog
	theme    string
	role     secret.Role
	signedIn bool // with the cookie
	keyed    bool // presented a key, by header or cookie
}

// maxForm is more than any form here has.
const maxForm = 16 << 10

// page is a handler for a visit that needs a role. What h returns as an error becomes a page too.
func (u *UI) page(need secret.Role, h func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{u: u, w: w, r: r, root: rootOf(r), text: chooseCatalog(r), theme: chooseTheme(r)}
		v.headers()
		err := v.admit(need)
		if err == nil && r.Method == http.MethodPost {
			err = v.readForm()
		}
		if err == nil {
			err = v.checkText()
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// contentPolicy lets a page load what is served here and nothing else, and run nothing that is inside it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (v *visit) headers() {
	h := v.w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it browsers send "Origin: null" with our own forms.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language, Authorization, Cookie")
}

// admit finds out what the visit may do. A key in the header goes first; then the cookie's ticket,
// which stands for a key that was checked before; then none.
func (v *visit) admit(need secret.Role) error {
	if key, presented := bearer(v.r.Header); presented {
		role, err := v.u.opt.Access(v.r, key, need)
		v.role, v.keyed = role, err == nil && !v.u.opt.Keys.Empty()
		return err
	}
	role, err := v.ticketRole()
	if err != nil && need != secret.RoleNone {
		return err
	}
	if role != secret.RoleNone {
		v.role, v.signedIn, v.keyed = role, true, true
		if role < need {
			return &refusal{status: http.StatusForbidden}
		}
		return nil
	}
	if need == secret.RoleNone {
		return nil
	}
	role, err = v.u.opt.Access(v.r, "", need)
	if err == nil {
		v.role = role
		v.widen()
	}
	return err
}

// widen finds out whether a visit without a key may do more than the page needs, as on a machine of
// one's own.
func (v *visit) widen() {
	if v.role == secret.RoleRead {
		if role, err := v.u.opt.Access(v.r, "", secret.RoleAdmin); err == nil {
			v.role = role
		}
	}
}

// bearer reads the key that the header presents. Credentials of any other form are a key that is wrong.
func bearer(h http.Header) (key string, presented bool) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", false
	}
	scheme, key, _ := strings.Cut(values[0], " ")
	key = strings.Trim(key, " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "bearer") || key == "" {
		return " ", true // no key has a blank
	}
	return key, true
}

// readForm reads a form that came from a page of ours.
func (v *visit) readForm() error {
	if err := v.u.csrf.Check(v.r); err != nil {
		return &refusal{status: http.StatusForbidden, key: "error.cross"}
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return &refusal{status: http.StatusBadRequest, key: "error.form"}
	}
	return nil
}

// checkText refuses a query and a form in another encoding than UTF-8.
func (v *visit) checkText() error {
	for _, values := range []url.Values{v.r.URL.Query(), v.r.PostForm} {
		for name, list := range values {
			for _, text := range list {
				if !utf8.ValidString(name) || !utf8.ValidString(text) {
					return &refusal{status: http.StatusUnprocessableEntity, key: "error.encoding"}
				}
			}
		}
	}
	return nil
}

// store opens the store once for a visit.
func (v *visit) store() (s Store, err error) {
	if v.opened == nil {
		v.opened, err = v.u.opt.Open(v.r.Context())
	}
	return v.opened, err
}

// admin reports whether the visit may change things.
func (v *visit) admin() bool { return v.role == secret.RoleAdmin }

// refusal is an answer that is not the page that was asked for.
type refusal struct {
	status int
	key    string // of the text that says more; empty: none
}

func (e *refusal) Error() string { return http.StatusText(e.status) }

// GetStatus is the HTTP status.
func (e *refusal) GetStatus() int { return e.status }

// fail answers with a page that says what is wrong and what to do.
func (v *visit) fail(err error) {
	var stated interface{ GetStatus() int }
	var unready *job.NotReadyError
	var bad *job.InvalidError
	var own *refusal
	m := message{}
	switch {
	case errors.As(err, &own):
		m.Status, m.Key = own.status, own.key
	case errors.As(err, &stated):
		m.Status = stated.GetStatus()
		_, m.Detail, _ = strings.Cut(err.Error(), ": ")
	case errors.As(err, &bad):
		m.Status, m.Key = http.StatusUnprocessableEntity, "wrong."+bad.Field
	case errors.Is(err, job.ErrNotWatched):
		m.Status, m.Name = http.StatusNotFound, "job"
	case errors.Is(err, job.ErrPaused):
		m.Status = http.StatusConflict
	case errors.As(err, &unready):
		m.Status, m.Detail = http.StatusServiceUnavailable, unready.Reason
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		m.Status = http.StatusServiceUnavailable
	default:
		m.Status = http.StatusInternalServerError
		v.u.opt.Log.LogAttrs(v.r.Context(), slog.LevelError, "page failed",
			slog.String("request_id", v.w.Header().Get("X-Request-Id")), slog.String("route", v.r.Pattern), slog.String("error", err.Error()))
	}
	v.tell(m)
}

package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"migwatch/internal/secret"
)

// The cookies. The first holds a ticket, not the key: an event function's answers are written to the
// platform's log, and what is found there shall end by itself and open nothing but the page. The name
// with the prefix is one that browsers take only over https, for this host and every path.
const (
	ticketCookie       = "migwatch_session"
	ticketCookieSecure = "__Host-migwatch_session"
	langCookie         = "migwatch_lang"
	themeCookie        = "migwatch_theme"
)

const (
	sessionLife    = 12 * time.Hour // a working day
	preferenceLife = 365 * 24 * time.Hour
)

// ticket is what r carries as a session, "" for none. Over https it is only taken from the cookie that no
// neighbouring host and no plain http can have set.
func (v *visit) ticket() string {
	if c, err := v.r.Cookie(v.ticketCookie()); err == nil {
		return c.Value
	}
	return ""
}

func (v *visit) ticketCookie() string {
	if v.secure() {
		return ticketCookieSecure
	}
	return ticketCookie
}

// ticketRole tells what the visit may do by its ticket. A ticket whose bearer has signed out is none; the
// store is asked each time, by primary key, so that this holds at once in every instance.
func (v *visit) ticketRole() (secret.Role, error) {
	ticket := v.ticket()
	role := v.u.opt.Keys.TicketRole(ticket, v.u.opt.Now())
	if role == secret.RoleNone {
		return role, nil
	}
	s, err := v.store()
	if err != nil {
		return secret.RoleNone, err
	}
	if ended, err := s.SessionEnded(v.r.Context(), sessionOf(ticket)); ended || err != nil {
		return secret.RoleNone, err
	}
	return role, nil
}

// sessionOf names a ticket in the store, from which nobody can make the ticket.
func sessionOf(ticket string) string {
	sum := sha256.Sum256([]byte(ticket))
	return hex.EncodeToString(sum[:16])
}

// secure reports whether the browser speaks https, perhaps to something before us.
func (v *visit) secure() bool {
	return v.r.TLS != nil || v.u.opt.Cloud || strings.EqualFold(v.r.Header.Get("X-Forwarded-Proto"), "https")
}

// setCookie sets a cookie for life, or ends it where life is 0.
func (v *visit) setCookie(name, value string, life time.Duration, site http.SameSite) {
	age := int(life.Seconds())
	if age == 0 {
		age = -1
	}
	// Without a path a cookie is for the folder of the page that set it: for our own, whatever a proxy has in
	// front of it. The prefix __Host- wants one, however.
	path := ""
	if name == ticketCookieSecure {
		path = "/"
	}
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: path, MaxAge: age, HttpOnly: true, Secure: v.secure(), SameSite: site})
}

// signInForm is for those who may see the page without a key and have one that may do more.
func (u *UI) signInForm(v *visit) error {
	v.tell(message{Status: http.StatusOK, SignIn: true, Key: "signin.text", Next: localPath(v.r.FormValue("next"))})
	return nil
}

// signIn signs in or, where the form says so, out: both at one path, so that their cookies have one folder.
func (u *UI) signIn(v *visit) error {
	if v.r.PostForm.Has("end") {
		return u.signOut(v)
	}
	key := strings.TrimSpace(v.r.PostForm.Get("key"))
	next := localPath(v.r.PostForm.Get("next"))
	if u.opt.Keys.Empty() { // nothing to sign in to: Access says whether that is right
		if _, err := u.opt.Access(v.r, "", secret.RoleRead); err != nil {
			return err
		}
		return v.redirect(next)
	}
	ticket := u.opt.Keys.Ticket(key, u.opt.Now().Add(sessionLife))
	if ticket.IsZero() {
		_, _ = u.opt.Access(v.r, cmp.Or(key, "none"), secret.RoleRead) // wrong keys are counted and slowed there
		v.tell(message{Status: http.StatusUnauthorized, Wrong: true, Next: next})
		return nil
	}
	v.setCookie(v.ticketCookie(), ticket.Reveal(), sessionLife, http.SameSiteStrictMode)
	return v.redirect(next)
}

func (v *visit) endSession(ticket string) error {
	s, err := v.store()
	if err != nil {
		return err
	}
	return s.EndSession(v.r.Context(), sessionOf(ticket), v.u.opt.Now().Add(sessionLife))
}

// signOut ends the session here, and its ticket wherever a copy of it is.
func (u *UI) signOut(v *visit) error {
	var ended error
	for _, name := range []string{ticketCookie, ticketCookieSecure} {
		v.setCookie(name, "", 0, http.SameSiteStrictMode)
		if c, err := v.r.Cookie(name); err == nil && u.opt.Keys.TicketRole(c.Value, u.opt.Now()) != secret.RoleNone {
			ended = errors.Join(ended, v.endSession(c.Value))
		}
	}
	if ended != nil {
		return ended // the cookies are gone; that the ticket still works has to be said
	}
	return v.redirect("/")
}

// prefer keeps the language or the colours that were chosen.
func (u *UI) prefer(v *visit) error {
	form := v.r.PostForm
	if lang := form.Get("lang"); catalogs()[lang] != nil {
		v.setCookie(langCookie, lang, preferenceLife, http.SameSiteLaxMode)
	}
	if theme := form.Get("theme"); knownTheme(theme) {
		v.setCookie(themeCookie, theme, preferenceLife, http.SameSiteLaxMode)
	}
	return v.redirect(localPath(form.Get("next")))
}

func knownTheme(s string) bool { return s == "auto" || s == "light" || s == "dark" }

func chooseTheme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && knownTheme(c.Value) {
		return c.Value
	}
	return "auto"
}

// localPath is s where it leads to a page of ours, else the overview.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t") {
		return "/"
	}
	return s
}

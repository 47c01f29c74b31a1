package httpapi

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// needs is the key a route of this package needs: none outside /v1, and there the admin's for
// everything that is not a read.
func needs(pattern string) secret.Role {
	method, p, _ := strings.Cut(pattern, " ")
	switch {
	case !strings.HasPrefix(p, "/v1/"):
		return secret.RoleNone
	case method == http.MethodGet && p != sinksPath:
		return secret.RoleRead
	default:
		return secret.RoleAdmin
	}
}

// admit lets r pass if it may do what need may, and notes what it may do.
func (a *API) admit(r *http.Request, need secret.Role) error {
	if need == secret.RoleNone {
		return nil
	}
	key, presented := bearer(r.Header)
	role, err := a.access(r, key, presented, need)
	if err != nil {
		return err
	}
	f := frameOf(r.Context())
	f.role = role
	f.admin = role == secret.RoleAdmin && !a.opt.Keys.Empty()
	return nil
}

// Access tells what a request may do that presented key ("" is none), wherever it had it from. The
// error, if it may not do what need may, is for Fail and has GetStatus. Where no key is configured a
// request may be granted RoleAdmin without a key; it still is not shown file URLs.
func (a *API) Access(r *http.Request, key string, need secret.Role) (secret.Role, error) {
	return a.access(r, key, key != "", need)
}

func (a *API) access(r *http.Request, key string, presented bool, need secret.Role) (secret.Role, error) {
	if a.opt.Broken != nil {
		return secret.RoleNone, broken(a.opt.Broken)
	}
	public := a.opt.PublicRead && need <= secret.RoleRead
	switch {
	case public && !presented:
		return secret.RoleRead, nil
	case a.opt.Keys.Empty() && a.opt.Local && !a.opt.Cloud:
		return loopbackAccess(r)
	case a.opt.Keys.Empty() && !public:
		return secret.RoleNone, a.keysMissing(need)
	case !presented:
		return secret.RoleNone, unauthorized()
	}
	switch role := a.opt.Keys.Role(key); {
	case role == secret.RoleNone:
		return secret.RoleNone, a.guessed(r)
	case role < need:
		return role, problem(codeForbidden, "a read key may only read; this needs one of MIGWATCH_ADMIN_KEYS")
	default:
		return role, nil
	}
}

// broken keeps Access's promise that its errors have a status.
func broken(err error) error {
	var unready *job.NotReadyError
	if errors.As(err, &unready) {
		return notReady(unready.Reason)
	}
	return err
}

// unauthorized is one and the same for every reason, so that it teaches nothing about the keys.
func unauthorized() *Problem {
	p := problem(codeUnauthorized, "present a valid key: Authorization: Bearer KEY")
	p.header = http.Header{"Www-Authenticate": {"Bearer"}}
	return p
}

func (a *API) keysMissing(need secret.Role) *Problem {
	names := "MIGWATCH_ADMIN_KEYS or MIGWATCH_READ_KEYS"
	if need == secret.RoleAdmin {
		names = "MIGWATCH_ADMIN_KEYS"
	}
	if a.opt.Cloud {
		return notReady("no API key is configured: set " + names + " in the function's environment")
	}
	return notReady("no API key is configured: set " + names + ", or listen on loopback only")
}

// bearer reads the key r presents. Credentials of any other form count as a key that is wrong.
func bearer(h http.Header) (key string, presented bool) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", false
	}
	scheme, key, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "bearer") {
		return "", true
	}
	return strings.Trim(key, " "), true
}

// loopbackAccess grants everything to requests from this machine's own tools and pages. Any page in
// any browser here can send a request to loopback: a foreign name in Host (DNS rebinding), a foreign
// Origin or Sec-Fetch-Site gives it away. A proxy on this machine sends its visitors' requests from
// loopback too; the headers that proxies add give those away.
func loopbackAccess(r *http.Request) (secret.Role, error) {
	if name := forwarded(r.Header); name != "" {
		return secret.RoleNone, problem(codeForbidden,
			"without API keys requests that came through a proxy ("+name+") are refused; set MIGWATCH_ADMIN_KEYS and present a key")
	}
	if !loopbackName(r.Host) {
		return secret.RoleNone, problem(codeForbidden,
			"without API keys only requests to localhost, 127.0.0.1 or [::1] are answered; set MIGWATCH_ADMIN_KEYS to use another name")
	}
	if fromElsewhere(r) {
		return secret.RoleNone, problem(codeForbidden,
			"without API keys requests of pages from elsewhere are refused; set MIGWATCH_ADMIN_KEYS and present a key")
	}
	return secret.RoleAdmin, nil
}

// forwarded names a header of h that only a proxy adds, "" for none.
func forwarded(h http.Header) string {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded-"), name == "X-Real-Ip", name == "Forwarded", name == "Via":
			return name
		}
	}
	return ""
}

// fromElsewhere reports whether a page that is not ours made a browser send r. Browsers say so in
// Origin for some requests and in Sec-Fetch-Site for all, pictures and links among them.
func fromElsewhere(r *http.Request) bool {
	own := "http://" + r.Host
	if r.TLS != nil {
		own = "https://" + r.Host
	}
	for _, o := range r.Header["Origin"] {
		if !strings.EqualFold(o, own) {
			return true
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	return false
}

// loopbackName reports whether host, with or without a port, is localhost or a loopback address.
func loopbackName(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		port := host[i+1:]
		name = host[:i]
		if port == "" || strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner == "::1"
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Is4() && addr.IsLoopback()
}

package web

import (
	"cmp"
	"net/http"
	"strconv"
)

// message is a page that says why there is no other.
type message struct {
	frame
	Status    int
	Name      string // of its texts; empty: the status's
	Key       string // of the text below the headline; empty: the name's
	Detail    string // in English, from where the error arose
	RequestID string
	SignIn    bool
	Wrong     bool   // the key that was presented is none
	Next      string // where to go after signing in
	Reload    string // after how many seconds the page asks again; empty: not at all
}

// statuses with texts of their own; the others have those of 500.
var statusTexts = map[int]string{
	http.StatusBadRequest: "400", http.StatusUnauthorized: "401", http.StatusForbidden: "403", http.StatusNotFound: "404",
	http.StatusMethodNotAllowed: "404", http.StatusRequestURITooLong: "404",
	http.StatusConflict: "409", http.StatusUnprocessableEntity: "422", http.StatusServiceUnavailable: "503",
}

func (v *visit) tell(m message) {
	if m.Name == "" {
		m.Name = cmp.Or(statusTexts[m.Status], "500")
	}
	m.Key = cmp.Or(m.Key, "error."+m.Name+".text")
	h := v.w.Header()
	m.RequestID = h.Get("X-Request-Id")
	if m.Next == "" {
		m.Next = "/"
		if v.r.Method == http.MethodGet {
			m.Next = here(v.r.URL)
		}
	}
	switch m.Status {
	case http.StatusNotFound, http.StatusInternalServerError:
		m.Detail = "" // the text says as much
	case http.StatusUnauthorized:
		m.Detail, m.SignIn = "", true
		h.Set("WWW-Authenticate", "Bearer")
		if v.cameFromElsewhere() {
			m.Reload = "0"
		}
	case http.StatusForbidden:
		m.SignIn = !v.u.opt.Keys.Empty()
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "10")
		if v.r.Method != http.MethodGet {
			m.Key = "error.503.form"
		}
	}
	m.frame = v.frame(v.text.T("error." + m.Name))
	if m.Status == http.StatusServiceUnavailable && v.r.Method == http.MethodGet {
		m.Reload = strconv.Itoa(m.Refresh)
	}
	m.frame.Plain = true
	v.render(m.Status, "message", m)
}

// cameFromElsewhere reports whether a link on another site led here. Browsers keep a SameSite=Strict
// cookie back then; one reload by the page itself brings it.
func (v *visit) cameFromElsewhere() bool {
	h := v.r.Header
	return v.r.Method == http.MethodGet && h.Get("Sec-Fetch-Site") == "cross-site" && h.Get("Sec-Fetch-Mode") == "navigate"
}

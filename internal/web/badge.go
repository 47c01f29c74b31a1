package web

import (
	"bytes"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// badge is a small picture of one job's phase. What goes wrong becomes a grey badge with the right
// status: browsers show a picture whatever the status is.
type badge struct {
	Left, Right string
	Colour      string
	LeftW, W    int
	LeftX       int
	RightX      int
}

// badgeColours are dark enough for white letters.
var badgeColours = map[job.Phase]string{
	job.Pending: "#5b6673", job.Running: "#1d5fd1", job.Succeeded: "#1a7a41", job.Partial: "#a35200",
	job.Failed: "#c22a20", job.ActionRequired: "#96570a", job.Canceled: "#555f6b", job.Missing: "#7a3fb8", job.Unknown: "#7a5d14",
}

const badgeGrey = "#6b7280"

// maxBadge is how many characters of a label a badge shows.
const maxBadge = 40

var badgeTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("badge").Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.W}}" height="20" role="img" aria-label="{{.Left}}: {{.Right}}"><title>{{.Left}}: {{.Right}}</title><clipPath id="r"><rect width="{{.W}}" height="20" rx="4"/></clipPath><g clip-path="url(#r)"><rect width="{{.LeftW}}" height="20" fill="#3d4652"/><rect x="{{.LeftW}}" width="{{.W}}" height="20" fill="{{.Colour}}"/></g><g fill="#fff" font-family="Verdana,DejaVu Sans,PingFang SC,Noto Sans CJK SC,sans-serif" font-size="11" text-anchor="middle"><text x="{{.LeftX}}" y="14">{{.Left}}</text><text x="{{.RightX}}" y="14">{{.Right}}</text></g></svg>
`))
})

func (u *UI) badge(w http.ResponseWriter, r *http.Request) {
	text := catalogs()[languages[0].name] // one address, one picture: only ?lang changes it
	if c := catalogs()[r.URL.Query().Get("lang")]; c != nil {
		text = c
	}
	v := &visit{u: u, w: w, r: r, text: text}
	v.headers()
	left, colour, status := "migwatch", badgeGrey, http.StatusOK
	var right string
	j, err := v.badgeJob()
	var stated interface{ GetStatus() int }
	switch {
	case err == nil:
		left, right, colour = badgeName(j), v.stateOf(j, u.opt.Now()).Word, badgeColours[j.Phase]
		if j.Latest != nil && j.Latest.Progress != nil && j.Phase == job.Running {
			right += " " + strconv.FormatInt(*j.Latest.Progress, 10) + "%"
		}
	case errors.Is(err, job.ErrNotWatched):
		right, status = text.T("badge.404"), http.StatusNotFound
	case errors.As(err, &stated) && stated.GetStatus() == http.StatusUnauthorized:
		right, status = text.T("badge.401"), http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", "Bearer")
	case errors.As(err, &stated):
		right, status = text.T("badge.503"), stated.GetStatus()
	default:
		right, status = text.T("badge.503"), http.StatusServiceUnavailable
		u.opt.Log.LogAttrs(r.Context(), slog.LevelWarn, "badge failed", slog.String("error", err.Error()))
	}
	writeBadge(w, status, newBadge(left, right, colour))
}

func (v *visit) badgeJob() (job.Job, error) {
	if err := v.admit(secret.RoleRead); err != nil {
		return job.Job{}, err
	}
	id, isSVG := strings.CutSuffix(v.r.PathValue("file"), ".svg")
	k := job.Key{Provider: job.Provider(v.r.PathValue("provider")), Scope: v.r.PathValue("scope"), ID: id}
	if !isSVG || k.Validate() != nil {
		return job.Job{}, job.ErrNotWatched
	}
	s, err := v.store()
	if err != nil {
		return job.Job{}, err
	}
	return s.Job(v.r.Context(), k)
}

func badgeName(j job.Job) string {
	name := inert(j.Label)
	if strings.TrimSpace(name) == "" {
		name = j.Key.ID
	}
	if runes := []rune(name); len(runes) > maxBadge {
		name = string(runes[:maxBadge-1]) + "…"
	}
	return name
}

func newBadge(left, right, colour string) badge {
	l, r := textWidth(left)+14, textWidth(right)+14
	return badge{Left: left, Right: right, Colour: colour, LeftW: l, W: l + r, LeftX: l / 2, RightX: l + r/2}
}

// textWidth guesses the width of s in 11 px Verdana: there is no font to measure with.
func textWidth(s string) int {
	tenths := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0x3000 && r < 0xff70 || r > 0xffff:
			tenths += 112
		case strings.ContainsRune("iljI|.,:;'! ", r):
			tenths += 40
		case strings.ContainsRune("mwMW%@", r):
			tenths += 105
		case unicode.IsUpper(r):
			tenths += 80
		default:
			tenths += 69
		}
	}
	return (tenths + 9) / 10
}

func writeBadge(w http.ResponseWriter, status int, b badge) {
	var out bytes.Buffer
	if err := badgeTemplate().Execute(&out, b); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	// Proxies that show pictures of others, as code hosts have, shall ask again each time.
	h.Set("Cache-Control", "no-cache, max-age=0")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

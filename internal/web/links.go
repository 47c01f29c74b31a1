package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Links are relative: in front of the pages there may be a stage of a gateway or a folder of a proxy, and
// most of them do not say which.

// rootOf is the way from the page that r asks for to the overview, such as ../../../ or ./ . Where
// something took a prefix off the path, RequestURI still has it.
func rootOf(r *http.Request) string {
	own := r.URL.EscapedPath()
	if asked, err := url.ParseRequestURI(r.RequestURI); err == nil {
		if at := asked.EscapedPath(); own == "/" && !strings.HasSuffix(at, "/") {
			return "./" + path.Base(at) + "/" // the prefix by itself: for a browser it is a file
		}
	}
	if ups := strings.Count(own, "/") - 1; ups > 0 {
		return strings.Repeat("../", ups)
	}
	return "./"
}

// href is the reference to a path of ours from the page that was asked for.
func (v *visit) href(to string) string { return v.root + strings.TrimPrefix(to, "/") }

// redirect goes on to a path of ours after a form was taken. http.Redirect would make it absolute.
func (v *visit) redirect(to string) error {
	v.w.Header().Set("Location", v.href(to))
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// assetNames are the files that pages ask for, by the name that templates use.
var assetNames = map[string]string{
	"page.css":  "assets/page.css",
	"page.js":   "assets/page.js",
	"chart.js":  "assets/chart.js",
	"icon.svg":  "assets/icon.svg",
	"uplot.js":  "assets/uplot/uPlot.iife.min.js",
	"uplot.css": "assets/uplot/uPlot.min.css",
}

type asset struct {
	body []byte
	kind string
}

// assets has every file under a name that changes with its content, so that browsers may keep it for
// ever.
type assets struct {
	href   map[string]string // by the templates' name
	served map[string]asset  // by the last part of the path
}

var loadAssets = sync.OnceValue(func() assets {
	a := assets{map[string]string{}, map[string]asset{}}
	for name, file := range assetNames {
		body, err := assetFiles.ReadFile(file)
		if err != nil {
			panic(err) // a test loads them all
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.href[name] = "assets/" + hashed
		a.served[hashed] = asset{body, assetKind(ext)}
	}
	return a
})

// assetKind does not ask the machine, whose tables differ.
func assetKind(ext string) string {
	switch ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	panic("no kind for " + ext)
}

func assetHref(name string) string {
	href, ok := loadAssets().href[name]
	if !ok {
		panic("no asset " + name) // every page is rendered by a test
	}
	return href
}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	a, ok := loadAssets().served[r.PathValue("file")]
	if !ok {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
}

package web_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "make docs/pictures anew")

const pictures = "../../docs/pictures"

// maxPicture is how many bytes a picture in a README may have.
const maxPicture = 200 << 10

var shots = []struct {
	name, path, lang string
	dark             bool
	width, height    int64
	most             float64
}{
	{"overview-en", "/", "en", false, 1280, 900, 1020},
	{"overview-zh", "/", "zh", false, 1280, 900, 1020},
	{"overview-en-dark", "/", "en", true, 1280, 900, 1020},
	{"overview-zh-phone", "/", "zh", false, 360, 740, 1500},
	{"overview-en-phone-dark", "/", "en", true, 360, 740, 1500},
	{"job-en", "/jobs/dts/ap-guangzhou/dts-m3x9rt2b", "en", false, 1280, 900, 1250},
	{"job-zh-dark", "/jobs/wechat/test2-4a89da/100071801", "zh", true, 1280, 900, 1250},
	{"job-failed-zh", "/jobs/dts/ap-guangzhou/dts-w5j0yz7f", "zh", false, 1280, 900, 1250},
	{"job-failing-en", "/jobs/dts/ap-beijing/dts-7h2kqp4w", "en", false, 1280, 900, 1250},
	{"job-en-phone", "/jobs/wechat/shop-prod-8e1f2c/100072210", "en", false, 360, 740, 1700},
}

// TestPictures makes the pictures of the documentation with -update, and otherwise looks whether they
// are there and small.
func TestPictures(t *testing.T) {
	if *update {
		r := newDemo(t, setup{})
		b := chromium(t)
		for _, s := range shots {
			tab := newTab(t, b, r.url)
			tab.screen(s.width, s.height, s.dark)
			tab.language(s.lang)
			tab.signIn(adminKey)
			tab.open(s.path)
			if s.path != "/" {
				tab.until(`!document.getElementById('chart') || document.getElementById('chart').dataset.drawn > 0`)
			}
			eval[any](tab, `document.activeElement.blur()`)
			tab.picture(filepath.Join(pictures, s.name+".png"), s.most)
		}
	}
	for _, s := range shots {
		info, err := os.Stat(filepath.Join(pictures, s.name+".png"))
		if err != nil {
			t.Errorf("%v; make it with go test ./internal/web -run Pictures -update", err)
			continue
		}
		if info.Size() > maxPicture {
			t.Errorf("%s has %d bytes", s.name, info.Size())
		}
	}
}

package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"migwatch/internal/secret"
	"pgregory.net/rapid"
)

type stringer string

func (s stringer) String() string { return string(s) }

// leaky logs v in every way a program may.
func leaky(w io.Writer, v string) {
	for _, h := range []slog.Handler{slog.NewJSONHandler(w, nil), slog.NewTextHandler(w, nil)} {
		l := slog.New(h).With("with", v).WithGroup("g")
		enc, _ := json.Marshal(map[string]string{"token": v})
		l.Info("message "+v,
			"string", v, "error", fmt.Errorf("get: %w", errors.New(v)), "stringer", stringer(v), "bytes", []byte(v), "longer", []byte("x"+v+"yz"),
			"json", json.RawMessage(enc), "text of json", string(enc), "struct", struct{ Token []string }{[]string{v}}, "quoted", fmt.Sprintf("%q", v),
			"url error", &url.Error{Op: "Get", URL: "https://h/p?access_token=" + url.QueryEscape(v), Err: errors.New("x")},
			"hex", fmt.Sprintf("%x %X", v, v), slog.Group("deep", slog.Group("deeper", "v", v)), v, "as a key")
	}
}

func TestWriterHides(t *testing.T) {
	for _, v := range []string{"plain-token-1234", `quo"te\and<html>&more`, "spaces and/slashes?&=+", "中文密码符号", "line\nbreak\ttab", `ends-in-\`, "nabcdef"} {
		t.Run(v, func(t *testing.T) {
			var buf bytes.Buffer
			w := secret.NewWriter(&buf)
			w.Add(secret.New(v))
			leaky(w, v)
			checkClean(t, buf.String(), v)
		})
	}
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func checkClean(t failer, out, v string) {
	t.Helper()
	quoted := fmt.Sprintf("%q", v)
	for _, form := range []string{v, url.QueryEscape(v), fmt.Sprintf("%x", v), base64.StdEncoding.EncodeToString([]byte(v)), quoted[1 : len(quoted)-1]} {
		if strings.Contains(out, form) {
			t.Fatalf("%q is still in:\n%s", form, out)
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			t.Fatalf("no JSON any more: %s", line)
		}
	}
}

func TestWriterHidesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[ -~é中]{6,40}`).Draw(t, "value")
		for _, word := range []string{"message ", "as a key", "https://h/p?access_token=", `{"token":"`, "deeper", secret.Hidden} {
			if strings.Contains(word, v) || strings.Contains(v, "hidden") {
				t.Skip()
			}
		}
		var buf bytes.Buffer
		w := secret.NewWriter(&buf)
		w.Add(secret.New(v))
		leaky(w, v)
		checkClean(t, buf.String(), v)
	})
}

func TestWriterOverlaps(t *testing.T) {
	var buf bytes.Buffer
	w := secret.NewWriter(&buf)
	w.Add(secret.New("abcdef"), secret.New("abcdefgh"), secret.New("defghijk"), secret.New("short"), secret.Text{})
	for in, want := range map[string]string{
		"abcdef":               "[hidden]",
		"abcdefgh.":            "[hidden].",
		"<abcdefghijk>":        "<[hidden]>",
		"abcdefabcdef":         "[hidden][hidden]",
		"short stays":          "short stays",
		"abc":                  "abc",
		"":                     "",
		"clean":                "clean",
		"x abcdef y defghijk.": "x [hidden] y [hidden].",
	} {
		buf.Reset()
		n, err := io.WriteString(w, in)
		if buf.String() != want || n != len(in) || err != nil || w.Scrub(in) != want {
			t.Errorf("%q became %q (%d, %v), not %q", in, buf.String(), n, err, want)
		}
	}
}

func TestWriterKeepsTheNewest(t *testing.T) {
	var buf bytes.Buffer
	w := secret.NewWriter(&buf)
	name := func(i int) string { return fmt.Sprintf("token-%04d", i) }
	for i := range 300 {
		w.Add(secret.New(name(i)))
		w.Add(secret.New(name(0))) // used again: stays new
	}
	for i, want := range map[int]string{0: secret.Hidden, 1: name(1), 44: name(44), 45: secret.Hidden, 299: secret.Hidden} {
		if got := w.Scrub(name(i)); got != want {
			t.Errorf("%s became %s", name(i), got)
		}
	}
}

func TestWriterConcurrently(t *testing.T) {
	w := secret.NewWriter(io.Discard)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			l := slog.New(slog.NewJSONHandler(w, nil))
			for i := range 100 {
				s := secret.New(fmt.Sprintf("secret-%d-%d", g, i))
				w.Add(s)
				if got := w.Scrub("is " + s.Reveal() + " hidden?"); got != "is [hidden] hidden?" {
					t.Error(got)
				}
				l.Info("m", "v", s.Reveal())
			}
		})
	}
	wg.Wait()
}

func TestWriterReportsErrors(t *testing.T) {
	r, pw := io.Pipe()
	_ = r.CloseWithError(io.ErrUnexpectedEOF)
	if _, err := secret.NewWriter(pw).Write([]byte("x")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWriterClean(b *testing.B) {
	w := secret.NewWriter(io.Discard)
	for range 256 {
		w.Add(secret.GenerateAPIKey())
	}
	line := []byte(`{"time":"2026-01-01T00:00:00.000Z","level":"INFO","msg":"tick","request_id":"67b4cfcf-6957-48ae-b7ef-ba33209895e3","claimed":3,"recorded":3,"changed":2,"failed":0,"elapsed_ms":412}` + "\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		_, _ = w.Write(line)
	}
}

package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"migwatch/internal/secret"
)

const canary = "canary-7f3a9c51e2"

type outer struct {
	Open   secret.Text
	hidden secret.Text
	ptr    *secret.Text
	Nested map[string]secret.Text
	List   []secret.Text
	any    any
}

func holder() outer {
	t := secret.New(canary)
	return outer{Open: t, hidden: t, ptr: &t, Nested: map[string]secret.Text{"k": t}, List: []secret.Text{t}, any: t}
}

func mustHide(t *testing.T, how, got string) {
	t.Helper()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), "canary", fmt.Sprint([]byte(canary))} {
		if strings.Contains(got, form) {
			t.Errorf("%s shows the value: %s", how, got)
		}
	}
}

func TestTextDoesNotPrint(t *testing.T) {
	text := secret.New(canary)
	h := holder()
	values := map[string]any{
		"text": text, "pointer": &text, "struct": h, "struct pointer": &h, "slice": h.List, "map": h.Nested,
		"any": []any{text, &text, h, &h}, "key": map[secret.Text]int{text: 1}, "wrapped": fmt.Errorf("look: %v", text),
	}
	for name, v := range values {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %o %b %c %U %e %t %T %p %w %10.3s %+q %#x") {
			mustHide(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		mustHide(t, name+" Sprint", fmt.Sprint(v))
		mustHide(t, name+" extra", fmt.Sprintf("%s"[2:]+"no verb", v))
		mustHide(t, name+" Errorf", fmt.Errorf("x: %v", v).Error())
	}
	for _, verb := range []string{"%v", "%s", "%d", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, text); got != secret.Hidden {
			t.Errorf("%s gives %q", verb, got)
		}
	}
}

func TestTextDoesNotLog(t *testing.T) {
	text := secret.New(canary)
	var buf bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
		l := slog.New(h)
		l.Info("m", "text", text, "pointer", &text, "struct", holder(), "group", slog.GroupValue(slog.Any("in", text)))
		l.With("with", text).WithGroup("g").Error(text.String(), "err", fmt.Errorf("bad %s", text))
	}
	log.New(&buf, "", 0).Print(text, &text, holder())
	mustHide(t, "log", buf.String())
	if strings.Count(buf.String(), secret.Hidden) < 8 {
		t.Errorf("expected the mark where the values were: %s", buf.String())
	}
}

func TestTextDoesNotEncode(t *testing.T) {
	text := secret.New(canary)
	for name, v := range map[string]any{"text": text, "pointer": &text, "list": []any{text, &text}, "map": map[string]any{"k": text}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json %s: %v", name, err)
		}
		mustHide(t, "json "+name, string(b))
	}
	type element struct {
		A secret.Text `xml:"a,attr"`
		B secret.Text
		C *secret.Text
	}
	b, err := xml.Marshal(element{text, text, &text})
	if err != nil {
		t.Error(err)
	}
	mustHide(t, "xml", string(b))
	for name, v := range map[string]any{"text": text, "pointer": &text, "field": struct{ T secret.Text }{text}} {
		var buf bytes.Buffer
		if err := gob.NewEncoder(&buf).Encode(v); err == nil {
			t.Errorf("gob took %s", name)
		}
		mustHide(t, "gob "+name, buf.String())
	}
}

func TestTextDoesNotShowInPanic(t *testing.T) {
	if how := os.Getenv("SECRET_TEST_PANIC"); how != "" {
		h := holder()
		switch how {
		case "text":
			panic(h.Open)
		case "pointer":
			panic(h.ptr)
		case "struct":
			panic(h)
		case "error":
			panic(fmt.Errorf("look failed: %v %v", h, h.hidden))
		}
	}
	for _, how := range []string{"text", "pointer", "struct", "error"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTextDoesNotShowInPanic$")
		cmd.Env = append(os.Environ(), "SECRET_TEST_PANIC="+how)
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic")) {
			t.Fatalf("%s did not panic: %s", how, out)
		}
		mustHide(t, "panic of "+how, string(out))
	}
}

func TestTextReads(t *testing.T) {
	var got struct{ A, B, C secret.Text }
	if err := json.Unmarshal([]byte(`{"A":"`+canary+`","B":"","C":null}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.A.Reveal() != canary || !got.B.IsZero() || !got.C.IsZero() {
		t.Errorf("read %q %q %q", got.A.Reveal(), got.B.Reveal(), got.C.Reveal())
	}
	err := json.Unmarshal([]byte(`{"A":73370451}`), &got)
	if err == nil || strings.Contains(err.Error(), "73370451") {
		t.Errorf("a number gave %v", err)
	}
	var typed *json.UnmarshalTypeError
	if !errors.As(err, &typed) {
		t.Errorf("a number gave %T", err)
	}
}

func TestTextCompares(t *testing.T) {
	a, b, c := secret.New("one-token"), secret.New("one-token"), secret.New("another")
	if !a.Equal(b) || a.Equal(c) || a.Equal(secret.Text{}) || !secret.New("").Equal(secret.Text{}) {
		t.Error("Equal does not compare values")
	}
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == c.Fingerprint() || len(a.Fingerprint()) != 12 {
		t.Errorf("fingerprints %q %q %q", a.Fingerprint(), b.Fingerprint(), c.Fingerprint())
	}
	if got := (secret.Text{}).Fingerprint(); got != "" {
		t.Errorf("none has fingerprint %q", got)
	}
	if !cmp.Equal(a, b) || cmp.Equal(a, c) {
		t.Error("go-cmp does not compare values")
	}
}

package cloudapi_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/cloudapi"
	"migwatch/internal/secret"
)

func TestParseFieldsRefusesGarbage(t *testing.T) {
	for _, body := range []string{
		"", " ", "null", "[]", "[{}]", "true", `"x"`, "1", "<html>", "\ufeff", "\ufeff\ufeff{}", " \ufeff{}", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`,
		`{}{}`, `{} x`, `{"a":1}]`, `{"a":1,"a":2}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":01}`, `{"a":NaN}`, `{"a":"\x"}`, "{\"a\":\"\\\n\"}", "{\"a\":\x071}", "{\"a\":\"\n", "{\"a\":\"\n}",
		"初始值\n\"errcode\": 0}", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	} {
		if f, err := cloudapi.ParseFields([]byte(body)); err == nil {
			t.Errorf("%.40q was read as %d fields", body, len(f))
		}
	}
}

func TestFields(t *testing.T) {
	f, err := cloudapi.ParseFields([]byte(` {"s":"a\u0000b` + "\xff" + `c","n":3,"t":"12","neg":"-1","f":3.0,"e":1e2,"half":2.5,"nul":null,
		"empty":"","blank":" ","o":{"x":1},"l":[1],"b":true,"big":9223372036854775807,"huge":9223372036854775808,"word":"x",
		"nan":"NaN","inf":"Inf","S":"other","sur":"a\ud800b"} `))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"s": "abc", "n": "3", "nul": "", "absent": "", "empty": "", "b": "true", "sur": "a\ufffdb", "o": "!", "l": "!"}
	for key, want := range texts {
		got, err := f.Text(key)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("Text(%s) is %q, want %q", key, got, want)
		}
	}
	ints := map[string]int64{"n": 3, "t": 12, "neg": -1, "f": 3, "e": 100, "big": 9223372036854775807}
	for key, want := range ints {
		if got, err := f.Int(key); err != nil || got == nil || *got != want {
			t.Errorf("Int(%s) is %v, %v, want %d", key, got, err, want)
		}
	}
	for _, key := range []string{"nul", "absent", "empty", "blank"} {
		if got, err := f.Int(key); err != nil || got != nil {
			t.Errorf("Int(%s) is %v, %v, want nil", key, got, err)
		}
	}
	for _, key := range []string{"half", "huge", "word", "nan", "inf", "o", "l", "b"} {
		if got, err := f.Int(key); err == nil {
			t.Errorf("Int(%s) is %v, want an error", key, got)
		}
	}
	if _, err := f.String("n"); err == nil {
		t.Error("String takes a number")
	}
	o, ok, err := f.Object("o")
	if diff := cmp.Diff(cloudapi.Fields{"x": []byte("1")}, o); diff != "" || !ok || err != nil {
		t.Errorf("Object(o): %v %v\n%s", ok, err, diff)
	}
	if _, ok, err := f.Object("nul"); ok || err != nil {
		t.Error("null is an object")
	}
	if _, _, err := f.Object("l"); err == nil {
		t.Error("a list is an object")
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 10, "plain"}, {"a\x00b\xffc", 10, "abc"}, {"迁移完成", 7, "迁移"}, {"迁移完成", 6, "迁移"}, {"abc", 0, ""}, {"", 5, ""},
	} {
		if got := cloudapi.Clean(c.in, c.limit); got != c.want || !utf8.ValidString(got) {
			t.Errorf("Clean(%q, %d) is %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func TestScrub(t *testing.T) {
	token := secret.New(`a/b+"c`)
	got := cloudapi.Scrub(`raw a/b+"c query a%2Fb%2B%22c path a%2Fb+%22c json a/b+\"c`, secret.Text{}, token)
	if want := "raw [hidden] query [hidden] path [hidden] json [hidden]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSendable(t *testing.T) {
	for s, want := range map[string]bool{"": false, "token": true, "a b": false, "a\n": false, "a\x00": false, "é": false, strings.Repeat("x", 5000): false} {
		if cloudapi.Sendable(secret.New(s)) != want {
			t.Errorf("Sendable(%.10q) is %v", s, !want)
		}
	}
}

func TestParseFieldsMendsWhatIsClear(t *testing.T) {
	for body, want := range map[string]string{
		"\ufeff{\"a\":\"x\"}":                        "x",
		"{\"a\":\"第3行\n解析失败\"}":                      "第3行\n解析失败",
		"\ufeff{\"a\":\"\x07\t\r\x1f\",\n\t\"b\":1}": "\a\t\r\x1f",
		"{\"a\":\"say \\\"\n\\\" \\\\\"}":            "say \"\n\" \\",
		"{\"b\":{\"c\":\"\n\"},\"a\":\"x\"}":         "x",
	} {
		f, err := cloudapi.ParseFields([]byte(body))
		if err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		if got, err := f.Text("a"); err != nil || got != want {
			t.Errorf("%q says %q, %v, want %q", body, got, err, want)
		}
	}
}

// FuzzMend: JSON that is right is read as encoding/json reads it, and what is not an object stays garbage.
func FuzzMend(f *testing.F) {
	for _, s := range []string{`{"a":"b\nc"}`, "{\"a\":\"\n\"}", "\ufeff{}", `{"a":"\\"}`, "{\"a\":\"\\\x01\"}", "[\"\x00\"]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := cloudapi.ParseFields(body)
		var want map[string]json.RawMessage
		if json.Unmarshal(body, &want) != nil || want == nil {
			if err == nil && !bytes.HasPrefix(bytes.TrimPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("\ufeff")), []byte("{")) &&
				!bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\ufeff")), " \t\r\n"), []byte("{")) {
				t.Errorf("garbage was read: %q", body)
			}
			return
		}
		if err != nil {
			return // a key twice, say
		}
		for key, value := range want {
			if !bytes.Equal(fields[key], value) {
				t.Errorf("%q: %q became %q", key, value, fields[key])
			}
		}
	})
}

func FuzzParseFields(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":"c"}} x`, "\ufeff{}", `{"a":"\ud800"}`, `{"n":"12","f":1e400}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := cloudapi.ParseFields(body)
		if err != nil {
			if len(err.Error()) > 60 {
				t.Errorf("the error quotes the body: %v", err)
			}
			return
		}
		for key := range fields {
			text, err := fields.Text(key)
			if err == nil && (!utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > cloudapi.TextLimit) {
				t.Errorf("Text(%q) is not clean: %q", key, text)
			}
			_, _ = fields.Int(key)
			_, _, _ = fields.Object(key)
		}
	})
}

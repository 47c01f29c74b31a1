package secret_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"migwatch/internal/secret"
	"pgregory.net/rapid"
)

func key(fill byte) secret.Text {
	return secret.New(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(fill)), 32))))
}

func ring(t testing.TB, keys ...secret.Text) *secret.Keyring {
	t.Helper()
	r, err := secret.NewKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyringRotates(t *testing.T) {
	old, both, other := ring(t, key('a')), ring(t, key('b'), key('a')), ring(t, key('c'))
	sealed, err := old.Seal(secret.New(canary), "credentials", "7")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := both.Open(sealed, "credentials", "7"); err != nil || got.Reveal() != canary {
		t.Errorf("an old key does not open: %v", err)
	}
	if !both.NeedsRekey(sealed) || old.NeedsRekey(sealed) {
		t.Error("NeedsRekey is wrong about an old key")
	}
	again, err := both.Seal(secret.New(canary), "credentials", "7")
	if err != nil || both.NeedsRekey(again) || !strings.Contains(again, both.KeyID()) {
		t.Errorf("the first key does not write: %v", err)
	}
	if _, err := old.Open(again, "credentials", "7"); !errors.Is(err, secret.ErrUnknownKey) || !strings.Contains(err.Error(), both.KeyID()) {
		t.Errorf("a new value under the old ring gave %v", err)
	}
	if _, err := other.Open(sealed, "credentials", "7"); !errors.Is(err, secret.ErrUnknownKey) {
		t.Errorf("a foreign ring gave %v", err)
	}
}

func TestKeyringRefuses(t *testing.T) {
	r := ring(t, key('a'))
	sealed, _ := r.Seal(secret.New(canary), "files", "12")
	swapped := []byte(sealed)
	for i := range swapped[40:] { // another letter of the alphabet, so that only the seal is broken
		swapped[40+i] = 'A' + (swapped[40+i]&1)*25
	}
	for name, c := range map[string]struct {
		sealed, table, row string
		want               error
	}{
		"another row":     {sealed, "files", "1", secret.ErrForged},
		"another table":   {sealed, "file", "s12", secret.ErrForged},
		"shifted place":   {sealed, "files1", "2", secret.ErrForged},
		"a changed byte":  {string(swapped), "files", "12", secret.ErrForged},
		"cut":             {sealed[:30], "files", "12", secret.ErrMalformed},
		"no version":      {strings.TrimPrefix(sealed, "mw1."), "files", "12", secret.ErrMalformed},
		"a plain value":   {canary, "files", "12", secret.ErrMalformed},
		"another version": {"mw2" + sealed[3:], "files", "12", secret.ErrMalformed},
	} {
		got, err := r.Open(c.sealed, c.table, c.row)
		if !errors.Is(err, c.want) || !got.IsZero() {
			t.Errorf("%s gave %v, not %v", name, err, c.want)
		}
		if err != nil {
			mustHide(t, name, err.Error())
		}
	}
}

func TestNoKeyring(t *testing.T) {
	r := ring(t)
	if r != nil || r.CanSeal() || r.KeyID() != "" || r.NeedsRekey("mw1.x") {
		t.Error("a ring without keys can do something")
	}
	if s, err := r.Seal(secret.New(canary), "t", "r"); !errors.Is(err, secret.ErrNoKey) || s != "" {
		t.Errorf("sealed %q without a key: %v", s, err)
	}
	if s, err := r.Seal(secret.Text{}, "t", "r"); err != nil || s != "" {
		t.Errorf("none is sealed as %q: %v", s, err)
	}
	if got, err := r.Open("", "t", "r"); err != nil || !got.IsZero() {
		t.Errorf("none does not open: %v", err)
	}
	sealed, _ := ring(t, key('a')).Seal(secret.New(canary), "t", "r")
	if _, err := r.Open(sealed, "t", "r"); !errors.Is(err, secret.ErrNoKey) {
		t.Errorf("opened without a key: %v", err)
	}
}

func TestNewKeyring(t *testing.T) {
	raw := []byte(strings.Repeat("\xfb\xff", 16))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if _, err := secret.NewKeyring([]secret.Text{secret.New(enc.EncodeToString(raw))}); err != nil {
			t.Error(err)
		}
	}
	short := secret.New(base64.StdEncoding.EncodeToString(raw[:31]))
	_, err := secret.NewKeyring([]secret.Text{key('a'), short, secret.New(canary), key('a'), {}})
	if err == nil {
		t.Fatal("took bad keys")
	}
	mustHide(t, "NewKeyring", err.Error())
	for _, want := range []string{"key 2 of 5", "key 3 of 5", "key 4 of 5: given twice", "key 5 of 5"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestSealedValues(t *testing.T) {
	r := ring(t, key('a'))
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.StringN(1, -1, 300).Draw(t, "plain")
		table, row := rapid.String().Draw(t, "table"), rapid.String().Draw(t, "row")
		one, err := r.Seal(secret.New(plain), table, row)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := r.Seal(secret.New(plain), table, row)
		if one == two {
			t.Fatal("two sealings of one value are the same")
		}
		if got, err := r.Open(one, table, row); err != nil || got.Reveal() != plain {
			t.Fatalf("does not come back: %v", err)
		}
		i := rapid.IntRange(0, len(one)-1).Draw(t, "at")
		b := []byte(one)
		b[i] ^= byte(1 << rapid.IntRange(0, 6).Draw(t, "bit"))
		if got, err := r.Open(string(b), table, row); err == nil {
			t.Fatalf("a change at %d was not noticed: %q", i, got.Reveal())
		}
	})
}

func FuzzOpen(f *testing.F) {
	r := ring(f, key('a'), key('b'))
	good, _ := r.Seal(secret.New(canary), "t", "r")
	f.Add(good, "t", "r")
	f.Add("mw1."+r.KeyID()+".", "t", "r")
	f.Add("mw1.00000000.AAAA", "", "")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, sealed, table, row string) {
		got, err := r.Open(sealed, table, row)
		if err != nil && !got.IsZero() {
			t.Fatal("both a value and an error")
		}
		if err == nil && sealed != "" && got.IsZero() {
			t.Fatal("neither a value nor an error")
		}
		r.NeedsRekey(sealed)
	})
}

func TestKeys(t *testing.T) {
	admin, read := secret.GenerateAPIKey(), secret.GenerateAPIKey()
	keys := secret.NewKeys([]secret.Text{admin, {}}, []secret.Text{read})
	for presented, want := range map[string]secret.Role{
		admin.Reveal(): secret.RoleAdmin, read.Reveal(): secret.RoleRead, "": secret.RoleNone,
		admin.Reveal() + "x": secret.RoleNone, admin.Reveal()[1:]: secret.RoleNone, secret.Hidden: secret.RoleNone,
	} {
		if got := keys.Role(presented); got != want {
			t.Errorf("a key of %d characters is %v, not %v", len(presented), got, want)
		}
	}
	if keys.Empty() || !secret.NewKeys(nil, []secret.Text{{}}).Empty() || (secret.Keys{}).Role("") != secret.RoleNone {
		t.Error("Empty, or the zero Keys, is wrong")
	}
}

func TestGenerated(t *testing.T) {
	a, b := secret.GenerateAPIKey(), secret.GenerateAPIKey()
	if a.Equal(b) || len(a.Reveal()) < 43 || strings.ContainsAny(a.Reveal(), ",= \n") {
		t.Error("API keys are not fit for a comma-separated list")
	}
	if _, err := secret.NewKeyring([]secret.Text{secret.GenerateEncryptionKey(), secret.GenerateEncryptionKey()}); err != nil {
		t.Error(err)
	}
}

package cloudapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Fields is one JSON object whose values are not read yet. encoding/json's structs will not do: they
// match keys in any case, so that "Status" overrides "status".
type Fields map[string]json.RawMessage

// ParseFields reads b, which must be one object and nothing else. An object that has a key twice says
// two things, and is refused. A byte order mark before it and bare control characters in its strings
// are read as what they mean. Errors quote nothing of b.
func ParseFields(b []byte) (Fields, error) {
	d := json.NewDecoder(bytes.NewReader(mend(b)))
	t, err := d.Token()
	if err != nil {
		return nil, errors.New("not JSON")
	}
	if t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	f := Fields{}
	for d.More() {
		t, err := d.Token()
		key, isKey := t.(string)
		if err != nil || !isKey {
			return nil, errors.New("not JSON")
		}
		if _, twice := f[key]; twice {
			return nil, errors.New("a JSON object that has a key twice")
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, errors.New("not JSON, or cut off")
		}
		f[key] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("not JSON, or cut off")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("JSON with something after it")
	}
	return f, nil
}

// Has reports whether key is there and not null.
func (f Fields) Has(key string) bool {
	v, ok := f[key]
	return ok && string(v) != "null"
}

// Object reads an object; ok is false where it is absent or null.
func (f Fields) Object(key string) (inner Fields, ok bool, err error) {
	if !f.Has(key) {
		return nil, false, nil
	}
	inner, err = ParseFields(f[key])
	if err != nil {
		return nil, false, fmt.Errorf("%s is %w", key, err)
	}
	return inner, true, nil
}

// List reads a list of objects; absent and null are none, and so is a null in it.
func (f Fields) List(key string) ([]Fields, error) {
	if !f.Has(key) {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(f[key], &raw); err != nil {
		return nil, fmt.Errorf("%s is not a list", key)
	}
	list := make([]Fields, 0, len(raw))
	for _, v := range raw {
		if string(v) == "null" {
			continue
		}
		one, err := ParseFields(v)
		if err != nil {
			return nil, fmt.Errorf("%s has in it %w", key, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// Text reads a string, cleaned (see Clean); a number or boolean is taken as it is written. Absent and
// null are "".
func (f Fields) Text(key string) (string, error) {
	if !f.Has(key) {
		return "", nil
	}
	v := f[key]
	switch v[0] {
	case '{', '[':
		return "", fmt.Errorf("%s is not text", key)
	case '"':
		s, err := f.quoted(key)
		return Clean(s, TextLimit), err
	}
	return Clean(string(v), TextLimit), nil
}

// String reads a value that must be a string; absent and null are "".
func (f Fields) String(key string) (string, error) {
	if !f.Has(key) {
		return "", nil
	}
	if f[key][0] != '"' {
		return "", fmt.Errorf("%s is not a string", key)
	}
	return f.quoted(key)
}

func (f Fields) quoted(key string) (string, error) {
	v := f[key]
	if !utf8.Valid(v) {
		v = bytes.ToValidUTF8(v, nil)
	}
	var s string
	if err := json.Unmarshal(v, &s); err != nil {
		return "", fmt.Errorf("%s is not a string", key)
	}
	return s, nil
}

// Int reads a whole number, written as a number or as a string of one. Absent, null and "" are nil.
func (f Fields) Int(key string) (*int64, error) {
	if !f.Has(key) {
		return nil, nil
	}
	s := string(f[key])
	if s[0] == '"' {
		var err error
		if s, err = f.quoted(key); err != nil {
			return nil, err
		}
		if s = strings.TrimSpace(s); s == "" {
			return nil, nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return &n, nil
	}
	// 3.0 and 1e2 are whole too, where a float64 still tells neighbours apart.
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return nil, fmt.Errorf("%s is not a whole number", key)
	}
	n := int64(x)
	return &n, nil
}

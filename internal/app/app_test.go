package app

import (
	"bytes"
	"encoding/json"
	"testing"
)

// A log may be read on a terminal, and holds upstreams' texts.
func TestLogHasNoControls(t *testing.T) {
	const text = "a\x1b[2Jb\x7fc\u009b31md\x07e\n客户"
	var out bytes.Buffer
	NewLog(&out).Warn("a poll failed", "message", text)
	if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0x9f }); i != out.Len()-1 {
		t.Errorf("a control character at %d of %d: %q", i, out.Len(), out.String())
	}
	var line struct{ Message string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Message != text {
		t.Errorf("%q, %v", line.Message, err)
	}
}

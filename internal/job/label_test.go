package job_test

import (
	"errors"
	"strings"
	"testing"

	"migwatch/internal/job"
)

func TestCheckLabel(t *testing.T) {
	for label, reason := range map[string]string{
		"":                            "",
		"orders to TencentDB":         "",
		"客户迁移 🚚 👩\u200d💻":             "", // joined characters are no controls
		strings.Repeat("字", 200):      "",
		strings.Repeat("字", 201):      "more than 200",
		"\xb6\xa9\xb5\xa5":            "not UTF-8",
		"a\x00b":                      "control",
		"a\nb":                        "control",
		"\x1b]0;owned\x07":            "control",
		"a\x7fb":                      "control",
		"a\u009b2Jb":                  "control",
		strings.Repeat("\x07", 201):   "control",
		strings.Repeat("\xff", 1<<20): "not UTF-8",
	} {
		err := job.CheckLabel(label)
		var bad *job.InvalidError
		if (err != nil) != (reason != "") || err != nil && (!errors.As(err, &bad) || bad.Field != "label" || !strings.Contains(bad.Reason, reason)) {
			t.Errorf("%.40q: %v, want %q", label, err, reason)
		}
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// doctored runs doctor on a new database of its own, with these settings beside.
func doctored(t *testing.T, prepare func(*store.Store), keys *secret.Keyring, env ...string) string {
	t.Helper()
	url := "sqlite:" + filepath.Join(t.TempDir(), "m.db")
	db, err := store.Open(secret.New(url), store.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	prepare(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "doctor", "--timeout", "10s")
	cmd.Env = append([]string{"MIGWATCH_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0", "MIGWATCH_DATABASE_URL=" + url}, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == leaked {
		t.Fatal(err, string(out))
	}
	return string(out)
}

func says(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), text) {
			t.Errorf("no %q in\n%s", text, out)
		}
	}
	if strings.Contains(out, "canary") {
		t.Errorf("a secret in\n%s", out)
	}
}

func nothing(*store.Store) {}

// The upstreams' clocks count too: requests are refused by them.
func TestDoctorComparesClocks(t *testing.T) {
	for ahead, want := range map[time.Duration]string{0: "✓ ok clock", 10 * time.Second: "! warn clock", -10 * time.Minute: "✗ wrong clock"} {
		upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			_, _ = w.Write([]byte(`{"errcode":61023,"errmsg":"no"}`))
		}))
		host := strings.TrimPrefix(upstream.URL, "http://")
		out := doctored(t, nothing, nil, "MIGWATCH_WECHAT_URL="+upstream.URL, "MIGWATCH_WECHAT_ACCESS_TOKEN=canary-token")
		upstream.Close()
		says(t, out, "✓ ok clock", "from the database's", "from "+host)
		found := ""
		for line := range strings.Lines(out) {
			if strings.Contains(line, "from "+host) {
				found = strings.Join(strings.Fields(line), " ")
			}
		}
		if !strings.HasPrefix(found, want) {
			t.Errorf("%v ahead: %q", ahead, found)
		}
	}
}

func TestDoctorShowsProxies(t *testing.T) {
	says(t, doctored(t, nothing, nil), "- skip proxy none")
	out := doctored(t, nothing, nil, "HTTPS_PROXY=http://canary:canary@proxy.example.com:3128", "NO_PROXY=api.weixin.qq.com")
	says(t, out, "✓ ok proxy dts.tencentcloudapi.com through proxy.example.com:3128")
	if strings.Contains(out, "api.weixin.qq.com through") {
		t.Error(out)
	}
	says(t, doctored(t, nothing, nil, "HTTPS_PROXY=http://canary:ca%ry@proxy:x"), "✗ wrong proxy", "cannot be read")
}

// What another key sealed is said by every check that would need it.
func TestDoctorKnowsWhatIsSealed(t *testing.T) {
	ours, theirs := secret.GenerateEncryptionKey(), secret.GenerateEncryptionKey()
	platform := []string{"MIGWATCH_WECHAT_APPID=wx0123456789abcdef", "MIGWATCH_WECHAT_APPSECRET=canary-appsecret",
		"MIGWATCH_WECHAT_CALLBACK_TOKEN=canarytoken", "MIGWATCH_WECHAT_CALLBACK_AES_KEYS=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "MIGWATCH_WECHAT_URL=http://127.0.0.1:1"}
	for _, test := range []struct {
		key  secret.Text
		want []string
	}{
		{ours, []string{"✓ ok encryption", "✓ ok callback"}},
		{theirs, []string{"✗ wrong encryption a verify ticket is stored, but sealed with none of MIGWATCH_ENCRYPTION_KEYS", "✗ wrong callback"}},
	} {
		keyring, err := secret.NewKeyring([]secret.Text{test.key})
		if err != nil {
			t.Fatal(err)
		}
		out := doctored(t, func(db *store.Store) {
			if err := db.SaveTicket(t.Context(), secret.New("ticket@@@canary"), time.Now()); err != nil {
				t.Fatal(err)
			}
		}, keyring, append(platform, "MIGWATCH_ENCRYPTION_KEYS="+ours.Reveal())...)
		says(t, out, test.want...)
	}
}

package config_test

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"migwatch/internal/config"
	"migwatch/internal/dburl"
	"migwatch/internal/secret"
)

// files is a readFile over a map; what is not there does not exist.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if v, ok := m[name]; ok {
			return []byte(v), nil
		}
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
}

var (
	encKey = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	aesKey = strings.Repeat("A", 43)
)

func full() map[string]string {
	return map[string]string{
		"TENCENTCLOUD_RUNENV":               "SCF",
		"MIGWATCH_DATABASE_URL":             "mysql://mig:p%40ss%2Fw@db.internal:3306/migwatch?tls=true",
		"MIGWATCH_ADMIN_KEYS":               "admin-key-0123456789, another-admin-key-01",
		"MIGWATCH_READ_KEYS":                "read-key-0123456789,",
		"MIGWATCH_PUBLIC_READ":              "true",
		"MIGWATCH_ENCRYPTION_KEYS":          encKey,
		"MIGWATCH_WECHAT_URL":               "https://wx.example/base/",
		"MIGWATCH_WECHAT_ACCESS_TOKEN":      "fixed-token",
		"MIGWATCH_WECHAT_TOKEN_URL":         "https://tokens.example/get?key=abcdef",
		"MIGWATCH_WECHAT_APPID":             "wx134c8103faa5a59e",
		"MIGWATCH_WECHAT_APPSECRET":         "the-app-secret",
		"MIGWATCH_WECHAT_CALLBACK_TOKEN":    "AAAAA",
		"MIGWATCH_WECHAT_CALLBACK_AES_KEYS": aesKey + "," + strings.Repeat("b", 43),
		"MIGWATCH_WECHAT_RATE":              "0.5",
		"MIGWATCH_DTS_URL":                  "https://dts.ap-shanghai-fsi.tencentcloudapi.com",
		"MIGWATCH_DTS_RATE":                 "10",
		"MIGWATCH_NOTIFY":                   "wecom://canary-robot?on=all\nsmtps://u:canary-word@h/?from=a@b&to=c@d",
		"MIGWATCH_NOTIFY_LINK":              "https://page.example/m/",
		"MIGWATCH_HEARTBEAT_URL":            "https://hc.example/ping/canary-uuid?x=1",
		"MIGWATCH_STUCK_AFTER":              "0",
		"MIGWATCH_TROUBLE_AFTER":            "20m",
		"TENCENTCLOUD_SECRETID":             "AKIDexample",
		"TENCENTCLOUD_SECRETKEY":            "key-example",
		"TENCENTCLOUD_SESSIONTOKEN":         "session-example",
		"MIGWATCH_POLL_RESERVE":             "2s",
		"MIGWATCH_POLL_TIMEOUT":             "5s",
		"MIGWATCH_POLL_LEASE":               "1m",
		"MIGWATCH_RETENTION_SNAPSHOTS":      "30",
		"MIGWATCH_RETENTION_EVENTS":         "7",
		"MIGWATCH_FILE_URLS":                "true",
		"MIGWATCH_LOG_LEVEL":                "debug",
		"HOME":                              "/root",
	}
}

func reveal(list []secret.Text) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.Reveal())
	}
	return out
}

func TestLoadFull(t *testing.T) {
	s, err := config.Load(full(), config.Poll, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Cloud || !s.PublicRead || !s.FileURLs || s.LogLevel != slog.LevelDebug || s.WeChat.Rate != 0.5 || s.DTS.Rate != 10 ||
		s.PollReserve != 2*time.Second || s.PollTimeout != 5*time.Second || s.PollLease != time.Minute ||
		s.NotifyLink != "https://page.example/m" || len(s.Notify) != 2 || s.Notify[0].Kind != "wecom" || s.StuckAfter != 0 || s.TroubleAfter != 20*time.Minute ||
		s.RetainSnapshots != 30*24*time.Hour || s.RetainEvents != 7*24*time.Hour || !s.Keyring.CanSeal() {
		t.Errorf("got %+v", s)
	}
	if s.WeChat.URL != "https://wx.example/base" || s.DTS.URL != "https://dts.ap-shanghai-fsi.tencentcloudapi.com" || s.WeChat.AppID != "wx134c8103faa5a59e" {
		t.Errorf("got %+v", s.WeChat)
	}
	if diff := cmp.Diff([]string{"admin-key-0123456789", "another-admin-key-01"}, reveal(s.AdminKeys)); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"mysql://mig:p%40ss%2Fw@db.internal:3306/migwatch?tls=true", "p@ss/w", "fixed-token", "https://tokens.example/get?key=abcdef",
		"the-app-secret", "AAAAA", "https://hc.example/ping/canary-uuid?x=1", "AKIDexample", "key-example", "session-example",
		"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary-robot", "canary-robot", "canary-word", "admin-key-0123456789", "another-admin-key-01",
		"read-key-0123456789", encKey, aesKey, strings.Repeat("b", 43),
	}
	if diff := cmp.Diff(want, reveal(s.Secrets())); diff != "" {
		t.Error(diff)
	}
	if d := s.Database; d.Engine != dburl.MySQL || d.User != "mig" || d.Describe() != "mysql db.internal:3306/migwatch" || d.Name != "migwatch" || d.Params.Get("tls") != "true" {
		t.Errorf("database %+v", d)
	}
	for _, v := range []string{fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), s.Database.Describe()} {
		for _, hidden := range s.Secrets() {
			if strings.Contains(v, hidden.Reveal()) {
				t.Errorf("%q is shown in %s", hidden.Reveal(), v)
			}
		}
	}
}

func TestLoadDefaults(t *testing.T) {
	s, err := config.Load(nil, config.Local, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Database.Engine != dburl.SQLite || s.Database.Path != "migwatch.db" || s.WeChat.URL != "https://api.weixin.qq.com" || s.WeChat.Rate != 5 ||
		s.DTS.URL != "" || s.DTS.Rate != 20 || s.PollReserve != 3*time.Second || s.PollTimeout != 10*time.Second || s.PollLease != 2*time.Minute ||
		s.RetainSnapshots != 0 || s.RetainEvents != 0 || s.StuckAfter != 6*time.Hour || s.TroubleAfter != 10*time.Minute || s.NotifyLink != "" || !s.FileURLs || s.LogLevel != slog.LevelInfo || s.PublicRead || s.Cloud || s.Keyring != nil || s.Warnings != nil {
		t.Errorf("got %+v", s)
	}
	for place, want := range map[config.Place]bool{config.Local: true, config.Poll: true, config.Query: false, config.QueryServer: true} {
		s, err := config.Load(map[string]string{"MIGWATCH_DATABASE_URL": "sqlite:/mnt/x.db"}, place, nil)
		if err != nil || s.FileURLs != want {
			t.Errorf("place %d: file URLs %v, %v", place, s.FileURLs, err)
		}
	}
}

func TestLoadReadsFiles(t *testing.T) {
	read := files(map[string]string{"/run/db": "postgres://u:p@h/db\n", "/run/keys": "admin-key-0123456789,\nsecond-key-0123456\n", "/run/id": "AKID", "/run/key": "K"})
	s, err := config.Load(map[string]string{
		"MIGWATCH_DATABASE_URL_FILE": "/run/db", "MIGWATCH_ADMIN_KEYS_FILE": " /run/keys ", "MIGWATCH_ADMIN_KEYS": "  ",
		"TENCENTCLOUD_SECRET_ID_FILE": "/run/id", "TENCENTCLOUD_SECRETKEY_FILE": "/run/key",
	}, config.Local, read)
	if err != nil {
		t.Fatal(err)
	}
	if s.Database.Engine != dburl.Postgres || len(s.AdminKeys) != 2 || s.AdminKeys[1].Reveal() != "second-key-0123456" || s.Credentials.SecretID.Reveal() != "AKID" || s.Credentials.SecretKey.Reveal() != "K" {
		t.Errorf("got %+v", s)
	}
}

func TestLoadCredentials(t *testing.T) {
	first := map[string]string{"TENCENTCLOUD_SECRETID": "I1", "TENCENTCLOUD_SECRETKEY": "K1", "TENCENTCLOUD_SESSIONTOKEN": "T1"}
	second := map[string]string{"TENCENTCLOUD_SECRET_ID": "I2", "TENCENTCLOUD_SECRET_KEY": "K2", "TENCENTCLOUD_TOKEN": "T2"}
	both := maps.Clone(first)
	maps.Copy(both, second)
	for name, c := range map[string]struct {
		env   map[string]string
		place config.Place
		want  string
	}{
		"the platform's":           {first, config.Local, "I1 K1 T1"},
		"other tools'":             {second, config.Local, "I2 K2 T2"},
		"the platform's win":       {both, config.Local, "I1 K1 T1"},
		"no half of two":           {with(both, "TENCENTCLOUD_SESSIONTOKEN", ""), config.Local, "I1 K1 "},
		"mixed names, one value":   {map[string]string{"TENCENTCLOUD_SECRETID": "I", "TENCENTCLOUD_SECRET_KEY": "K", "TENCENTCLOUD_TOKEN": "T"}, config.Local, "I K T"},
		"the query holds no key":   {with(both, "MIGWATCH_DATABASE_URL", "mysql://h/db"), config.Query, "  "},
		"nor does the server":      {with(first, "MIGWATCH_DATABASE_URL", "mysql://h/db"), config.QueryServer, "  "},
		"none":                     {nil, config.Local, "  "},
		"a token alone is nothing": {map[string]string{"TENCENTCLOUD_TOKEN": "T"}, config.Local, "  "},
	} {
		s, err := config.Load(c.env, c.place, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := s.Credentials.SecretID.Reveal() + " " + s.Credentials.SecretKey.Reveal() + " " + s.Credentials.SessionToken.Reveal()
		if got != c.want {
			t.Errorf("%s: got %q, not %q", name, got, c.want)
		}
	}
}

// TestLoadDatabase is about what lasts in the cloud; how a URL may look is dburl's.
func TestLoadDatabase(t *testing.T) {
	for _, in := range []string{"sqlite:/mnt/m.db", "sqlite:/tmpfs/m.db", "sqlite:/var/username/m.db", "sqlite:../../mnt/m.db"} {
		if _, err := config.Load(map[string]string{"MIGWATCH_DATABASE_URL": in, "TENCENTCLOUD_RUNENV": "SCF"}, config.Poll, nil); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestLoadAllows(t *testing.T) {
	db := map[string]string{"MIGWATCH_DATABASE_URL": "mysql://h/db", "TENCENTCLOUD_RUNENV": "SCF"}
	pushes := with(db, "MIGWATCH_WECHAT_APPID", "wx1", "MIGWATCH_WECHAT_CALLBACK_TOKEN", "t", "MIGWATCH_WECHAT_CALLBACK_AES_KEYS", aesKey)
	for name, env := range map[string]map[string]string{
		"no key at all is answered, not refused": db,
		"pushes need no app secret":              pushes,
		"empty is unset":                         with(db, "MIGWATCH_PUBLIC_READ", "", "MIGWATCH_DTS_RATE", "  ", "MIGWATCH_READ_KEYS_FILE", ""),
	} {
		if _, err := config.Load(env, config.Query, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadWarns(t *testing.T) {
	for env, want := range map[string]string{
		"http://api.example.com": "MIGWATCH_WECHAT_URL is http", "http://127.0.0.1:1": "", "http://[::1]:1": "", "http://localhost": "",
		"http://emulator:80": "", "http://10.0.0.3": "", "https://api.example.com": "",
	} {
		s, err := config.Load(map[string]string{"MIGWATCH_WECHAT_URL": env}, config.Local, nil)
		if err != nil || !strings.HasPrefix(strings.Join(s.Warnings, "\n"), want) || (want == "") != (len(s.Warnings) == 0) {
			t.Errorf("%s: %v, %v", env, s.Warnings, err)
		}
	}
	s, err := config.Load(map[string]string{"MIGWATCH_WECHAT_APPID": "wx1", "MIGWATCH_WECHAT_APPSECRET": "s"}, config.Local, nil)
	if err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "MIGWATCH_ENCRYPTION_KEYS") {
		t.Errorf("%v, %v", s.Warnings, err)
	}
}

func TestAll(t *testing.T) {
	var names []string
	for _, s := range config.All() {
		names = append(names, s.Name)
		if s.Doc == "" {
			t.Errorf("%s is not explained", s.Name)
		}
	}
	want := strings.Fields(`MIGWATCH_DATABASE_URL MIGWATCH_ADMIN_KEYS MIGWATCH_READ_KEYS MIGWATCH_PUBLIC_READ MIGWATCH_ENCRYPTION_KEYS
		MIGWATCH_WECHAT_URL MIGWATCH_WECHAT_ACCESS_TOKEN MIGWATCH_WECHAT_TOKEN_URL MIGWATCH_WECHAT_APPID MIGWATCH_WECHAT_APPSECRET
		MIGWATCH_WECHAT_CALLBACK_TOKEN MIGWATCH_WECHAT_CALLBACK_AES_KEYS MIGWATCH_WECHAT_RATE MIGWATCH_DTS_URL MIGWATCH_DTS_RATE
		MIGWATCH_NOTIFY MIGWATCH_NOTIFY_LINK MIGWATCH_HEARTBEAT_URL MIGWATCH_STUCK_AFTER MIGWATCH_TROUBLE_AFTER
		TENCENTCLOUD_SECRETID TENCENTCLOUD_SECRETKEY TENCENTCLOUD_SESSIONTOKEN
		MIGWATCH_POLL_RESERVE MIGWATCH_POLL_TIMEOUT MIGWATCH_POLL_LEASE MIGWATCH_RETENTION_SNAPSHOTS MIGWATCH_RETENTION_EVENTS
		MIGWATCH_FILE_URLS MIGWATCH_LOG_LEVEL`)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for name := range full() {
		if strings.HasPrefix(name, "MIGWATCH_") && !strings.Contains(strings.Join(names, " "), name) {
			t.Errorf("%s is used here and unknown", name)
		}
	}
}

package config_test

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"migwatch/internal/config"
)

// with changes a good environment; a value "" removes.
func with(base map[string]string, kv ...string) map[string]string {
	m := maps.Clone(base)
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return m
}

func TestLoadRefuses(t *testing.T) {
	base := map[string]string{}
	cloud := map[string]string{"TENCENTCLOUD_RUNENV": "SCF"}
	for name, c := range map[string]struct {
		env   map[string]string
		place config.Place
		want  string // setting: and a part of the text
	}{
		"no database in the cloud":     {cloud, config.Poll, "MIGWATCH_DATABASE_URL: is missing; give sqlite:PATH"},
		"no database, local in cloud":  {cloud, config.Local, "MIGWATCH_DATABASE_URL: is missing"},
		"no database, query":           {base, config.Query, "MIGWATCH_DATABASE_URL: is missing"},
		"sqlite in /tmp":               {with(cloud, "MIGWATCH_DATABASE_URL", "sqlite:/tmp/a.db"), config.Poll, "MIGWATCH_DATABASE_URL: is SQLite in /tmp, and in the cloud that is lost with the instance; use mysql://"},
		"sqlite relative":              {with(cloud, "MIGWATCH_DATABASE_URL", "sqlite:a.db"), config.Poll, "is SQLite in /var/user"},
		"sqlite dots":                  {with(cloud, "MIGWATCH_DATABASE_URL", "sqlite:../../mnt/../tmp/./a.db"), config.Poll, "is SQLite in /tmp"},
		"sqlite slashes":               {with(cloud, "MIGWATCH_DATABASE_URL", "sqlite:////tmp//a.db"), config.Poll, "is SQLite in /tmp"},
		"sqlite in memory":             {with(cloud, "MIGWATCH_DATABASE_URL", "sqlite::memory:"), config.Poll, "is SQLite in memory"},
		"sqlite empty":                 {with(base, "MIGWATCH_DATABASE_URL", "sqlite:"), config.Local, "names no file"},
		"sqlite parameters":            {with(base, "MIGWATCH_DATABASE_URL", "sqlite:a.db?_pragma=x"), config.Local, "plain path"},
		"unknown engine":               {with(base, "MIGWATCH_DATABASE_URL", "oracle://u:canary@h/db"), config.Local, "unknown engine"},
		"no engine":                    {with(base, "MIGWATCH_DATABASE_URL", "canary"), config.Local, "names no engine"},
		"no database name":             {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary@h:3306"), config.Local, "names no database"},
		"no host":                      {with(base, "MIGWATCH_DATABASE_URL", "postgres:///db"), config.Local, "unix socket as ?host=/path"},
		"raw # in password":            {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary#x@h/db"), config.Local, "write %23 for #"},
		"raw / in password":            {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary/x@h/db"), config.Local, "%2F for /"},
		"raw % in password":            {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary%zz@h/db"), config.Local, "%25 for %"},
		"bad port":                     {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary@h:99999/db"), config.Local, "port as a number"},
		"two names":                    {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:canary@h/a/b"), config.Local, "more than one name"},
		"undefined inside":             {with(base, "MIGWATCH_DATABASE_URL", "mysql://u:undefined@h/db"), config.Local, "word undefined"},
		"undefined":                    {with(base, "MIGWATCH_ADMIN_KEYS", "undefined"), config.Local, "MIGWATCH_ADMIN_KEYS: holds the word undefined"},
		"undefined in a list":          {with(base, "MIGWATCH_ADMIN_KEYS", "admin-key-0123456789, undefined"), config.Local, "holds the word undefined"},
		"unresolved":                   {with(base, "MIGWATCH_WECHAT_APPID", "x${env:APPID}"), config.Local, "unresolved ${env:…}"},
		"undefined level":              {with(base, "MIGWATCH_LOG_LEVEL", "undefined"), config.Local, "MIGWATCH_LOG_LEVEL: holds the word undefined"},
		"a sink of no kind":            {with(base, "MIGWATCH_NOTIFY", "wecom://k canary"), config.Poll, "MIGWATCH_NOTIFY: sink 2 is of no known kind"},
		"a heartbeat that is no URL":   {with(base, "MIGWATCH_HEARTBEAT_URL", "canary"), config.Poll, "MIGWATCH_HEARTBEAT_URL: is not an absolute URL"},
		"a link that is no URL":        {with(base, "MIGWATCH_NOTIFY_LINK", "page.example"), config.Poll, "MIGWATCH_NOTIFY_LINK: is not an absolute URL"},
		"stuck before it began":        {with(base, "MIGWATCH_STUCK_AFTER", "-1h"), config.Poll, "MIGWATCH_STUCK_AFTER: is less than 0"},
		"trouble before it began":      {with(base, "MIGWATCH_TROUBLE_AFTER", "-1h"), config.Poll, "MIGWATCH_TROUBLE_AFTER: is less than 0"},
		"typo":                         {with(base, "MIGWATCH_LOG_LEVEL", "x", "MIGWATCH_ADMIN_KEY", "canary-canary-canary"), config.Local, "MIGWATCH_ADMIN_KEY: there is no such setting; did you mean MIGWATCH_ADMIN_KEYS?"},
		"typo of a file":               {with(base, "MIGWATCH_LOG_LEVEL", "x", "MIGWATCH_DATABASEURL_FILE", "canary"), config.Local, "did you mean MIGWATCH_DATABASE_URL_FILE?"},
		"file of no secret":            {with(base, "MIGWATCH_LOG_LEVEL", "x", "MIGWATCH_LOG_LEVEL_FILE", "x"), config.Local, "only secrets are read from files; set MIGWATCH_LOG_LEVEL itself"},
		"both":                         {with(base, "MIGWATCH_READ_KEYS", "canary-0123456789", "MIGWATCH_READ_KEYS_FILE", "/k"), config.Local, "MIGWATCH_READ_KEYS: both it and MIGWATCH_READ_KEYS_FILE are set"},
		"no file":                      {with(base, "MIGWATCH_READ_KEYS_FILE", "canary"), config.Local, "MIGWATCH_READ_KEYS_FILE: the file it names does not exist"},
		"empty file":                   {with(base, "MIGWATCH_READ_KEYS_FILE", "/empty"), config.Local, "is empty"},
		"file with a BOM":              {with(base, "MIGWATCH_READ_KEYS_FILE", "/bom"), config.Local, "MIGWATCH_READ_KEYS_FILE: the file it names begins with a byte order mark"},
		"UTF-16 file":                  {with(base, "MIGWATCH_READ_KEYS_FILE", "/utf16"), config.Local, "MIGWATCH_READ_KEYS_FILE: the file it names is in UTF-16"},
		"UTF-16 file without a mark":   {with(base, "MIGWATCH_READ_KEYS_FILE", "/utf16be"), config.Local, "is in UTF-16"},
		"file in GBK":                  {with(base, "MIGWATCH_READ_KEYS_FILE", "/gbk"), config.Local, "is not UTF-8"},
		"large file":                   {with(base, "MIGWATCH_READ_KEYS_FILE", "/large"), config.Local, "larger than 64 KiB"},
		"short key":                    {with(base, "MIGWATCH_READ_KEYS", "read-key-0123456789,canary"), config.Local, "MIGWATCH_READ_KEYS: key 2 of 2 is shorter than 16"},
		"one character":                {with(base, "MIGWATCH_ADMIN_KEYS", "aaaaaaaaaaaaaaaa"), config.Local, "MIGWATCH_ADMIN_KEYS: key 1 of 1 is easily guessed"},
		"placeholder":                  {with(base, "MIGWATCH_READ_KEYS", "read-key-0123456789,Change-Me-Please-Now"), config.Local, "MIGWATCH_READ_KEYS: key 2 of 2 is easily guessed"},
		"repeated":                     {with(base, "MIGWATCH_READ_KEYS", "canary1-canary1-canary1"), config.Local, "MIGWATCH_READ_KEYS: key 1 of 1 is easily guessed"},
		"key with a blank":             {with(base, "MIGWATCH_ADMIN_KEYS", "canary canary canary"), config.Local, "MIGWATCH_ADMIN_KEYS: key 1 of 1 has a blank"},
		"key of both kinds":            {with(base, "MIGWATCH_ADMIN_KEYS", "canary-0123456789", "MIGWATCH_READ_KEYS", "x-canary-0123456789,canary-0123456789"), config.Local, "MIGWATCH_READ_KEYS: key 2 is also key 1 of MIGWATCH_ADMIN_KEYS"},
		"encryption key":               {with(base, "MIGWATCH_ENCRYPTION_KEYS", encKey+",canary"), config.Local, "MIGWATCH_ENCRYPTION_KEYS: key 2 of 2: not base64 of exactly 32 bytes"},
		"bool":                         {with(base, "MIGWATCH_PUBLIC_READ", "yes"), config.Local, `MIGWATCH_PUBLIC_READ: is not true or false`},
		"optional bool":                {with(base, "MIGWATCH_FILE_URLS", "yes"), config.Local, `MIGWATCH_FILE_URLS: is not true or false`},
		"duration":                     {with(base, "MIGWATCH_POLL_RESERVE", "3"), config.Local, `MIGWATCH_POLL_RESERVE: is not a duration such as 3s`},
		"no duration":                  {with(base, "MIGWATCH_POLL_RESERVE", "0s"), config.Local, "MIGWATCH_POLL_RESERVE: is not more than 0"},
		"lease":                        {with(base, "MIGWATCH_POLL_LEASE", "10s"), config.Local, "MIGWATCH_POLL_LEASE: is not longer than MIGWATCH_POLL_TIMEOUT"},
		"lease without time to record": {with(base, "MIGWATCH_POLL_LEASE", "12s", "MIGWATCH_POLL_TIMEOUT", "10s"), config.Local, "MIGWATCH_POLL_LEASE: is not longer than MIGWATCH_POLL_TIMEOUT by half"},
		"rate 0":                       {with(base, "MIGWATCH_DTS_RATE", "0"), config.Local, "MIGWATCH_DTS_RATE: is not a rate"},
		"rate NaN":                     {with(base, "MIGWATCH_DTS_RATE", "NaN"), config.Local, "MIGWATCH_DTS_RATE: is not a rate"},
		"rate large":                   {with(base, "MIGWATCH_WECHAT_RATE", "1000.5"), config.Local, "MIGWATCH_WECHAT_RATE: is not a rate"},
		"rate word":                    {with(base, "MIGWATCH_WECHAT_RATE", "fast"), config.Local, `MIGWATCH_WECHAT_RATE: is not a number`},
		"days":                         {with(base, "MIGWATCH_RETENTION_EVENTS", "-1"), config.Local, "MIGWATCH_RETENTION_EVENTS: is not a number of days"},
		"days overflow":                {with(base, "MIGWATCH_RETENTION_EVENTS", "999999999"), config.Local, "is not a number of days"},
		"level":                        {with(base, "MIGWATCH_LOG_LEVEL", "loud"), config.Local, `MIGWATCH_LOG_LEVEL: is none of`},
		"URL relative":                 {with(base, "MIGWATCH_WECHAT_URL", "api.weixin.qq.com"), config.Local, "MIGWATCH_WECHAT_URL: is not an absolute URL"},
		"URL scheme":                   {with(base, "MIGWATCH_DTS_URL", "ftp://h"), config.Local, "MIGWATCH_DTS_URL: is not an absolute URL"},
		"URL with a user":              {with(base, "MIGWATCH_DTS_URL", "https://u:canary@h"), config.Local, "MIGWATCH_DTS_URL: has a user name or password"},
		"URL with a query":             {with(base, "MIGWATCH_DTS_URL", "https://h/?k=canary"), config.Local, "MIGWATCH_DTS_URL: has a query"},
		"token URL":                    {with(base, "MIGWATCH_WECHAT_TOKEN_URL", "canary"), config.Local, "MIGWATCH_WECHAT_TOKEN_URL: is not an absolute URL"},
		"token":                        {with(base, "MIGWATCH_WECHAT_ACCESS_TOKEN", "canary canary"), config.Local, "MIGWATCH_WECHAT_ACCESS_TOKEN: has a blank"},
		"app ID alone":                 {with(base, "MIGWATCH_WECHAT_APPID", "wx1"), config.Local, "MIGWATCH_WECHAT_APPSECRET: is missing"},
		"app secret alone":             {with(base, "MIGWATCH_WECHAT_APPSECRET", "canary"), config.Local, "MIGWATCH_WECHAT_APPID: is missing"},
		"callback without ID":          {with(base, "MIGWATCH_WECHAT_CALLBACK_TOKEN", "canary", "MIGWATCH_WECHAT_CALLBACK_AES_KEYS", aesKey), config.Local, "MIGWATCH_WECHAT_APPID: is missing; a ticket push"},
		"callback without AES":         {with(base, "MIGWATCH_WECHAT_CALLBACK_TOKEN", "canary"), config.Local, "MIGWATCH_WECHAT_CALLBACK_AES_KEYS: is missing"},
		"AES without callback":         {with(base, "MIGWATCH_WECHAT_CALLBACK_AES_KEYS", aesKey), config.Local, "MIGWATCH_WECHAT_CALLBACK_TOKEN: is missing"},
		"AES key":                      {with(base, "MIGWATCH_WECHAT_CALLBACK_AES_KEYS", aesKey+",canary"), config.Local, "key 2 of 2 is not an EncodingAESKey"},
		"three AES keys":               {with(base, "MIGWATCH_WECHAT_CALLBACK_AES_KEYS", aesKey+","+aesKey+","+aesKey), config.Local, "has 3 keys"},
		"half credentials":             {with(base, "TENCENTCLOUD_SECRETID", "canary"), config.Local, "TENCENTCLOUD_SECRETKEY: is missing"},
		"odd name":                     {with(base, "MIGWATCH_LOG_LEVEL", "x", "MIGWATCH_\nX", "1"), config.Local, `"MIGWATCH_\nX": there is no such setting`},
		"a file where there is no way": {with(base, "MIGWATCH_READ_KEYS_FILE", "/denied"), config.Local, "may not be read by this user"},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(f string) ([]byte, error) {
				if f == "/denied" {
					return nil, &fs.PathError{Op: "open", Path: f, Err: fs.ErrPermission}
				}
				return files(map[string]string{"/k": "x", "/empty": " \n", "/large": strings.Repeat("x", 1<<17),
					"/bom": "\ufeffcanary-0123456789", "/utf16": "\xff\xfec\x00a\x00n\x00a\x00r\x00y\x00", "/utf16be": "\x00c\x00a\x00n\x00a\x00r\x00y", "/gbk": "canary-0123456789-\xd6\xd0"})(f)
			}
			_, err := config.Load(c.env, c.place, read)
			var all *config.Error
			if !errors.As(err, &all) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, not %q", err, c.want)
			}
			if strings.Contains(err.Error(), "canary") || strings.Count(err.Error(), "\n")+1 != len(all.Problems) {
				t.Errorf("a value is shown, or lines are not problems: %q", err)
			}
		})
	}
}

// TestUnknownNamesAlone: an older build, rolled back to, meets the newer one's settings.
func TestUnknownNamesAlone(t *testing.T) {
	s, err := config.Load(map[string]string{"MIGWATCH_POLL_TIMOUT": "canary", "MIGWATCH_SERVER": "x", "MIGWATCH_KEY_FILE": "y"}, config.Local, nil)
	if err != nil || len(s.Warnings) != 1 || s.Warnings[0] != "MIGWATCH_POLL_TIMOUT: there is no such setting; did you mean MIGWATCH_POLL_TIMEOUT?" {
		t.Errorf("%q, %v", s.Warnings, err)
	}
}

func TestLoadListsAll(t *testing.T) {
	_, err := config.Load(map[string]string{
		"TENCENTCLOUD_RUNENV": "SCF", "MIGWATCH_POLL_TIMOUT": "1s", "MIGWATCH_READ_KEYS": "short", "MIGWATCH_ADMIN_KEYS": "short",
		"MIGWATCH_DTS_RATE": "x", "MIGWATCH_PUBLIC_READ": "x", "MIGWATCH_LOG_LEVEL": "x",
	}, config.Query, nil)
	var all *config.Error
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all.Problems {
		got = append(got, p.Setting)
	}
	want := []string{
		"MIGWATCH_POLL_TIMOUT", "MIGWATCH_DATABASE_URL", "MIGWATCH_ADMIN_KEYS", "MIGWATCH_READ_KEYS", "MIGWATCH_READ_KEYS", "MIGWATCH_PUBLIC_READ",
		"MIGWATCH_DTS_RATE", "MIGWATCH_LOG_LEVEL",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

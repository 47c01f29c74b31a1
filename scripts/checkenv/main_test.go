package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"migwatch/internal/config"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

const (
	root       = "../.."
	database   = "MIGWATCH_DATABASE_URL=mysql://mig:s3cr3t%2Fpw@10.0.0.5:3306/migwatch"
	wrongValue = "hunter2-hunter2-hunter2"
)

// example is .env.example with the lines of changes in place of its own; "-NAME" removes a line.
func example(t *testing.T, changes ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for _, c := range changes {
		name, _, assigned := strings.Cut(strings.TrimPrefix(c, "-"), "=")
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+"=") })
		if i < 0 {
			t.Fatalf("%s is not in .env.example", name)
		}
		lines[i] = c
		if !assigned {
			lines[i] = ""
		}
	}
	file := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestExampleNeedsTheDatabaseOnly(t *testing.T) {
	yml := filepath.Join(root, "serverless.yml")
	problems, _, err := run(yml, example(t), nil)
	if err != nil || len(problems) != 1 || !strings.HasPrefix(problems[0], "MIGWATCH_DATABASE_URL: is missing") {
		t.Errorf("%v, %q", err, problems)
	}
	problems, notes, err := run(yml, example(t, database), nil)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v, %q", err, problems)
	}
	if len(notes) != 2 {
		t.Errorf("without any key: %q", notes)
	}
}

// TestWrongDeployments has what people get wrong. Each is one sentence that begins with the setting's
// name and never shows a secret.
func TestWrongDeployments(t *testing.T) {
	yml := filepath.Join(root, "serverless.yml")
	for name, c := range map[string]struct {
		changes []string
		want    string // the sentence's beginning
		remedy  string // in it
	}{
		"a name is missing":         {[]string{database, "-MIGWATCH_DTS_URL"}, "MIGWATCH_DTS_URL: is not set", "add the line MIGWATCH_DTS_URL= to .env"},
		"no database":               {nil, "MIGWATCH_DATABASE_URL: is missing", "give sqlite:PATH"},
		"no engine":                 {[]string{"MIGWATCH_DATABASE_URL=" + wrongValue}, "MIGWATCH_DATABASE_URL: names no engine", "give sqlite:PATH"},
		"SQLite under /tmp":         {[]string{"MIGWATCH_DATABASE_URL=sqlite:/tmp/migwatch.db"}, "MIGWATCH_DATABASE_URL: ", ""},
		"a short key":               {[]string{database, "MIGWATCH_ADMIN_KEYS=short"}, "MIGWATCH_ADMIN_KEYS: key 1 of 1 is shorter", "migwatch key"},
		"no base64":                 {[]string{database, "MIGWATCH_ENCRYPTION_KEYS=" + wrongValue}, "MIGWATCH_ENCRYPTION_KEYS: ", "migwatch key --encryption"},
		"an AES key cut short":      {[]string{database, "MIGWATCH_WECHAT_APPID=wx1", "MIGWATCH_WECHAT_APPSECRET=x", "MIGWATCH_WECHAT_CALLBACK_TOKEN=t", "MIGWATCH_WECHAT_CALLBACK_AES_KEYS=" + wrongValue}, "MIGWATCH_WECHAT_CALLBACK_AES_KEYS: key 1 of 1", "43"},
		"a secret without its ID":   {[]string{database, "MIGWATCH_WECHAT_APPSECRET=" + wrongValue}, "MIGWATCH_WECHAT_APPID: is missing", "tokens need both"},
		"a lease that is too short": {[]string{database, "MIGWATCH_POLL_LEASE=5s"}, "MIGWATCH_POLL_LEASE: ", "longer"},
		"half a network":            {[]string{database, "DEPLOY_VPC_ID=vpc-1"}, "DEPLOY_VPC_ID and DEPLOY_SUBNET_ID: only one", "set both"},
		"half a log":                {[]string{database, "DEPLOY_CLS_TOPIC_ID=t"}, "DEPLOY_CLS_LOGSET_ID and DEPLOY_CLS_TOPIC_ID: only one", "leave both empty"},
		"no region":                 {[]string{database, "DEPLOY_REGION=Shanghai"}, `DEPLOY_REGION: "Shanghai" is not`, "ap-shanghai"},
		"a variable in a value":     {[]string{"MIGWATCH_DATABASE_URL=mysql://u:${PASSWORD}@h/db"}, "MIGWATCH_DATABASE_URL: has ${", "%24%7B"},
		"a comment after a value":   {[]string{database, "MIGWATCH_LOG_LEVEL=info # chatty"}, "MIGWATCH_LOG_LEVEL: has a #", "lines of their own"},
		"the word undefined":        {[]string{database, "MIGWATCH_READ_KEYS=undefined"}, "MIGWATCH_READ_KEYS: holds the word undefined", "remove"},
		"settings that are too big": {[]string{database, "MIGWATCH_READ_KEYS=" + strings.Repeat(strings.Repeat("k", 40)+",", 100)}, "query: its settings are", "remove old keys"},
	} {
		t.Run(name, func(t *testing.T) {
			problems, _, err := run(yml, example(t, c.changes...), nil)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(problems, func(p string) bool { return strings.HasPrefix(p, c.want) && strings.Contains(p, c.remedy) })
			if i < 0 {
				t.Fatalf("nothing says %q … %q: %q", c.want, c.remedy, problems)
			}
			for _, p := range problems {
				if strings.Contains(p, wrongValue) || strings.Contains(p, "s3cr3t") || strings.Contains(p, "\n") {
					t.Errorf("not one sentence without a secret: %q", p)
				}
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	problems, _, err := run(filepath.Join(root, "serverless.yml"), filepath.Join(t.TempDir(), ".env"), nil)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "copy .env.example") {
		t.Errorf("%v, %q", err, problems)
	}
}

func TestEnvironmentWins(t *testing.T) {
	problems, _, err := run(filepath.Join(root, "serverless.yml"), example(t), []string{database})
	if err != nil || len(problems) != 0 {
		t.Errorf("%v, %q", err, problems)
	}
}

func TestDotenv(t *testing.T) {
	values, problems := dotenv("# comment\n\nA=1\n B = two words \nC=\"x # y\"\nD='q'\nE=\nF=a=b\nnonsense\nA=2\n")
	want := map[string]string{"A": "2", "B": "two words", "C": "x # y", "D": "q", "E": "", "F": "a=b"}
	if len(values) != len(want) {
		t.Errorf("got %q", values)
	}
	for k, v := range want {
		if values[k] != v {
			t.Errorf("%s is %q, not %q", k, values[k], v)
		}
	}
	if len(problems) != 2 || !strings.Contains(problems[0], "line 9") || !strings.HasPrefix(problems[1], "A: is in .env twice") {
		t.Errorf("%q", problems)
	}
}

// TestEverySettingIsDeployed keeps the file in step with the settings: each is given to the function
// that needs it, and the query function gets nothing that could call an API.
func TestEverySettingIsDeployed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	d := parseDeployment(string(text))
	for _, s := range config.All() {
		if strings.HasPrefix(s.Name, "TENCENTCLOUD_") { // the platform's to give
			continue
		}
		_, poll := d.functions["poll"][s.Name]
		_, query := d.functions["query"][s.Name]
		if !poll && !query {
			t.Errorf("serverless.yml gives %s to neither function", s.Name)
		}
		if !slices.Contains(d.references, s.Name) {
			t.Errorf("serverless.yml does not take %s from the environment", s.Name)
		}
	}
	for key := range d.functions["query"] {
		if strings.HasPrefix(key, "TENCENTCLOUD_") || strings.HasPrefix(key, "MIGWATCH_POLL_") || slices.Contains(forPollOnly, key) {
			t.Errorf("the query function is given %s, which it does not need", key)
		}
	}
}

var forPollOnly = []string{"MIGWATCH_WECHAT_ACCESS_TOKEN", "MIGWATCH_WECHAT_TOKEN_URL", "MIGWATCH_WECHAT_APPSECRET"}

// TestDatabaseURLsAlike reads each URL as the settings do, as this command does and as the store does. All
// take it, or all refuse it in the same words.
func TestDatabaseURLsAlike(t *testing.T) {
	for url, refusal := range map[string]string{ // "": taken
		"mysql://u:p@h:3306/d":                                       "",
		"mariadb://u:p@h/d":                                          "",
		"MySQL://u:p%40%2F%5E%7B%7D%20@h/d?tls=skip-verify":          "",
		"mysql://u:p@/d?socket=/run/s":                               "",
		"postgresql://u:p@[::1]:5432/d?sslmode=require":              "",
		"postgres://u:p@/d?host=/run/postgresql":                     "",
		"postgres://u:p@h/d?default_query_exec_mode=exec":            "",
		"mysql://u:p@tcp(h:3306)/d":                                  "is written in the way of Go's driver; write mysql://user:pass@host:3306/db",
		"mysql://u:s3cr3t^@h/d":                                      "write %20 for a blank, %5E for ^",
		"mysql://u:s3cr3t{}@h/d":                                     "write %20 for a blank, %5E for ^",
		"mysql://u:s3cr3t x@h/d":                                     "write %20 for a blank, %5E for ^",
		"mysql://u:s3cr3t/x@h/d":                                     "write %23 for #, %2F for /",
		"mysql://u:3306/s3cr3t@h/d":                                  "write %23 for #, %2F for /",
		"mysql://u:3306?s3cr3t@h/d":                                  "write %23 for #, %2F for /, %3F for ?",
		"mysql://u:p@h/d?charset=utf8":                               "charset is set by migwatch on every connection, remove it",
		"mysql://u:p@h/d?sslmode=require":                            "sslmode is not taken here, write tls=true",
		"mysql://u:p@h/d?interpolateParams=true":                     "interpolateParams is set by migwatch",
		"mysql://u:p@h/d?lock_wait_timeout=1,autocommit=0":           "lock_wait_timeout must be a whole number",
		"postgres://u:p@h/d?default_query_exec_mode=simple_protocol": "default_query_exec_mode must be one of",
		"postgres://u:p@h/d?client_encoding=GBK":                     "client_encoding is set by migwatch",
		"postgres://u:p@h/d?tls=true":                                "tls is not taken here, write sslmode=verify-full",
		"postgres://u:p@h/":                                          "names no database",
		"mysql://u:p@h:x/d":                                          "give the port as a number",
		"oracle://u:p@h/d":                                           "has an unknown engine",
		"sqlite::memory:":                                            "is SQLite in memory",
		"sqlite:a.db?cache=shared":                                   "takes a plain path",
		"sqlite:":                                                    "names no file",
		"mysql://u:undefined@h/d":                                    "the word undefined",
	} {
		t.Run(url, func(t *testing.T) {
			_, settings := config.Load(map[string]string{"MIGWATCH_DATABASE_URL": url}, config.Query, nil)
			problems, _, err := run(filepath.Join(root, "serverless.yml"), example(t), []string{"MIGWATCH_DATABASE_URL=" + url})
			if err != nil {
				t.Fatal(err)
			}
			db, opened := store.Open(secret.New(url), store.Options{})
			if opened == nil {
				_ = db.Close()
			}
			for who, says := range map[string]string{"settings": text(settings), "checkenv": strings.Join(problems, "\n"), "store": text(opened)} {
				if (says == "") != (refusal == "") || !strings.Contains(says, refusal) || strings.Contains(says, "s3cr3t") || strings.Contains(says, "\n") {
					t.Errorf("%s: %q, want %q", who, says, refusal)
				}
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

package config

import (
	"reflect"
	"strings"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// RunEnv is set to "SCF" by the platform, and by nobody else.
const RunEnv = "TENCENTCLOUD_RUNENV"

// raw is the environment with each value read but not yet judged. Its tags are the one list of the
// settings: what is documented, what is known and what is parsed cannot drift apart. Lists of secrets
// come as one text and are split after, because their parts are trimmed and may be empty.
type raw struct {
	DatabaseURL    secret.Text `env:"MIGWATCH_DATABASE_URL" default:"sqlite:migwatch.db for the local command; required in the cloud" doc:"sqlite:PATH, mysql://user:pass@host:3306/db or postgres://user:pass@host:5432/db"`
	AdminKeys      secret.Text `env:"MIGWATCH_ADMIN_KEYS" doc:"API keys that may do all, comma-separated, at least 16 characters each"`
	ReadKeys       secret.Text `env:"MIGWATCH_READ_KEYS" doc:"API keys that may read, comma-separated, at least 16 characters each"`
	PublicRead     bool        `env:"MIGWATCH_PUBLIC_READ" envDefault:"false" doc:"reads need no key"`
	EncryptionKeys secret.Text `env:"MIGWATCH_ENCRYPTION_KEYS" doc:"base64 of 32 bytes, comma-separated; the first encrypts, all decrypt; without one no token, ticket or file URL is stored"`

	WeChatURL       string      `env:"MIGWATCH_WECHAT_URL" envDefault:"https://api.weixin.qq.com" doc:"base URL of WeChat's API"`
	AccessToken     secret.Text `env:"MIGWATCH_WECHAT_ACCESS_TOKEN" doc:"a component_access_token made elsewhere"`
	TokenURL        secret.Text `env:"MIGWATCH_WECHAT_TOKEN_URL" doc:"a token service that answers {\"component_access_token\":\"…\",\"expires_in\":7200}"`
	AppID           string      `env:"MIGWATCH_WECHAT_APPID" doc:"the platform's own app ID, to fetch tokens here"`
	AppSecret       secret.Text `env:"MIGWATCH_WECHAT_APPSECRET" doc:"the platform's own app secret, to fetch tokens here"`
	CallbackToken   secret.Text `env:"MIGWATCH_WECHAT_CALLBACK_TOKEN" doc:"verifies ticket pushes"`
	CallbackAESKeys secret.Text `env:"MIGWATCH_WECHAT_CALLBACK_AES_KEYS" doc:"decrypts ticket pushes: the current key, then the previous, comma-separated, 43 characters each"`
	WeChatRate      float64     `env:"MIGWATCH_WECHAT_RATE" envDefault:"5" doc:"polls per second, over all instances"`
	DTSURL          string      `env:"MIGWATCH_DTS_URL" default:"the official host of the scope" doc:"base URL of the DTS API; finance regions have hosts of their own"`
	DTSRate         float64     `env:"MIGWATCH_DTS_RATE" envDefault:"20" doc:"polls per second and region, over all instances"`

	Notify       secret.Text   `env:"MIGWATCH_NOTIFY" doc:"sinks, separated by blanks or newlines: webhook+https://…, wecom://…, dingtalk://…, feishu://…, lark://…, slack://…, pagerduty://…, smtps://…"`
	NotifyLink   string        `env:"MIGWATCH_NOTIFY_LINK" doc:"base URL of the page, for links in messages"`
	HeartbeatURL secret.Text   `env:"MIGWATCH_HEARTBEAT_URL" doc:"asked with GET after each tick that worked; with POST and /fail behind its path, the reason in the body, after one that did not"`
	StuckAfter   time.Duration `env:"MIGWATCH_STUCK_AFTER" envDefault:"6h" doc:"a running job that shows nothing new for so long is told as stuck, once per snapshot; 0: never"`
	TroubleAfter time.Duration `env:"MIGWATCH_TROUBLE_AFTER" envDefault:"10m" doc:"polls that fail for so long for one reason are told as trouble; credentials and forbidden at the second failure in a row"`

	SecretID     secret.Text `env:"TENCENTCLOUD_SECRETID" default:"given by the platform" doc:"the function's role; TENCENTCLOUD_SECRET_ID is read too"`
	SecretKey    secret.Text `env:"TENCENTCLOUD_SECRETKEY" default:"given by the platform" doc:"the function's role; TENCENTCLOUD_SECRET_KEY is read too"`
	SessionToken secret.Text `env:"TENCENTCLOUD_SESSIONTOKEN" default:"given by the platform" doc:"the function's role; TENCENTCLOUD_TOKEN is read too"`

	PollReserve time.Duration `env:"MIGWATCH_POLL_RESERVE" envDefault:"3s" doc:"time kept before the deadline to record what was seen"`
	PollTimeout time.Duration `env:"MIGWATCH_POLL_TIMEOUT" envDefault:"10s" doc:"longest one poll may take"`
	PollLease   time.Duration `env:"MIGWATCH_POLL_LEASE" envDefault:"2m" doc:"how long a claim lasts if its holder dies"`

	RetentionSnapshots int `env:"MIGWATCH_RETENTION_SNAPSHOTS" envDefault:"0" doc:"age in days after which snapshots of final jobs are pruned; 0 keeps them"`
	RetentionEvents    int `env:"MIGWATCH_RETENTION_EVENTS" envDefault:"0" doc:"age in days after which events of final jobs are pruned; 0 keeps them"`

	FileURLs *bool  `env:"MIGWATCH_FILE_URLS" default:"true when served directly; false in an event function" doc:"whether admin keys are shown file URLs"`
	LogLevel string `env:"MIGWATCH_LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error; logs are JSON lines on stdout"`
}

// Setting describes one environment variable.
type Setting struct {
	Name    string
	Default string // "" is none; a sentence where it depends
	Secret  bool   // may come as NAME_FILE too, and is never shown
	Doc     string
}

// All lists every setting in the order of the README's table.
func All() []Setting {
	t := reflect.TypeFor[raw]()
	out := make([]Setting, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		out = append(out, Setting{
			Name:    f.Tag.Get("env"),
			Default: f.Tag.Get("envDefault") + f.Tag.Get("default"),
			Secret:  f.Type == reflect.TypeFor[secret.Text](),
			Doc:     f.Tag.Get("doc"),
		})
	}
	return out
}

const (
	prefix     = "MIGWATCH_"
	fileSuffix = "_FILE"
)

// otherSpelling are the names other tools use for the platform's credentials.
var otherSpelling = map[string]string{
	"TENCENTCLOUD_SECRETID":     "TENCENTCLOUD_SECRET_ID",
	"TENCENTCLOUD_SECRETKEY":    "TENCENTCLOUD_SECRET_KEY",
	"TENCENTCLOUD_SESSIONTOKEN": "TENCENTCLOUD_TOKEN",
}

// whyUnknown says what is wrong with a name of ours that is no setting; "" if it is one.
func whyUnknown(name string, all []Setting) string {
	for _, s := range all {
		switch {
		case name == s.Name, s.Secret && name == s.Name+fileSuffix:
			return ""
		case name == s.Name+fileSuffix:
			return "only secrets are read from files; set " + s.Name + " itself"
		}
	}
	return "there is no such setting; did you mean " + nearest(name, all) + "?"
}

func nearest(name string, all []Setting) string {
	var names []string
	for _, s := range all {
		if !strings.HasPrefix(s.Name, prefix) {
			continue
		}
		names = append(names, s.Name)
		if s.Secret {
			names = append(names, s.Name+fileSuffix)
		}
	}
	return job.Nearest(name, names)
}

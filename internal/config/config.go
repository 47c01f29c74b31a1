// Package config turns environment variables into typed settings, and says everything that is wrong
// with them at once.
//
// It must not read the process's environment, a clock or a file by itself: all come from the caller,
// because in a function they change with each invocation. No error it makes shows a secret's value.
package config

import (
	"log/slog"
	"time"

	"migwatch/internal/dburl"
	"migwatch/internal/secret"
	"migwatch/internal/sink"
)

// Place is where the settings are to serve; defaults and demands differ.
type Place int

// The places.
const (
	Local       Place = iota // the command on one machine: the database has a default
	Poll                     // the poll function
	Query                    // the query function, called with events whose answers the platform logs
	QueryServer              // the query function served directly: a web function or a container
)

// holdsCloudKeys reports whether p polls jobs. The query function never holds cloud keys.
func (p Place) holdsCloudKeys() bool { return p == Local || p == Poll }

// Settings is all that can be set. README.md's table says what each means.
type Settings struct {
	Place Place
	Cloud bool // TENCENTCLOUD_RUNENV=SCF

	Database       dburl.Database
	AdminKeys      []secret.Text
	ReadKeys       []secret.Text
	PublicRead     bool
	EncryptionKeys []secret.Text
	Keyring        *secret.Keyring // of EncryptionKeys; nil without

	WeChat      WeChat
	DTS         DTS
	Credentials Credentials // zero where cloud keys are not held, or none are given

	PollReserve time.Duration // kept before the deadline to record what was seen
	PollTimeout time.Duration // longest one poll may take
	PollLease   time.Duration // how long a claim lasts if its holder dies

	Notify       []sink.Sink   // who is told what happens
	NotifyLink   string        // base URL of the page without a trailing slash, for links in messages; "" none
	Heartbeat    secret.Text   // asked after each tick; hidden, as it carries its key
	StuckAfter   time.Duration // how long a running job may show nothing new; 0: for ever
	TroubleAfter time.Duration // how long polls may fail for one reason before that is told

	RetainSnapshots time.Duration // 0: for ever
	RetainEvents    time.Duration // 0: for ever

	FileURLs bool // whether admin keys are shown file URLs
	LogLevel slog.Level

	// Warnings are sentences about what is allowed and yet hardly meant. They hold no secret.
	Warnings []string
}

// WeChat is about the open platform.
type WeChat struct {
	URL             string        // base URL without a trailing slash
	AccessToken     secret.Text   // fixed, made elsewhere
	TokenURL        secret.Text   // of a token service; hidden, as it may carry a key in its query
	AppID           string        // the platform's own
	AppSecret       secret.Text   // the platform's own
	CallbackToken   secret.Text   // verifies ticket pushes
	CallbackAESKeys []secret.Text // EncodingAESKey, 43 characters: the current, then the previous
	Rate            float64       // polls per second, over all instances
}

// DTS is about Tencent Cloud's Data Transmission Service.
type DTS struct {
	URL  string  // base URL without a trailing slash; "" is the official host of each scope
	Rate float64 // polls per second and region, over all instances
}

// Credentials are one invocation's, from one spelling of the names: never half of two.
type Credentials struct {
	SecretID     secret.Text
	SecretKey    secret.Text
	SessionToken secret.Text // none for a permanent key
}

// IsZero reports whether there are none.
func (c Credentials) IsZero() bool { return c.SecretID.IsZero() && c.SecretKey.IsZero() }

// Secrets lists every secret value, for the log's redaction.
func (s Settings) Secrets() []secret.Text {
	out := []secret.Text{
		s.Database.URL, s.Database.Password, s.WeChat.AccessToken, s.WeChat.TokenURL, s.WeChat.AppSecret, s.WeChat.CallbackToken, s.Heartbeat,
		s.Credentials.SecretID, s.Credentials.SecretKey, s.Credentials.SessionToken,
	}
	for _, k := range s.Notify {
		out = append(append(out, k.URL, k.Key), k.Secrets...)
		if k.Mail != nil {
			out = append(out, k.Mail.Password)
		}
	}
	for _, list := range [][]secret.Text{s.AdminKeys, s.ReadKeys, s.EncryptionKeys, s.WeChat.CallbackAESKeys} {
		out = append(out, list...)
	}
	kept := out[:0]
	for _, t := range out {
		if !t.IsZero() {
			kept = append(kept, t)
		}
	}
	return kept
}

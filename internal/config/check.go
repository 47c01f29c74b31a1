package config

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"migwatch/internal/secret"
	"migwatch/internal/sink"
)

const (
	minKey  = 16    // characters of an API key
	maxRate = 1000  // polls per second
	maxDays = 36500 // of retention; a time.Duration holds 292 years
	aesKey  = 43    // characters of an EncodingAESKey
	day     = 24 * time.Hour
)

// settings judges what was read and gives it its types.
func (l *loader) settings(r raw) Settings {
	s := Settings{
		Place: l.place, Cloud: l.cloud,
		Database:        l.database(r.DatabaseURL),
		PublicRead:      r.PublicRead,
		WeChat:          l.wechat(r),
		DTS:             DTS{URL: l.baseURL("MIGWATCH_DTS_URL", r.DTSURL), Rate: l.rate("MIGWATCH_DTS_RATE", r.DTSRate)},
		Credentials:     l.credentials(r),
		PollReserve:     l.positive("MIGWATCH_POLL_RESERVE", r.PollReserve),
		PollTimeout:     l.positive("MIGWATCH_POLL_TIMEOUT", r.PollTimeout),
		PollLease:       l.positive("MIGWATCH_POLL_LEASE", r.PollLease),
		NotifyLink:      l.baseURL("MIGWATCH_NOTIFY_LINK", r.NotifyLink),
		Heartbeat:       r.HeartbeatURL,
		StuckAfter:      l.notNegative("MIGWATCH_STUCK_AFTER", r.StuckAfter),
		TroubleAfter:    l.notNegative("MIGWATCH_TROUBLE_AFTER", r.TroubleAfter),
		RetainSnapshots: l.days("MIGWATCH_RETENTION_SNAPSHOTS", r.RetentionSnapshots),
		RetainEvents:    l.days("MIGWATCH_RETENTION_EVENTS", r.RetentionEvents),
		FileURLs:        l.place != Query,
		LogLevel:        l.level(r.LogLevel),
	}
	if r.FileURLs != nil {
		s.FileURLs = *r.FileURLs
	}
	var wrong []error
	s.Notify, wrong = sink.Parse(r.Notify)
	for _, err := range wrong {
		l.add("MIGWATCH_NOTIFY", "%s", err)
	}
	if !s.Heartbeat.IsZero() {
		l.absolute("MIGWATCH_HEARTBEAT_URL", s.Heartbeat.Reveal())
	}
	if !l.has("MIGWATCH_POLL_LEASE") && !l.has("MIGWATCH_POLL_TIMEOUT") && s.PollLease < s.PollTimeout*3/2 {
		l.add("MIGWATCH_POLL_LEASE", "is not longer than MIGWATCH_POLL_TIMEOUT by half: waiting for a slot and recording need that, or polls outlive their lease")
	}
	s.AdminKeys, s.ReadKeys = l.keys(r)
	s.EncryptionKeys, s.Keyring = l.encryption(r.EncryptionKeys)
	if s.Keyring == nil && !s.WeChat.AppSecret.IsZero() && s.WeChat.AccessToken.IsZero() && s.WeChat.TokenURL.IsZero() {
		l.warn("MIGWATCH_ENCRYPTION_KEYS is not set: no ticket or token can be stored, so MIGWATCH_WECHAT_APPSECRET cannot fetch tokens")
	}
	s.Warnings = l.warnings
	return s
}

func (l *loader) warn(sentence string) { l.warnings = append(l.warnings, sentence) }

func (l *loader) wechat(r raw) WeChat {
	w := WeChat{
		URL:           l.baseURL("MIGWATCH_WECHAT_URL", r.WeChatURL),
		AccessToken:   l.header("MIGWATCH_WECHAT_ACCESS_TOKEN", r.AccessToken),
		TokenURL:      r.TokenURL,
		AppID:         r.AppID,
		AppSecret:     r.AppSecret,
		CallbackToken: r.CallbackToken,
		Rate:          l.rate("MIGWATCH_WECHAT_RATE", r.WeChatRate),
	}
	if !w.TokenURL.IsZero() {
		l.absolute("MIGWATCH_WECHAT_TOKEN_URL", w.TokenURL.Reveal())
	}
	w.CallbackAESKeys = l.aesKeys(r.CallbackAESKeys)
	l.together(w, !r.CallbackAESKeys.IsZero())
	return w
}

// together checks that what only works together is there together.
func (l *loader) together(w WeChat, aesKeys bool) {
	token, secretSet, id := !w.CallbackToken.IsZero(), !w.AppSecret.IsZero(), w.AppID != ""
	if token && !aesKeys {
		l.add("MIGWATCH_WECHAT_CALLBACK_AES_KEYS", "is missing; MIGWATCH_WECHAT_CALLBACK_TOKEN is set, and pushes need both")
	}
	if aesKeys && !token {
		l.add("MIGWATCH_WECHAT_CALLBACK_TOKEN", "is missing; MIGWATCH_WECHAT_CALLBACK_AES_KEYS is set, and pushes need both")
	}
	if !id && secretSet {
		l.add("MIGWATCH_WECHAT_APPID", "is missing; MIGWATCH_WECHAT_APPSECRET is set, and tokens need both")
	} else if !id && (token || aesKeys) {
		l.add("MIGWATCH_WECHAT_APPID", "is missing; a ticket push is only taken when it is for this app ID")
	}
	// Pushes are received with the ID alone: who fetches no tokens should not hold the secret.
	switch elsewhere := !w.AccessToken.IsZero() || !w.TokenURL.IsZero(); {
	case !id || secretSet || token || elsewhere:
	case l.place.holdsCloudKeys():
		l.add("MIGWATCH_WECHAT_APPSECRET", "is missing; MIGWATCH_WECHAT_APPID is set, and tokens need both")
	default:
		l.add("MIGWATCH_WECHAT_CALLBACK_TOKEN", "is missing; MIGWATCH_WECHAT_APPID is set, and here it serves to receive ticket pushes alone")
	}
}

func (l *loader) aesKeys(list secret.Text) []secret.Text {
	const name = "MIGWATCH_WECHAT_CALLBACK_AES_KEYS"
	keys := split(list)
	for i, k := range keys {
		if _, err := base64.StdEncoding.DecodeString(k.Reveal() + "="); err != nil || len(k.Reveal()) != aesKey {
			l.add(name, "key %d of %d is not an EncodingAESKey: 43 letters and digits, as shown on the open platform's page", i+1, len(keys))
		}
	}
	if len(keys) > 2 {
		l.add(name, "has %d keys; give the current and at most one previous", len(keys))
	}
	return keys
}

func (l *loader) credentials(r raw) Credentials {
	c := Credentials{SecretID: r.SecretID, SecretKey: r.SecretKey, SessionToken: r.SessionToken}
	switch {
	case c.IsZero():
		return Credentials{}
	case c.SecretID.IsZero() && !l.has("TENCENTCLOUD_SECRETID"):
		l.add("TENCENTCLOUD_SECRETID", "is missing; TENCENTCLOUD_SECRETKEY is set, and requests are signed with both")
	case c.SecretKey.IsZero() && !l.has("TENCENTCLOUD_SECRETKEY"):
		l.add("TENCENTCLOUD_SECRETKEY", "is missing; TENCENTCLOUD_SECRETID is set, and requests are signed with both")
	}
	return c
}

func (l *loader) keys(r raw) (admin, read []secret.Text) {
	admin, read = split(r.AdminKeys), split(r.ReadKeys)
	for name, keys := range map[string][]secret.Text{"MIGWATCH_ADMIN_KEYS": admin, "MIGWATCH_READ_KEYS": read} {
		for i, k := range keys {
			if len([]rune(k.Reveal())) < minKey {
				l.add(name, "key %d of %d is shorter than 16 characters; `migwatch key` makes a good one", i+1, len(keys))
			}
			if trivial(k.Reveal()) {
				l.add(name, "key %d of %d is easily guessed; `migwatch key` makes a good one", i+1, len(keys))
			}
			if !inHeader(k.Reveal()) {
				l.add(name, "key %d of %d has a blank or a character that no HTTP header carries; `migwatch key` makes a good one", i+1, len(keys))
			}
		}
	}
	for i, k := range read {
		for j, a := range admin {
			if k.Equal(a) {
				l.add("MIGWATCH_READ_KEYS", "key %d is also key %d of MIGWATCH_ADMIN_KEYS; a key is one or the other", i+1, j+1)
			}
		}
	}
	return admin, read
}

// trivial reports whether a key is one of those that are tried first: a placeholder, fewer than five
// different characters, or a short text written again and again.
func trivial(key string) bool {
	lower := strings.ToLower(key)
	if strings.Contains(lower, "changeme") || strings.Contains(lower, "change-me") {
		return true
	}
	different := map[rune]bool{}
	for _, c := range key {
		different[c] = true
	}
	if len(different) < 5 {
		return true
	}
	for period := 1; period <= (len(key)+1)/2; period++ {
		if key[period:] == key[:len(key)-period] {
			return true
		}
	}
	return false
}

func (l *loader) encryption(list secret.Text) ([]secret.Text, *secret.Keyring) {
	keys := split(list)
	ring, err := secret.NewKeyring(keys)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			l.add("MIGWATCH_ENCRYPTION_KEYS", "%s; `migwatch key --encryption` makes a good one", strings.TrimSpace(line))
		}
	}
	return keys, ring
}

// split takes a comma-separated list apart; empty parts are nothing.
func split(list secret.Text) []secret.Text {
	var out []secret.Text
	for part := range strings.SplitSeq(list.Reveal(), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, secret.New(part))
		}
	}
	return out
}

// header refuses what cannot be part of a request line or header.
func (l *loader) header(name string, t secret.Text) secret.Text {
	if !inHeader(t.Reveal()) {
		l.add(name, "has a blank or a character that no token has; copy it again")
	}
	return t
}

func inHeader(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (l *loader) rate(name string, v float64) float64 {
	if !l.has(name) && !(v > 0 && v <= maxRate) { // also not for NaN
		l.add(name, "is not a rate; give more than 0 and at most %d polls per second", maxRate)
	}
	return v
}

func (l *loader) positive(name string, v time.Duration) time.Duration {
	if !l.has(name) && v <= 0 {
		l.add(name, "is not more than 0; give a duration such as 3s or 2m")
	}
	return v
}

func (l *loader) notNegative(name string, v time.Duration) time.Duration {
	if !l.has(name) && v < 0 {
		l.add(name, "is less than 0; give a duration such as 6h or 10m")
	}
	return v
}

func (l *loader) days(name string, n int) time.Duration {
	if !l.has(name) && (n < 0 || n > maxDays) {
		l.add(name, "is not a number of days from 0 (keep) to %d", maxDays)
		return 0
	}
	return time.Duration(n) * day
}

func (l *loader) level(v string) slog.Level {
	switch strings.ToLower(v) {
	case "debug":
		return slog.LevelDebug
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	l.add("MIGWATCH_LOG_LEVEL", "is none of debug, info, warn, error")
	return slog.LevelInfo
}

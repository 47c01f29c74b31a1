package wechat

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	fileLife     = 3600 * time.Second // documented, where the URL itself does not say
	fileURLLimit = 8 << 10
)

// file makes a download link of file_url; nil where there is none, or none that may be offered: a
// link of another scheme would do something else than download when it is followed.
func file(link string, now time.Time) *job.File {
	if link == "" || len(link) > fileURLLimit {
		return nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil
	}
	expires, ok := signedEnd(u.RawQuery)
	if !ok {
		expires = now.Add(fileLife)
	}
	return &job.File{URL: secret.New(link), ExpiresAt: expires.UTC()}
}

// signedEnd reads END of q-sign-time=START;END, in seconds. url.ParseQuery will not do: it drops a
// pair that has a bare semicolon.
func signedEnd(query string) (time.Time, bool) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != "q-sign-time" {
			continue
		}
		value, err := url.QueryUnescape(value)
		_, end, found := strings.Cut(value, ";")
		seconds, convErr := strconv.ParseInt(end, 10, 64)
		if err != nil || !found || convErr != nil || seconds <= 0 || seconds > 253402300799 { // the year 9999
			return time.Time{}, false
		}
		return time.Unix(seconds, 0), true
	}
	return time.Time{}, false
}

// Package notify tells people what happened: it reads events behind each sink's place and hands them on, in order and at
// least once. There is one file for each kind of sink, one for texts, and one for the loop with its retries.
//
// It knows chats, pagers, webhooks and mail; it decides nothing about jobs (package job does) and names no column. No
// address, key or secret of a sink is in any error or log line of it.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"migwatch/internal/job"
	"migwatch/internal/sink"
)

// Class is what to do about a sending that failed.
type Class int

// The classes.
const (
	Again   Class = iota // it may pass by itself
	Refused              // this message cannot be taken; another may
	Gone                 // the address is gone or wrong: nothing will be taken until it changes
)

// Error says why a sink took nothing. It never holds a part of the sink's address.
type Error struct {
	Class      Class
	Code       string        // the service's own, or the HTTP status
	Message    string        // the service's words, cut
	RetryAfter time.Duration // wait at least so long; 0: nothing was said
}

func (e *Error) Error() string { return strings.TrimSpace(e.Code + " " + e.Message) }

// Client sends. It is safe for concurrent use.
type Client struct {
	HTTP *http.Client // follows no redirect: that would take keys elsewhere
	Now  func() time.Time
	Link string // base URL of the page; "": there are no links
}

// single is how many events that wait go as messages of their own; more go as one digest.
const single = 4

// Send hands s the first of list, or where more than four wait and the sink takes digests, all of it. It says how many
// events were taken; an error is an *Error.
func (c *Client) Send(ctx context.Context, s sink.Sink, list []job.Told) (taken int, err error) {
	taken = atOnce(s, len(list))
	text := func(size int) string {
		if taken > 1 {
			return c.digest(s, list, size)
		}
		return c.text(s, list[0], size)
	}
	switch s.Kind {
	case "webhook":
		err = c.webhook(ctx, s, list[0])
	case "pagerduty":
		err = c.page(ctx, s, list[0])
	case "mail":
		err = c.mail(ctx, s, text(mailSize))
	default:
		err = c.chat(ctx, s, text(chats[s.Kind].size))
	}
	if err != nil {
		return 0, err
	}
	return taken, nil
}

// atOnce is how many of n events that wait go in one message.
func atOnce(s sink.Sink, n int) int {
	if n > single && s.Kind != "webhook" && s.Kind != "pagerduty" {
		return n
	}
	return 1
}

// gap is the time between two messages that a kind of sink asks for.
func gap(kind string) time.Duration {
	switch kind {
	case "wecom", "dingtalk": // 20 a minute and robot
		return time.Minute / 20
	case "feishu", "lark", "pagerduty": // 100 and 120 a minute
		return time.Minute / 100
	case "slack", "mail":
		return time.Second
	}
	return 0 // as fast as it answers
}

// answer is what a service said.
type answer struct {
	status     int
	body       []byte
	retryAfter time.Duration
}

const answerSize = 64 << 10

// post sends JSON. The answer has any status; the error is of a connection that gave none.
func (c *Client) post(ctx context.Context, s sink.Sink, to string, header map[string]string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return answer{}, &Error{Class: Gone, Code: "address", Message: "the address cannot be asked"}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "migwatch")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return answer{}, &Error{Class: Again, Code: "network", Message: hide(s, cause(err))}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerSize))
	if err != nil {
		return answer{}, &Error{Class: Again, Code: "network", Message: hide(s, cause(err))}
	}
	a := answer{status: resp.StatusCode, body: text}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		a.retryAfter = time.Duration(min(seconds, 24*60*60)) * time.Second
	} else if at, err := http.ParseTime(resp.Header.Get("Retry-After")); err == nil {
		a.retryAfter = max(at.Sub(c.Now()), 0)
	}
	return a, nil
}

// failed makes an answer's status an error, with what the service said of it.
func (a answer) failed(s sink.Sink, class Class) *Error {
	return &Error{Class: class, Code: strconv.Itoa(a.status), Message: hide(s, string(a.body)), RetryAfter: a.retryAfter}
}

// passing reports whether the status says that the same may be taken later.
func (a answer) passing() bool { return a.status == http.StatusTooManyRequests || a.status >= 500 }

// cause is what went wrong without the URL, which is a key.
func cause(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

const shownSize = 200

// hide makes a text of somebody else's one short line in which no part of the sink's address is.
func hide(s sink.Sink, text string) string {
	hidden := []string{s.URL.Reveal(), s.Key.Reveal()}
	if u, err := url.Parse(s.URL.Reveal()); err == nil {
		hidden = append(hidden, u.RequestURI(), u.RawQuery)
		for _, values := range u.Query() {
			hidden = append(hidden, values...)
		}
	}
	for _, one := range s.Secrets {
		hidden = append(hidden, one.Reveal(), strings.TrimPrefix(one.Reveal(), "whsec_"))
	}
	if s.Mail != nil {
		hidden = append(hidden, s.Mail.Password.Reveal())
	}
	for _, one := range hidden {
		if len(one) > 3 {
			text = strings.ReplaceAll(text, one, "…")
		}
	}
	return cut(line(text), shownSize)
}

// line is text without line breaks and control characters.
func line(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\ufffd"), func(r rune) bool { return r <= ' ' || r >= 0x7f && r <= 0xa0 || r == '\u2028' || r == '\u2029' }), " ")
}

// cut shortens text to so many bytes, never inside a character.
func cut(text string, size int) string {
	const more = "…"
	if len(text) <= size {
		return text
	}
	end := max(size-len(more), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// encode is JSON without escapes for HTML: texts count by their bytes.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // of texts and numbers alone
	return bytes.TrimRight(b.Bytes(), "\n")
}

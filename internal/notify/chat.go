package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"migwatch/internal/sink"
)

// chat is a service that takes messages for people. Messages are plain text: nothing in a label or in an upstream's text
// can be markup there, and what would call people is taken apart.
type chat struct {
	size    int // bytes of UTF-8 that one message's text may have
	message func(s sink.Sink, text string, now time.Time) (to string, body any)
	judge   func(s sink.Sink, a answer) *Error
	plain   func(text string) string // makes a foreign text one that calls nobody
}

var chats = map[string]chat{
	"wecom":    {2048, wecom, judged("errcode", "errmsg", codes{again: []int{-1, 45009}, gone: []int{93000}, after: map[int]time.Duration{45009: time.Minute}}), noTags},
	"dingtalk": {15_000, dingtalk, judged("errcode", "errmsg", codes{again: []int{-1, 130101}, gone: []int{310000, 300001, 400101}, after: map[int]time.Duration{130101: 10 * time.Minute}}), noTags},
	"feishu":   {15_000, feishu, judgedFeishu, noTags},
	"lark":     {15_000, feishu, judgedFeishu, noTags},
	"slack":    {12_000, slack, judgedSlack, noEntities},
}

var judgedFeishu = judged("code", "msg", codes{again: []int{11232}, gone: []int{19001, 19021, 19022, 19024}, after: map[int]time.Duration{11232: 5 * time.Second}})

func (c *Client) chat(ctx context.Context, s sink.Sink, text string) error {
	kind := chats[s.Kind]
	to, body := kind.message(s, text, c.Now())
	a, err := c.post(ctx, s, to, nil, encode(body))
	if err != nil {
		return err
	}
	if e := kind.judge(s, a); e != nil {
		return e
	}
	return nil
}

func wecom(s sink.Sink, text string, _ time.Time) (string, any) {
	return s.URL.Reveal(), map[string]any{"msgtype": "text", "text": map[string]any{"content": text}}
}

// dingtalk is signed in the query: HMAC-SHA256 of the time in ms and the secret, with the secret as key.
func dingtalk(s sink.Sink, text string, now time.Time) (string, any) {
	to := s.URL.Reveal()
	if len(s.Secrets) > 0 {
		ms, key := strconv.FormatInt(now.UnixMilli(), 10), s.Secrets[0].Reveal()
		to += "&timestamp=" + ms + "&sign=" + url.QueryEscape(mac(key, ms+"\n"+key))
	}
	return to, map[string]any{"msgtype": "text", "text": map[string]any{"content": text}, "at": map[string]any{"atMobiles": []string{}, "isAtAll": false}}
}

// feishu is signed in the body, the other way round: HMAC-SHA256 of nothing, with the time in seconds and the secret as
// key.
func feishu(s sink.Sink, text string, now time.Time) (string, any) {
	body := map[string]any{"msg_type": "text", "content": map[string]any{"text": text}}
	if len(s.Secrets) > 0 {
		seconds := strconv.FormatInt(now.Unix(), 10)
		body["timestamp"], body["sign"] = seconds, mac(seconds+"\n"+s.Secrets[0].Reveal(), "")
	}
	return s.URL.Reveal(), body
}

func slack(s sink.Sink, text string, _ time.Time) (string, any) {
	return s.URL.Reveal(), map[string]any{"text": text, "mrkdwn": false, "parse": "none", "link_names": false, "unfurl_links": false}
}

func mac(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// codes are what a service's own codes mean; all others are about the message.
type codes struct {
	again, gone []int
	after       map[int]time.Duration // how long to wait
}

// judged reads answers that are 200 whatever happened, with a code inside.
func judged(code, text string, known codes) func(s sink.Sink, a answer) *Error {
	return func(s sink.Sink, a answer) *Error {
		var fields map[string]json.RawMessage
		n, wrong := 0, ""
		err := json.Unmarshal(a.body, &fields)
		_, has := fields[code]
		if err == nil && has {
			err = json.Unmarshal(fields[code], &n)
			_ = json.Unmarshal(fields[text], &wrong) // none is none
		}
		switch {
		case err == nil && has && n == 0 && a.status == http.StatusOK:
			return nil
		case err != nil || !has || n == 0:
			return a.failed(s, Again) // a gateway's page, or a proxy's
		}
		e := &Error{Class: Refused, Code: strconv.Itoa(n), Message: hide(s, wrong), RetryAfter: max(known.after[n], a.retryAfter)}
		switch {
		case slices.Contains(known.gone, n):
			e.Class = Gone
		case slices.Contains(known.again, n) || a.passing():
			e.Class = Again
		}
		return e
	}
}

func judgedSlack(s sink.Sink, a answer) *Error {
	said := strings.TrimSpace(string(a.body))
	switch {
	case a.status == http.StatusOK && said == "ok":
		return nil
	case a.passing() || a.status < 400:
		return a.failed(s, Again)
	case a.status == http.StatusForbidden || a.status == http.StatusNotFound || a.status == http.StatusGone:
		return a.failed(s, Gone)
	}
	return a.failed(s, Refused)
}

// noMention takes @all apart by a space of no width.
func noMention(text string) string { return strings.ReplaceAll(text, "@", "@\u200b") }

// noTags takes apart what Feishu reads as a tag in a text, <at user_id="all">, and WeCom as <@all>.
func noTags(text string) string {
	return noMention(strings.NewReplacer("<", "＜", ">", "＞").Replace(text))
}

// noEntities writes Slack's three control characters as it asks for; <!channel> is then a text.
func noEntities(text string) string {
	return noMention(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text))
}

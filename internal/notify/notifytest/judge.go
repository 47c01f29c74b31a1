package notifytest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// judge is one call under way.
type judge struct {
	*Receiver
	w    http.ResponseWriter
	req  *http.Request
	raw  []byte
	body map[string]any
	fast bool
}

func (j judge) say(status int, text string) {
	j.w.WriteHeader(status)
	_, _ = io.WriteString(j.w, text)
}

// text finds a text in the body.
func text(in any, path ...string) string {
	for _, name := range path {
		m, _ := in.(map[string]any)
		in = m[name]
	}
	s, _ := in.(string)
	return s
}

func sum(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (j judge) near(seconds int64, within time.Duration) bool {
	return j.Now().Sub(time.Unix(seconds, 0)).Abs() < within
}

func (j judge) webhook() {
	id, stamp := j.req.Header.Get("webhook-id"), j.req.Header.Get("webhook-timestamp")
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	var signatures []string
	for _, one := range []string{Whsec, OldWhsec} {
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(one, "whsec_"))
		signatures = append(signatures, "v1,"+sum(string(key), id+"."+stamp+"."+string(j.raw)))
	}
	if j.req.Header.Get("webhook-signature") != strings.Join(signatures, " ") || !j.near(seconds, 5*time.Minute) || !strings.HasPrefix(id, "migwatch_") || j.req.URL.Query().Get("team") != "canary-query" {
		j.say(http.StatusUnauthorized, "bad signature")
		return
	}
	j.take(Got{"webhook", j.Now(), id, string(j.raw), j.body})
	j.w.WriteHeader(http.StatusNoContent)
}

func (j judge) code(n int, message string) {
	j.say(http.StatusOK, fmt.Sprintf(`{"errcode":%d,"errmsg":%q}`, n, message))
}

func (j judge) wecom() {
	said := text(j.body, "text", "content")
	switch {
	case j.req.URL.Query().Get("key") != "wecom"+Key:
		j.code(93000, "invalid webhook url, hint: [1], from ip: 127.0.0.1")
	case j.fast:
		j.code(45009, "api freq out of limit")
	case j.body["msgtype"] != "text" || said == "" || len(said) > 2048 || strings.Contains(string(j.raw), "mentioned"):
		j.code(40058, "invalid Request Parameter")
	default:
		j.take(Got{"wecom", j.Now(), "", said, j.body})
		j.code(0, "ok")
	}
}

func (j judge) dingtalk() {
	q := j.req.URL.Query()
	ms, _ := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	said := text(j.body, "text", "content")
	all, _ := j.body["at"].(map[string]any)
	switch {
	case q.Get("access_token") != "dingtalk"+Key:
		j.code(300001, "token is not exist")
	case q.Get("sign") != sum(Word, q.Get("timestamp")+"\n"+Word) || !j.near(ms/1000, time.Hour):
		j.code(310000, "sign not match")
	case j.fast:
		j.code(130101, "send too fast, exceed 20 times per minute")
	case j.body["msgtype"] != "text" || said == "" || all["isAtAll"] != false:
		j.code(40035, "bad parameter")
	default:
		j.take(Got{"dingtalk", j.Now(), "", said, j.body})
		j.code(0, "ok")
	}
}

func (j judge) feishu() {
	stamp, said := text(j.body, "timestamp"), text(j.body, "content", "text")
	seconds, _ := strconv.ParseInt(stamp, 10, 64)
	kind := "feishu"
	if strings.Contains(j.req.URL.Path, "lark") {
		kind = "lark"
	}
	say := func(n int, message string) {
		j.say(http.StatusOK, fmt.Sprintf(`{"code":%d,"msg":%q,"data":{}}`, n, message))
	}
	switch {
	case !strings.HasSuffix(j.req.URL.Path, kind+Key):
		say(19001, "param invalid: incoming webhook access token invalid")
	case text(j.body, "sign") != sum(stamp+"\n"+Word, "") || !j.near(seconds, time.Hour):
		say(19021, "sign match fail or timestamp is not within one hour from current time")
	case j.fast:
		say(11232, "frequency limited psm")
	case len(j.raw) > 20<<10 || j.body["msg_type"] != "text" || said == "":
		say(9499, "Bad Request")
	case strings.Contains(said, "<at"):
		j.t.Errorf("%s would call people: %s", kind, said)
	default:
		j.take(Got{kind, j.Now(), "", said, j.body})
		say(0, "success")
	}
}

func (j judge) slack() {
	said := text(j.body, "text")
	switch {
	case j.req.URL.Path != "/services/T0/B0/"+Key:
		j.say(http.StatusNotFound, "no_service")
	case j.fast:
		j.w.Header().Set("Retry-After", "1")
		j.say(http.StatusTooManyRequests, "rate_limited")
	case said == "" || strings.ContainsAny(said, "<>"):
		j.say(http.StatusBadRequest, "invalid_payload")
	default:
		j.take(Got{"slack", j.Now(), "", said, j.body})
		j.say(http.StatusOK, "ok")
	}
}

func (j judge) pagerduty() {
	action, key := text(j.body, "event_action"), text(j.body, "dedup_key")
	summary, severity := text(j.body, "payload", "summary"), text(j.body, "payload", "severity")
	good := map[string]bool{"critical": true, "error": true, "warning": true, "info": true}
	switch {
	case text(j.body, "routing_key") != RoutingKey:
		j.say(http.StatusBadRequest, `{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing key"]}`)
	case j.fast:
		j.say(http.StatusTooManyRequests, `{"status":"throttle exceeded"}`)
	case key == "" || len(key) > 255 || len(j.raw) > 512<<10 || action != "resolve" && (action != "trigger" || summary == "" || len(summary) > 1024 || !good[severity] || text(j.body, "payload", "source") == ""):
		j.say(http.StatusBadRequest, `{"status":"invalid event","message":"Event object is invalid","errors":["bad"]}`)
	default:
		j.take(Got{"pagerduty", j.Now(), action + " " + key, summary + "\n" + text(j.body, "payload", "custom_details", "text"), j.body})
		j.say(http.StatusAccepted, `{"status":"success","message":"Event processed","dedup_key":"x"}`)
	}
}

package emulator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WeChatOptions say what the emulated open platform knows and allows. Zero values get the real API's
// figures where they are known; negative limits are none.
type WeChatOptions struct {
	Tokens    []string // access tokens made elsewhere, good until ExpireTokens
	PerSecond int      // polls in any second; 0: 5
	PerDay    int      // polls a day (UTC+8); 0: no limit

	AppID, AppSecret string // of the component, for its tokens
	Ticket           string // a verify ticket good from the start
	TokensPerDay     int    // purchases a day, failed ones too; 0: 10,000
	TokenLife        time.Duration
	OldTokenLife     time.Duration // how long the token before lives on after a purchase; 0: 5 min
	TicketLife       time.Duration // 0: 12 h
	FileLife         time.Duration // of a signed file_url; 0: 1 h

	Callback Callback // for ticket pushes
}

func (o *WeChatOptions) fill() {
	o.PerSecond = or(o.PerSecond, 5)
	o.PerDay = or(o.PerDay, -1)
	o.TokensPerDay = or(o.TokensPerDay, 10_000)
	o.TokenLife = or(o.TokenLife, 2*time.Hour)
	o.OldTokenLife = or(o.OldTokenLife, 5*time.Minute)
	o.TicketLife = or(o.TicketLife, 12*time.Hour)
	o.FileLife = or(o.FileLife, time.Hour)
	o.Callback.AppID = or(o.Callback.AppID, o.AppID)
}

// usual are WeChat's own words for its codes.
var usual = map[string]string{
	"-1":    "system error",
	"40001": "invalid credential, access_token is invalid or not latest",
	"40013": "invalid appid",
	"40014": "invalid access_token",
	"40066": "invalid url",
	"40097": "invalid args",
	"40101": "missing parameter",
	"40125": "invalid appsecret",
	"41001": "access_token missing",
	"41004": "appsecret missing",
	"41018": "component_appid missing",
	"42001": "access_token expired",
	"43002": "require POST method",
	"44002": "empty post data",
	"45009": "reach max api daily quota limit",
	"45011": "api minute-quota reach limit mustslower retry next minute",
	"47001": "data format error",
	"48001": "api unauthorized",
	"61004": "access clientip is not registered requestIP: 203.0.113.7",
	"61005": "component ticket is expired",
	"61006": "component ticket is invalid",
	"61011": "invalid component",
	"85088": "no qbase privilege",
}

// plainText is what WeChat calls its JSON, now and then.
const plainText = "text/plain"

// wechatError is the error answer of all of WeChat's endpoints. The request ID is part of the text.
func wechatError(c *call, code, message string) reply {
	text := or(or(message, usual[code]), "error") + " rid: " + c.RequestID
	number, err := strconv.ParseInt(code, 10, 64)
	if err != nil {
		number = -1
	}
	return reply{verdict: code, kind: plainText, body: []byte(object{}.with("errcode", number).with("errmsg", text).json())}
}

// wechatPoll judges a getMigrationState call. The caller holds mu.
func (e *Emulator) wechatPoll(c *call) reply {
	if c.r.Method != http.MethodPost {
		return c.refuse("43002", "")
	}
	// The name is lower case, and a token in the body is none.
	token := c.r.URL.Query().Get("access_token")
	if token == "" {
		return c.refuse("41001", "")
	}
	c.Credential = Fingerprint(token)
	if code := e.tokens.check(token, c.At); code != "" {
		return c.refuse(code, "")
	}
	if most := e.options.WeChat.PerSecond; most >= 0 && c.inSecond > most {
		c.Limited = true
		return c.refuse("45011", "")
	}
	if code, why := c.readWeChat(); code != "" {
		return c.refuse(code, why)
	}
	if !e.polls.add(c.At, e.options.WeChat.PerDay) {
		return c.refuse("45009", "")
	}
	at := place{WeChat, c.Scope, c.ID}
	state, fault, found := e.poll(at, c.At)
	switch {
	case fault != nil && !fault.whole():
		return reply{kind: plainText, fault: fault}
	case !found:
		return c.refuse("40097", "")
	}
	return reply{verdict: "ok", kind: plainText, body: []byte(e.wechatState(at, state, c.At)), fault: fault}
}

// readWeChat reads environment and job from the body, or gives the code that refuses it.
func (c *call) readWeChat() (code, why string) {
	if len(c.body) == 0 {
		return "44002", ""
	}
	fields, err := readObject(c.body)
	if err != nil || len(c.body) > maxBody {
		return "47001", ""
	}
	for name := range fields {
		if strings.EqualFold(name, "access_token") {
			return "40097", "invalid args, access_token belongs in the URL"
		}
	}
	env, id := fields["env"], fields["job_id"]
	if env == nil || id == nil {
		return "40101", ""
	}
	scope, ok := text(env)
	if !ok || !envPattern.MatchString(scope) || !wechatID(string(id)) {
		return "40097", ""
	}
	c.Scope, c.ID = scope, string(id)
	return "", ""
}

// poll finds what a poll of a job meets, and counts it.
func (e *Emulator) poll(at place, now time.Time) (state State, fault *Fault, found bool) {
	fault = e.fault(at, now)
	p := e.stage.job(at, now)
	if p == nil {
		return state, fault, false
	}
	p.polls++
	state, own := p.at(now)
	if fault == nil {
		fault = own
	}
	return state, fault, true
}

func (e *Emulator) wechatState(at place, s State, now time.Time) string {
	done, failed, _ := strings.Cut(or(s.Records, "0/0"), "/")
	url := ""
	if s.File {
		url = e.fileURL(at, now)
	}
	o := object{}.with("errcode", 0).with("errmsg", "ok").with("status", s.Status)
	o = append(o, Field{"record_success", number(done)}, Field{"record_fail", number(failed)})
	return o.with("error_msg", s.Message).with("file_url", url).set(s.Set).json()
}

// number makes digits a JSON number: without leading zeros.
func number(digits string) string {
	return or(strings.TrimLeft(digits, "0"), "0")
}

// fileURL signs a download anew, as COS does: whoever has the URL has the file until END.
func (e *Emulator) fileURL(at place, now time.Time) string {
	life := fmt.Sprintf("%d;%d", now.Unix(), now.Add(e.options.WeChat.FileLife).Unix())
	signature := e.secret(e.unique("file")[:40])
	return fmt.Sprintf("https://tcb-mongodb-data-1254135806.cos.ap-shanghai.myqcloud.com/%s/%s/export.json"+
		"?q-sign-algorithm=sha1&q-ak=AKIDemulated&q-sign-time=%s&q-key-time=%s&q-header-list=host&q-url-param-list=&q-signature=%s",
		at.scope, at.id, life, life, signature)
}

// Package sink reads MIGWATCH_NOTIFY: the URLs of the places that are told what happens. It opens nothing. No error of
// it shows a part of a URL, as each of them is a key.
package sink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// Sink is one of these places.
type Sink struct {
	job.Sink
	Lang    string        // "zh" or "en"
	URL     secret.Text   // what is asked; none for mail
	Key     secret.Text   // of a service: a part of the URL, or PagerDuty's routing key
	Secrets []secret.Text // what is signed with: several for a webhook whose secret is being changed
	Mail    *Mail         // for mail alone
}

// Mail is a server that takes mail, and who is told.
type Mail struct {
	Host     string
	Port     string
	Implicit bool // TLS from the first byte; else by STARTTLS
	User     string
	Password secret.Text
	From     string
	To       []string
}

// service is a kind of sink that has an address of its own.
type service struct{ base, path, lang string }

var services = map[string]service{
	"wecom":     {"https://qyapi.weixin.qq.com", "/cgi-bin/webhook/send?key=%s", "zh"},
	"dingtalk":  {"https://oapi.dingtalk.com", "/robot/send?access_token=%s", "zh"},
	"feishu":    {"https://open.feishu.cn", "/open-apis/bot/v2/hook/%s", "zh"},
	"lark":      {"https://open.larksuite.com", "/open-apis/bot/v2/hook/%s", "en"},
	"slack":     {"https://hooks.slack.com", "/services/%s", "en"},
	"pagerduty": {"https://events.pagerduty.com", "/v2/enqueue", "en"},
}

const forms = "webhook+https://HOST/PATH?secret=whsec_…, wecom://KEY, dingtalk://TOKEN?secret=…, feishu://HOOK?secret=…, lark://HOOK?secret=…, slack://T/B/X, pagerduty://KEY, smtps://USER:PASS@HOST/?from=…&to=… or smtp://…"

// Parse reads URLs that are separated by blanks or newlines. It tells all that is wrong at once.
func Parse(list secret.Text) ([]Sink, []error) {
	var sinks []Sink
	var wrong []error
	known := map[string]int{}
	for i, given := range strings.Fields(list.Reveal()) {
		s, err := parse(given)
		if first, twice := known[s.ID]; err == nil && twice {
			err = fmt.Errorf("(%s) is sink %d again", s.Kind, first)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("sink %d %w", i+1, err))
			continue
		}
		known[s.ID] = i + 1
		sinks = append(sinks, s)
	}
	return sinks, wrong
}

func parse(given string) (Sink, error) {
	scheme, _, ok := strings.Cut(given, "://")
	u, err := url.Parse(given)
	_, isService := services[scheme]
	switch {
	case !ok || !isService && scheme != "webhook+https" && scheme != "webhook+http" && scheme != "smtp" && scheme != "smtps":
		return Sink{}, errors.New("is of no known kind; give " + forms)
	case err != nil || u.Fragment != "" || u.Opaque != "":
		return Sink{}, fmt.Errorf("(%s) is not a URL; write %%XX for what has a meaning in one, such as %%23 for # and %%2F for / in a password", scheme)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Sink{}, fmt.Errorf("(%s) has parameters that cannot be read; write %%XX for what has a meaning in a URL", scheme)
	}
	p := &parser{url: u, query: q}
	p.Kind = scheme
	switch {
	case isService:
		p.service(services[scheme])
	case strings.HasPrefix(scheme, "webhook"):
		p.webhook()
	default:
		p.mail()
	}
	p.common()
	if p.err != nil {
		return Sink{}, fmt.Errorf("(%s) %w", p.Kind, p.err)
	}
	return p.Sink, nil
}

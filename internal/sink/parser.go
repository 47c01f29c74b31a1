package sink

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// parser is one URL under way. It takes parameters out of the query as it knows them.
type parser struct {
	Sink
	url   *url.URL
	query url.Values
	place []string // what the sink is known by
	err   error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
}

// take removes a parameter that may be given once.
func (p *parser) take(name string) string {
	values := p.query[name]
	delete(p.query, name)
	if len(values) > 1 {
		p.fail("has %s more than once", name)
	}
	if len(values) == 0 {
		return ""
	}
	return strings.TrimSpace(values[0])
}

func (p *parser) service(s service) {
	key := p.url.Host
	parts := 1
	if p.Kind == "slack" {
		key, parts = p.url.Host+p.url.Path, 3
	}
	key = strings.TrimSuffix(key, "/")
	switch given := strings.Split(key, "/"); {
	case p.url.User != nil || len(given) != parts || slices.Contains(given, "") || parts == 1 && strings.Trim(p.url.Path, "/") != "" || strings.ContainsAny(key, ":@%"):
		p.fail("has no key of its form; copy it from the address that the service gives")
	case p.Kind == "pagerduty" && len(key) != 32:
		p.fail("has a routing key that is not 32 characters long; it is the Integration Key of Events API v2")
	}
	base := s.base
	if b := p.take("base"); b != "" {
		u, err := url.Parse(b)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			p.fail("has a base that is not an http or https URL without a query")
		}
		base = strings.TrimRight(b, "/")
	}
	p.Lang = s.lang
	p.Key, p.URL = secret.New(key), secret.New(base+strings.Replace(s.path, "%s", key, 1))
	if _, given := p.query["secret"]; given {
		word := p.take("secret")
		if p.Kind != "dingtalk" && p.Kind != "feishu" && p.Kind != "lark" {
			p.fail("takes no secret")
		} else if word == "" {
			p.fail("has an empty secret")
		}
		p.Secrets = []secret.Text{secret.New(word)}
	}
	p.place = []string{p.Kind, key, base}
}

func (p *parser) webhook() {
	p.Kind = "webhook"
	p.Lang = "en"
	u := *p.url
	u.Scheme = strings.TrimPrefix(u.Scheme, "webhook+")
	switch {
	case u.Hostname() == "":
		p.fail("names no host")
	case u.User != nil:
		p.fail("has a user name or password; there is no place for one in a webhook's address")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		p.fail("is http to another machine; use webhook+https")
	}
	for _, word := range p.query["secret"] {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(word, "whsec_"))
		if err != nil || !strings.HasPrefix(word, "whsec_") || len(key) < 24 || len(key) > 64 {
			p.fail("has a secret that is not whsec_ and the base64 of 24 to 64 bytes; write %%2B for + in it")
		}
		p.Secrets = append(p.Secrets, secret.New(word))
	}
	if delete(p.query, "secret"); len(p.Secrets) == 0 {
		p.fail("has no secret=whsec_… to sign with")
	}
	rest := url.Values{}
	for name, values := range p.query { // what is not ours is the receiver's
		if !slices.Contains(common, name) {
			rest[name] = values
			delete(p.query, name)
		}
	}
	u.RawQuery = rest.Encode()
	p.URL = secret.New(u.String())
	p.place = []string{p.Kind, u.String()}
}

func (p *parser) mail() {
	m := &Mail{Host: p.url.Hostname(), Port: p.url.Port(), Implicit: p.Kind == "smtps", From: p.take("from")}
	p.Kind, p.Lang, p.Mail = "mail", "en", m
	if m.Port == "" {
		m.Port = map[bool]string{true: "465", false: "587"}[m.Implicit]
	}
	if u := p.url.User; u != nil {
		word, _ := u.Password()
		m.User, m.Password = u.Username(), secret.New(word)
	}
	switch {
	case m.Host == "":
		p.fail("names no host")
	case strings.Trim(p.url.Path, "/") != "":
		p.fail("has a path; write %%2F for / in a user name or password")
	case m.From == "":
		p.fail("has no from=")
	}
	for to := range strings.SplitSeq(p.take("to"), ",") {
		if to = strings.TrimSpace(to); to != "" {
			m.To = append(m.To, to)
		}
	}
	if len(m.To) == 0 {
		p.fail("has no to=")
	}
	for _, one := range append([]string{m.From}, m.To...) {
		if _, err := mail.ParseAddress(one); err != nil {
			p.fail("has an address in from= or to= that is none")
		}
	}
	p.place = append([]string{p.Kind, m.Host, m.Port, m.User, m.From}, m.To...)
}

// common are the parameters of any sink.
var common = []string{"name", "on", "provider", "scope", "lang"}

// usual is what a sink is told of that does not say.
var usual = []string{"action_required", "succeeded", "partial", "failed", "canceled", "missing", "stuck", "trouble"}

func (p *parser) common() {
	f := &p.Filter
	f.Provider, f.Scope = job.Provider(p.take("provider")), p.take("scope")
	if f.Provider != "" && !f.Provider.Valid() {
		p.fail("has a provider that is none of wechat, dts, dts-migration, dts-sync")
	}
	f.On = p.on(p.take("on"))
	switch lang := p.take("lang"); lang {
	case "":
	case "zh", "en":
		p.Lang = lang
	default:
		p.fail("has a lang that is neither zh nor en")
	}
	p.place = append(p.place, string(f.Provider), f.Scope)
	p.ID = digest(p.place)
	for _, s := range p.Secrets {
		p.place = append(p.place, s.Reveal())
	}
	if p.Mail != nil {
		p.place = append(p.place, p.Mail.Password.Reveal())
	}
	p.Version = digest(p.place)
	p.Name = p.take("name")
	if err := job.CheckLabel(p.Name); err != nil {
		p.fail("has a name with control characters, or with more than 200 characters")
	}
	if p.Name == "" {
		p.Name = p.Kind + "-" + p.ID[:8]
	}
	for name := range p.query {
		if _, known := strings.CutPrefix(name, "secret"); known || len(name) > 20 { // it may be a key that was misplaced
			name = "a parameter"
		}
		p.fail("has %q, which %s sinks do not know", name, p.Kind)
	}
}

func (p *parser) on(list string) []string {
	if list == "" {
		return usual
	}
	var words []string
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "all":
			words = append(words, "stuck", "trouble")
			for _, phase := range job.Phases {
				words = append(words, string(phase))
			}
		case word == "stuck" || word == "trouble" || slices.Contains(job.Phases, job.Phase(word)):
			words = append(words, word)
		default:
			p.fail("has a word in on= that is no phase, stuck, trouble or all")
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// digest names a sink by what is not shown. The key only sets these digests apart from others of the same texts.
func digest(parts []string) string {
	mac := hmac.New(sha256.New, []byte("migwatch sink"))
	for _, part := range parts {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// IsLocal reports whether the server is on this machine.
func (m Mail) IsLocal() bool { return loopback(m.Host) }

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}

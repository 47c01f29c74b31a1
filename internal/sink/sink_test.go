package sink_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/sink"
)

const (
	whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other = "whsec_C2FVsBQIhrscChlQIMV%2Bb5sSYspob7oD"
	pager = "0123456789abcdef0123456789abcdef"
)

func one(t *testing.T, given string) sink.Sink {
	t.Helper()
	list, wrong := sink.Parse(secret.New(given))
	if len(wrong) > 0 || len(list) != 1 {
		t.Fatalf("%s: %v", given, wrong)
	}
	return list[0]
}

func TestAddresses(t *testing.T) {
	for given, want := range map[string][]string{ // kind, language, address, key, secrets
		"webhook+https://a.example/in?team=7&secret=" + whsec + "&secret=" + other: {"webhook", "en", "https://a.example/in?team=7", "", whsec, strings.Replace(other, "%2B", "+", 1)},
		"webhook+http://127.0.0.1:8080/in?secret=" + whsec + "&lang=zh":            {"webhook", "zh", "http://127.0.0.1:8080/in", "", whsec},
		"wecom://693a91f6-7xxx":                         {"wecom", "zh", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a91f6-7xxx", "693a91f6-7xxx"},
		"dingtalk://Ab12?secret=SECx&lang=en":           {"dingtalk", "en", "https://oapi.dingtalk.com/robot/send?access_token=Ab12", "Ab12", "SECx"},
		"feishu://Hook-1?base=http://proxy.internal/f/": {"feishu", "zh", "http://proxy.internal/f/open-apis/bot/v2/hook/Hook-1", "Hook-1"},
		"lark://Hook-1?secret=s":                        {"lark", "en", "https://open.larksuite.com/open-apis/bot/v2/hook/Hook-1", "Hook-1", "s"},
		"slack://T0/B0/xYz":                             {"slack", "en", "https://hooks.slack.com/services/T0/B0/xYz", "T0/B0/xYz"},
		"pagerduty://" + pager:                          {"pagerduty", "en", "https://events.pagerduty.com/v2/enqueue", pager},
	} {
		s := one(t, given)
		got := []string{s.Kind, s.Lang, s.URL.Reveal(), s.Key.Reveal()}
		for _, one := range s.Secrets {
			got = append(got, one.Reveal())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
	m := one(t, "smtps://me%40a.example:p%2Fw@mail.example/?from=Watch%20%3Cw@a.example%3E&to=x@a.example,%20y@a.example").Mail
	if m == nil || m.Host != "mail.example" || m.Port != "465" || !m.Implicit || m.User != "me@a.example" || m.Password.Reveal() != "p/w" || !slices.Equal(m.To, []string{"x@a.example", "y@a.example"}) {
		t.Errorf("%+v", m)
	}
	if m := one(t, "smtp://127.0.0.1:2525?from=w@a.example&to=x@a.example").Mail; m.Port != "2525" || m.Implicit || m.User != "" {
		t.Errorf("%+v", m)
	}
}

// What a sink is known by does not change with its secrets and how it is shown; its version changes with secrets.
func TestIdentity(t *testing.T) {
	base := one(t, "dingtalk://Ab12?secret=SECx")
	for given, want := range map[string][2]bool{ // the same sink, the same version
		"dingtalk://Ab12?secret=SECy":                                {true, false},
		"dingtalk://Ab12?secret=SECx&name=ops&on=failed&lang=en":     {true, true},
		"dingtalk://Ab13?secret=SECx":                                {false, false},
		"dingtalk://Ab12?secret=SECx&scope=env-1":                    {false, false},
		"dingtalk://Ab12?secret=SECx&base=http://127.0.0.1:8080":     {false, false},
		"feishu://Ab12?secret=SECx&base=https://oapi.dingtalk.com":   {false, false},
		"dingtalk://Ab12?secret=SECx&provider=wechat&name=of-wechat": {false, false},
	} {
		s := one(t, given)
		if got := [2]bool{s.ID == base.ID, s.Version == base.Version}; got != want {
			t.Errorf("%s: same sink and version %v, want %v", given, got, want)
		}
	}
	if base.Name != "dingtalk-"+base.ID[:8] || strings.Contains(base.ID+base.Version+base.Name, "Ab12") {
		t.Errorf("%+v", base.Sink)
	}
	if one(t, "dingtalk://Ab12?name=%E5%80%BC%E7%8F%AD").Name != "值班" {
		t.Error("the name is not as given")
	}
}

func TestFilters(t *testing.T) {
	phase := func(to job.Phase) job.Event {
		return job.Event{Type: job.PhaseChanged, To: to, Key: job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "d"}}
	}
	stuck := phase(job.Running)
	stuck.Type = job.Stuck
	trouble := job.Event{Type: job.TroubleEvent, From: "forbidden", To: job.Clear, Key: job.Key{Provider: job.WeChat}}
	for given, want := range map[string]string{
		"":                           "failed action_required stuck trouble",
		"on=all":                     "failed running action_required pending unknown stuck trouble",
		"on=failed,stuck":            "failed stuck",
		"provider=wechat":            "trouble",
		"scope=ap-shanghai":          "failed action_required stuck",
		"scope=ap-beijing":           "",
		"on=running&provider=dts":    "running",
		"on=trouble&scope=ap-nearby": "",
	} {
		f := one(t, "wecom://k?"+given).Filter
		got := ""
		for _, to := range []job.Phase{job.Failed, job.Running, job.ActionRequired, job.Pending, job.Unknown} {
			if f.Wants(phase(to)) {
				got += " " + string(to)
			}
		}
		if f.Wants(stuck) {
			got += " stuck"
		}
		if f.Wants(trouble) {
			got += " trouble"
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%q wants %q, not %q", given, got, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	const short = "whsec_" + "Y2FuYXJ5Y2FuYXJ5"
	for given, want := range map[string]string{
		"https://canary.example/":                                   "is of no known kind; give webhook+https://",
		"canary":                                                    "is of no known kind",
		"wecom://":                                                  "(wecom) has no key of its form",
		"wecom://canary/x":                                          "has no key of its form",
		"wecom://canary?secret=canary":                              "takes no secret",
		"wecom://canary?canary=1":                                   `has "canary", which wecom sinks do not know`,
		"slack://T/B":                                               "(slack) has no key of its form",
		"pagerduty://canary":                                        "not 32 characters long",
		"dingtalk://k?secret=":                                      "has an empty secret",
		"dingtalk://k?secret=canary&secret=canary":                  "has secret more than once",
		"feishu://k?base=canary":                                    "has a base that is not",
		"feishu://k?base=https://h/?canary=1":                       "has a base that is not",
		"feishu://k?on=failed,canary":                               "has a word in on=",
		"feishu://k?lang=canary":                                    "neither zh nor en",
		"feishu://k?provider=canary":                                "has a provider that is none of",
		"feishu://k?name=a%01":                                      "has a name with control characters",
		"webhook+https://a.example/in":                              "(webhook) has no secret=whsec_",
		"webhook+https://a.example/in?secret=" + short:              "base64 of 24 to 64 bytes",
		"webhook+https://a.example/in?secret=canary":                "base64 of 24 to 64 bytes",
		"webhook+http://a.example/in?secret=" + whsec:               "is http to another machine",
		"webhook+https://u:canary@a.example/in?secret=" + whsec:     "has a user name or password",
		"webhook+https:///in?secret=" + whsec:                       "names no host",
		"smtps://u:canary#x@h/?from=a@b&to=c@d":                     "write %XX for what has a meaning",
		"smtps://u:canary/x@h/?from=a@b&to=c@d":                     "write %XX for what has a meaning",
		"smtps://h/?to=c@d":                                         "(mail) has no from=",
		"smtps://h/?from=a@b":                                       "has no to=",
		"smtps://h/?from=canary&to=c@d":                             "has an address in from= or to= that is none",
		"wecom://a wecom://a":                                       "sink 2 (wecom) is sink 1 again",
		"wecom://a\ndingtalk://b\nlark://c?%zz":                     "sink 3 (lark)",
		"wecom://a?name=x&on=all  dingtalk://b?name=x feishu://c?x": "sink 3 (feishu)",
	} {
		_, wrong := sink.Parse(secret.New(given))
		if len(wrong) != 1 || !strings.Contains(wrong[0].Error(), want) || strings.Contains(strings.Replace(wrong[0].Error(), `"canary", which`, "", 1), "canary") {
			t.Errorf("%s: %v, want %q", given, wrong, want)
		}
	}
	if list, wrong := sink.Parse(secret.Text{}); list != nil || wrong != nil {
		t.Error(list, wrong)
	}
	if list, wrong := sink.Parse(secret.New("wecom://a b wecom://c x://d")); len(list) != 2 || len(wrong) != 2 {
		t.Error(list, wrong)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"wecom://k", "webhook+https://h/p?secret=" + whsec, "smtps://u:p@h/?from=a@b&to=c@d", "slack://a/b/c?on=all&x", "pagerduty://%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		list, wrong := sink.Parse(secret.New(given))
		if len(list)+len(wrong) != len(strings.Fields(given)) {
			t.Errorf("%d sinks and %d errors of %q", len(list), len(wrong), given)
		}
		for _, s := range list {
			if s.ID == "" || s.Name == "" || len(s.Filter.On) == 0 || s.Mail == nil && s.URL.IsZero() {
				t.Errorf("%q: %+v", given, s)
			}
		}
	})
}

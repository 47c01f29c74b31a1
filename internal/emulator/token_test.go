package emulator

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const buyPath = "/cgi-bin/component/api_component_token"

func purchase(t testing.TB, server *httptest.Server, appid, secret, ticket string) answer {
	t.Helper()
	body := fmt.Sprintf(`{"component_appid":%q,"component_appsecret":%q,"component_verify_ticket":%q}`, appid, secret, ticket)
	return do(t, request(t, "POST", server.URL+buyPath, body))
}

// token reads an answer that holds one, and how many seconds it lives.
func token(t testing.TB, a answer) (string, int) {
	t.Helper()
	var read struct {
		Token     string `json:"component_access_token"`
		ExpiresIn int    `json:"expires_in"`
		Errcode   *int   `json:"errcode"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || read.Token == "" || read.Errcode != nil {
		t.Fatalf("no token in %d %s", a.status, a.body)
	}
	return read.Token, read.ExpiresIn
}

func buy(t testing.TB, server *httptest.Server, appid, secret, ticket string) string {
	t.Helper()
	value, _ := token(t, purchase(t, server, appid, secret, ticket))
	return value
}

func TestPurchaseRefusals(t *testing.T) {
	_, server, clock := begin(t, Options{WeChat: WeChatOptions{AppID: "wx1", AppSecret: "secret", Ticket: "old", TokensPerDay: 1000}})
	for name, test := range map[string]struct{ appid, secret, ticket, code string }{
		"no appid":      {"", "secret", "old", "41018"},
		"no secret":     {"wx1", "", "old", "41004"},
		"no appid form": {"x1", "secret", "old", "40013"},
		"other appid":   {"wx2", "secret", "old", "61011"},
		"wrong secret":  {"wx1", "Secret", "old", "40125"},
		"wrong ticket":  {"wx1", "secret", "new", "61006"},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, purchase(t, server, test.appid, test.secret, test.ticket), `"errcode":`+test.code+`,`, " rid: ")
		})
	}
	wants(t, do(t, request(t, "GET", server.URL+buyPath, "")), `"errcode":43002,`)
	wants(t, do(t, request(t, "POST", server.URL+buyPath, "")), `"errcode":44002,`)
	wants(t, do(t, request(t, "POST", server.URL+buyPath, "component_appid=wx1")), `"errcode":47001,`)
	clock.pass(12*time.Hour - 1)
	buy(t, server, "wx1", "secret", "old")
	clock.pass(1)
	wants(t, purchase(t, server, "wx1", "secret", "old"), `"errcode":61005,`)
}

func TestTokenLives(t *testing.T) {
	e, server, clock := begin(t, Options{
		Script: script(t, exportJob+"api component-token\n1h error 48001 times 2\n"),
		WeChat: WeChatOptions{AppID: "wx1", AppSecret: "secret", PerSecond: -1, TokensPerDay: 5},
	})
	code := func(token string) string {
		body := askWeChat(t, server, token, "test2-4a89da", "100071736").body
		body, _, _ = strings.Cut(strings.TrimPrefix(body, `{"errcode":`), ",")
		return body
	}
	first, life := token(t, purchase(t, server, "wx1", "secret", e.NewTicket()))
	if life != 7200 || code(first) != "0" {
		t.Errorf("expires_in %d, code %s", life, code(first))
	}
	clock.pass(time.Hour)
	ticket := e.NewTicket()
	for range 2 {
		wants(t, purchase(t, server, "wx1", "secret", ticket), `"errcode":48001,`)
	}
	second := buy(t, server, "wx1", "secret", ticket)
	if second == first || code(first) != "0" || code(second) != "0" {
		t.Errorf("right after a purchase both tokens are good; codes %s, %s", code(first), code(second))
	}
	clock.pass(5 * time.Minute)
	if code(first) != "40001" || code(second) != "0" {
		t.Errorf("five minutes later: codes %s, %s", code(first), code(second))
	}
	clock.pass(115 * time.Minute)
	if code(second) != "42001" {
		t.Errorf("after its two hours: code %s", code(second))
	}
	buy(t, server, "wx1", "secret", ticket)
	wants(t, purchase(t, server, "wx1", "secret", ticket), `"errcode":45009,`)
	clock.pass(2 * time.Hour)
	buy(t, server, "wx1", "secret", ticket)
	if n := e.Bought(); n != 4 {
		t.Errorf("%d bought, want 4", n)
	}
	if all := strings.Join(e.Secrets(), "\n"); !strings.Contains(all, first) || !strings.Contains(all, e.CurrentToken()) || !strings.Contains(all, ticket) {
		t.Error("tokens or tickets are not among the secrets")
	}
}

func TestTokenService(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, exportJob)})
	get := func() (string, int) {
		t.Helper()
		return token(t, do(t, request(t, "GET", server.URL+"/token", "")))
	}
	first, life := get()
	if life != 7200 {
		t.Errorf("expires_in %d", life)
	}
	wants(t, askWeChat(t, server, first, "test2-4a89da", "100071736"), `"errcode":0,`)
	clock.pass(110 * time.Minute)
	if same, life := get(); same != first || life != 600 {
		t.Errorf("ten minutes before its end the token changed, or lives for %d s", life)
	}
	clock.pass(time.Second)
	second, _ := get()
	if second == first {
		t.Error("the token was not renewed")
	}
	e.ExpireTokens()
	if third, _ := get(); third == second {
		t.Error("the service hands out a token that has expired")
	}
	if got := do(t, request(t, "POST", server.URL+"/token", "")); got.status != 405 {
		t.Errorf("POST is answered %d", got.status)
	}
	e.Fail(TokenService, "", "", Fault{Do: "http", N: 503, HTML: true, Times: 1})
	if got := do(t, request(t, "GET", server.URL+"/token", "")); got.status != 503 {
		t.Errorf("the fault is answered %d", got.status)
	}
	get()
}

// A purchase shortens the life of the token before, and never lengthens it.
func TestPurchaseNearTheEnd(t *testing.T) {
	e, server, clock := begin(t, Options{Script: script(t, exportJob), WeChat: WeChatOptions{AppID: "wx1", AppSecret: "s", Ticket: "t"}})
	old := buy(t, server, "wx1", "s", "t")
	clock.pass(118 * time.Minute)
	buy(t, server, "wx1", "s", "t")
	clock.pass(2 * time.Minute)
	wants(t, askWeChat(t, server, old, "test2-4a89da", "100071736"), `"errcode":42001,`)
	wants(t, askWeChat(t, server, e.CurrentToken(), "test2-4a89da", "100071736"), `"errcode":0,`)
}

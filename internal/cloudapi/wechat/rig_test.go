package wechat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/secret"
)

const (
	appID     = "wx134c8103faa5a59e"
	appSecret = canary + "appsecret"
)

// vault is a Vault in memory, with its own clock.
type vault struct {
	mu       sync.Mutex
	ticket   secret.Text
	at       time.Time
	document secret.Text
	version  int64
	skew     time.Duration // of its clock against the sources'
	broken   error
	lag      time.Duration // of its answers: whoever asks together sees the same
}

func (v *vault) Ticket(context.Context) (secret.Text, time.Time, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ticket, v.at, v.broken
}

func (v *vault) Tokens(context.Context) (secret.Text, int64, time.Time, error) {
	defer time.Sleep(v.lag)
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.document, v.version, time.Now().Add(v.skew), v.broken
}

func (v *vault) SwapTokens(_ context.Context, version int64, document secret.Text) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken != nil || version != v.version {
		return false, v.broken
	}
	v.document, v.version = document, version+1
	return true, nil
}

func (v *vault) push(ticket string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ticket, v.at = secret.New(ticket), time.Now().Add(v.skew)
}

func (v *vault) breakDown(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = err
}

// platform is WeChat: it sells tokens for tickets, lets each kill the one before within five minutes,
// and takes only living ones. It lives on pipes, so that a test's time can be synctest's.
type platform struct {
	t      testing.TB
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}

	mu      sync.Mutex
	tickets map[string]time.Time // when each was pushed
	dies    map[string]time.Time // when each token dies
	newest  string
	sold    []time.Time
	asked   []time.Time // calls of the token endpoint
	polls   int
	refuse  func() (code int, text string) // to the token endpoint; 0: sell
	hold    func(sale int)                 // before the answer to a sale, with nothing locked
}

func newPlatform(t testing.TB) *platform {
	p := &platform{t: t, conns: make(chan net.Conn), closed: make(chan struct{}), tickets: map[string]time.Time{}, dies: map[string]time.Time{}}
	p.server = &http.Server{Handler: p}
	done := make(chan struct{})
	go func() { defer close(done); _ = p.server.Serve(p) }()
	t.Cleanup(func() { _ = p.server.Close(); <-done })
	return p
}

func (p *platform) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *platform) Close() error { close(p.closed); return nil }

func (p *platform) Addr() net.Addr { return &net.UnixAddr{} }

func (p *platform) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "dbmigrationstate") {
		p.state(w, r.URL.Query().Get("access_token"))
		return
	}
	body, _ := io.ReadAll(r.Body)
	var in map[string]string
	if err := json.Unmarshal(body, &in); err != nil || r.Method != http.MethodPost || r.RequestURI != "/cgi-bin/component/api_component_token" ||
		len(in) != 3 || in["component_appid"] != appID || in["component_appsecret"] != appSecret {
		p.t.Errorf("a purchase is asked for by %s %s", r.Method, r.RequestURI)
	}
	sale, hold, answer := p.sell(in["component_verify_ticket"])
	if hold != nil && sale > 0 {
		hold(sale)
	}
	_, _ = io.WriteString(w, answer)
}

func (p *platform) state(w io.Writer, token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	if !time.Now().Before(p.dies[token]) {
		_, _ = io.WriteString(w, `{"errcode":42001,"errmsg":"access_token expired rid: 60ee"}`)
		return
	}
	_, _ = io.WriteString(w, `{"errcode":0,"status":"waiting"}`)
}

func (p *platform) sell(ticket string) (sale int, hold func(int), answer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.asked = append(p.asked, now)
	if p.refuse != nil {
		if code, text := p.refuse(); code != 0 {
			return 0, nil, fmt.Sprintf(`{"errcode":%d,"errmsg":"%s with %s rid: 60ee"}`, code, text, ticket)
		}
	}
	if at, known := p.tickets[ticket]; !known || now.Sub(at) > 12*time.Hour {
		return 0, nil, `{"errcode":61005,"errmsg":"component ticket is expired"}`
	}
	if old := p.newest; old != "" && p.dies[old].After(now.Add(5*time.Minute)) {
		p.dies[old] = now.Add(5 * time.Minute)
	}
	p.sold = append(p.sold, now)
	p.newest = fmt.Sprintf("%stoken-%d", canary, len(p.sold))
	p.dies[p.newest] = now.Add(2 * time.Hour)
	return len(p.sold), p.hold, fmt.Sprintf(`{"component_access_token":%q,"expires_in":7200}`, p.newest)
}

// push gives v a new ticket.
func (p *platform) push(v *vault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ticket := fmt.Sprintf("%sticket-%d", canary, len(p.tickets))
	p.tickets[ticket] = time.Now()
	v.push(ticket)
}

// kill ends the newest token at once.
func (p *platform) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dies[p.newest] = time.Now()
}

func (p *platform) refusing(refuse func() (int, string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

func (p *platform) counts() (asked, sold, polls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked), len(p.sold), p.polls
}

// holding has f run before the answer to each sale.
func (p *platform) holding(f func(sale int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = f
}

// latest is the token sold last.
func (p *platform) latest() secret.Text {
	p.mu.Lock()
	defer p.mu.Unlock()
	return secret.New(p.newest)
}

// busiest is the most sales in any 24 hours.
func (p *platform) busiest() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	most, all := 0, p.sold
	for i := range all {
		n := 0
		for _, t := range all[i:] {
			if t.Sub(all[i]) < 24*time.Hour {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// instance is one process: a source and a client over its own transport.
func (p *platform) instance(v wechat.Vault) (*wechat.Own, *wechat.Client) {
	p.t.Helper()
	tr := cloudapi.NewTransport(cloudapi.Options{Dial: p.dial})
	p.t.Cleanup(tr.Close)
	own, err := wechat.NewOwn(wechat.OwnOptions{
		BaseURL: "http://wechat.test", AppID: appID, AppSecret: secret.New(appSecret), Transport: tr, Vault: v, Now: time.Now,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := wechat.New(wechat.Options{BaseURL: "http://wechat.test", Transport: tr, Tokens: own, Now: time.Now})
	if err != nil {
		p.t.Fatal(err)
	}
	return own, c
}

var errBroken = errors.New("the database is away")

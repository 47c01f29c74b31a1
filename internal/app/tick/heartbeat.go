package tick

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"migwatch/internal/secret"
)

// beatTime is how long the answer of a heartbeat is waited for.
const beatTime = 5 * time.Second

// beat tells a watchdog elsewhere that a tick worked, or why it did not: a poller that no longer runs cannot tell that
// by itself. The convention is Healthchecks': GET after success, POST to the path with /fail behind it after failure.
func (t *Ticker) beat(ctx context.Context, to secret.Text, failed error) {
	if to.IsZero() || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	method, body := http.MethodGet, ""
	u, err := url.Parse(to.Reveal())
	if err == nil && failed != nil {
		method, body = http.MethodPost, t.Log.Scrub(failed.Error())
		u = u.JoinPath("fail")
	}
	if err == nil {
		err = t.ask(ctx, method, u.String(), body)
	}
	var shown *url.Error // its text shows the URL, which is the key
	if errors.As(err, &shown) {
		err = shown.Err
	}
	if err != nil {
		t.Log.Warn("the heartbeat was not taken", "error", err.Error())
	}
}

func (t *Ticker) ask(ctx context.Context, method, to, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "migwatch")
	resp, err := t.client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return errors.New("the answer was " + resp.Status)
	}
	return nil
}

// client is what is asked beside the upstreams. Redirects are answers: they would take keys elsewhere.
func (t *Ticker) client() *http.Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.web == nil {
		t.web = &http.Client{
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: beatTime, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return t.web
}

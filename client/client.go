package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxAnswer bounds what is read of one answer: no page of the API comes near it.
	maxAnswer = 64 << 20
	// timeout is for clients that were given no http.Client: longer than the slowest answer.
	timeout = time.Minute
)

// Client is one server and one key. It is safe for concurrent use.
type Client struct {
	base *url.URL
	key  *string // behind a pointer, so that printing a Client prints an address
	http *http.Client
}

// New makes a Client of the API whose root is at server, such as "https://migwatch.example.com" or a
// function URL with a path. key may be "" where reads are public, or where the server listens on
// loopback without keys. A nil h is a client of its own with a timeout of one minute. Redirects are
// never followed: the API makes none, and a key must not go elsewhere.
func New(server, key string, h *http.Client) (*Client, error) {
	base, err := url.Parse(strings.TrimSpace(server))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the server must be a URL such as https://migwatch.example.com")
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the server's URL must have no user, query or fragment")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the key has blanks or characters that no key has")
	}
	if h == nil {
		h = &http.Client{Timeout: timeout, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base.Path = strings.TrimRight(base.Path, "/")
	base.RawPath = ""
	return &Client{base: base, key: &key, http: &own}, nil
}

// Server is the root of the API, without a slash at its end.
func (c *Client) Server() string { return c.base.String() }

// Close ends idle connections. The Client can be used again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// PageURL is where a person sees the job; with the zero Key, all of them.
func (c *Client) PageURL(k Key) string {
	if k == (Key{}) {
		return c.base.String() + "/"
	}
	return c.url("/jobs"+k.path(), nil)
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	header       http.Header
	body         any // JSON; nil: none
}

func (c *Client) url(path string, query url.Values) string {
	u := c.base.String() + path // not JoinPath: it would resolve dots in a key's parts
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	return u
}

// open sends r and gives the answer, whose body the caller closes. An answer of 300 and above that is
// not in takes is a *Problem.
func (c *Client) open(ctx context.Context, r call, takes ...int) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.url(r.path, r.query), body)
	if err != nil {
		return nil, errors.New("the request cannot be made of this key and server")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if *c.key != "" {
		req.Header.Set("Authorization", "Bearer "+*c.key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	for _, status := range takes {
		if res.StatusCode == status {
			return res, nil
		}
	}
	if res.StatusCode >= 300 {
		defer res.Body.Close()
		return nil, readProblem(res)
	}
	return res, nil
}

// unreachable says which server, without what *url.Error would show of the URL.
func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("cannot reach %s://%s: %w", c.base.Scheme, c.base.Host, err)
}

// get reads a JSON answer into v.
func (c *Client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.do(ctx, call{method: http.MethodGet, path: path, query: query}, v)
}

func (c *Client) do(ctx context.Context, r call, v any) error {
	res, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.decode(res, v)
}

func (c *Client) decode(res *http.Response, v any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if v == nil {
		return nil
	}
	if err := json.Unmarshal(b, v); err != nil {
		return &Problem{Status: res.StatusCode, RequestID: res.Header.Get("X-Request-Id"),
			Detail: c.base.Scheme + "://" + c.base.Host + " does not answer like migwatch: is the address right?"}
	}
	return nil
}

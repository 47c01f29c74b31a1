package wechat_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

// clock is a time that moves when told to.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// tokenService answers with whatever the test puts into next, and counts.
type tokenService struct {
	*httptest.Server
	mu    sync.Mutex
	asked int
	next  func(w http.ResponseWriter)
}

const servicePath = "/private-" + "path"

func newService(t *testing.T, c *clock, next func(w http.ResponseWriter)) (*tokenService, *wechat.Service) {
	t.Helper()
	s := &tokenService{next: next}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked++
		if r.Method != http.MethodGet || r.RequestURI != servicePath+"?key=CANARY%2F%2Bkey" || r.ContentLength > 0 {
			t.Errorf("the service is asked %s %s", r.Method, r.RequestURI)
		}
		s.next(w)
	}))
	t.Cleanup(s.Close)
	src, err := wechat.NewService(wechat.ServiceOptions{
		URL: secret.New(s.URL + servicePath + "?key=CANARY%2F%2Bkey"), Transport: newTransport(t), Now: c.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, src
}

func (s *tokenService) give(next func(w http.ResponseWriter)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = next
}

func (s *tokenService) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func gives(token string, seconds int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		_, _ = fmt.Fprintf(w, `{"component_access_token":%q,"expires_in":%d}`, token, seconds)
	}
}

func fails(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheServicesTokenIsKeptUntilTenMinutesBeforeItsEnd(t *testing.T) {
	for _, c := range []struct{ life, kept time.Duration }{
		{7200 * time.Second, 110 * time.Minute}, {20 * time.Minute, 10 * time.Minute}, {10 * time.Minute, 5 * time.Minute},
		{1000 * time.Hour, 24*time.Hour - 10*time.Minute},
	} {
		clk := &clock{t: noon}
		s, src := newService(t, clk, gives(canary+"1", int(c.life/time.Second)))
		expect := func(want string, asked int) {
			t.Helper()
			got, err := src.Token(t.Context())
			if err != nil || got.Reveal() != canary+want || s.count() != asked {
				t.Errorf("%v: the right token: %v, %v; asked %d times, want %d", c.life, got.Reveal() == canary+want, err, s.count(), asked)
			}
		}
		expect("1", 1)
		clk.sleep(c.kept - time.Second)
		expect("1", 1)
		s.give(fails(500, ""))
		clk.sleep(time.Second)
		expect("1", 2) // a failure does not hurt while the old one is good
		expect("1", 2)
		clk.sleep(5 * time.Second)
		s.give(gives(canary+"2", 7200))
		expect("2", 3)
	}
}

func TestAnExpiredTokenIsAskedForOnceByManyLooks(t *testing.T) {
	clk := &clock{t: noon}
	a := newAPI(t, `{"status":"waiting"}`)
	a.accept(canary + "2")
	s, src := newService(t, clk, gives(canary+"1", 7200))
	if _, err := src.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.give(gives(canary+"2", 7200))
	c := newClient(t, a.base(), src)
	g := &gate{}
	var polls sync.WaitGroup
	for range 32 {
		polls.Go(func() {
			if seen, err := c.Poll(t.Context(), job.Job{Key: aJob}, g.open); err != nil || seen.Phase != job.Pending {
				t.Errorf("%v %v", seen.Phase, err)
			}
		})
	}
	polls.Wait()
	if s.count() != 2 || g.calls != a.count() {
		t.Errorf("the service was asked %d times, want 2; %d slots for %d calls", s.count(), g.calls, a.count())
	}
}

func TestAServiceWithABadTokenStopsAllLooksUntilItHasAnother(t *testing.T) {
	clk := &clock{t: noon}
	a := newAPI(t, `{"status":"waiting"}`)
	a.accept(canary + "3")
	s, src := newService(t, clk, gives(canary+"1", 7200))
	c := newClient(t, a.base(), src)
	// asked again once, it gives the same: no second call
	e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil)))
	if e.Kind != job.Credentials || e.Code != "42001" || !strings.Contains(e.Message, "MIGWATCH_WECHAT_TOKEN_URL") || a.count() != 1 || s.count() != 2 {
		t.Fatalf("%#v; %d calls, asked %d times", e, a.count(), s.count())
	}
	for range 10 {
		clk.sleep(5 * time.Second)
		e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil)))
		if e.Kind != job.Credentials || e.RetryAfter <= 0 {
			t.Errorf("%#v", e)
		}
	}
	if a.count() != 1 || s.count() != 2 {
		t.Errorf("%d calls, asked %d times; want 1 and 2", a.count(), s.count())
	}
	// another bad one: polled with once, then a pause again
	s.give(gives(canary+"2", 7200))
	clk.sleep(10 * time.Second)
	for range 3 {
		_ = pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil)))
	}
	if a.count() != 2 || s.count() != 3 {
		t.Errorf("%d calls, asked %d times; want 2 and 3", a.count(), s.count())
	}
	s.give(gives(canary+"3", 7200))
	clk.sleep(10 * time.Minute)
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
		t.Errorf("a good token does not help: %v", err)
	}
}

func TestServiceFailures(t *testing.T) {
	for name, c := range map[string]struct {
		next func(http.ResponseWriter)
		kind job.Kind
	}{
		"500":             {fails(500, canary), job.Transient},
		"429":             {fails(429, ""), job.Throttled},
		"401":             {fails(401, `{"component_access_token":"x","expires_in":7200}`), job.Credentials},
		"404 html":        {fails(404, "<html>"), job.Credentials},
		"redirect":        {fails(302, ""), job.Credentials},
		"html":            {fails(200, "<html>"+canary), job.Credentials},
		"empty":           {fails(200, ""), job.Credentials},
		"no token":        {fails(200, `{"expires_in":7200}`), job.Credentials},
		"empty token":     {gives("", 7200), job.Credentials},
		"blank in token":  {gives("a b", 7200), job.Credentials},
		"number token":    {fails(200, `{"component_access_token":1,"expires_in":7200}`), job.Credentials},
		"no life":         {fails(200, `{"component_access_token":"x"}`), job.Credentials},
		"life is over":    {gives("x", 0), job.Credentials},
		"negative life":   {gives("x", -1), job.Credentials},
		"life is no word": {fails(200, `{"component_access_token":"x","expires_in":"soon"}`), job.Credentials},
		"wechat's error":  {fails(200, `{"errcode":40001,"errmsg":"`+canary+`"}`), job.Credentials},
	} {
		t.Run(name, func(t *testing.T) {
			clk := &clock{t: noon}
			s, src := newService(t, clk, c.next)
			e := pollError(t, second(src.Token(t.Context())))
			if e.Kind != c.kind || !strings.Contains(e.Message, "MIGWATCH_WECHAT_TOKEN_URL") || strings.Contains(e.Message, servicePath) {
				t.Errorf("%s %s %q, want %s", e.Kind, e.Code, e.Message, c.kind)
			}
			for range 20 { // at once: not hammered
				if again := pollError(t, second(src.Token(t.Context()))); again.Kind != c.kind || again.RetryAfter <= 0 {
					t.Errorf("while pausing: %#v", again)
				}
			}
			if s.count() != 1 {
				t.Errorf("asked %d times, want once", s.count())
			}
			for range 60 { // an hour of a poll each minute
				clk.sleep(time.Minute)
				_, _ = src.Token(t.Context())
			}
			if s.count() > 13 {
				t.Errorf("asked %d times in an hour", s.count())
			}
			s.give(gives(canary+"1", 7200))
			clk.sleep(10 * time.Minute)
			if _, err := src.Token(t.Context()); err != nil {
				t.Errorf("it does not heal: %v", err)
			}
		})
	}
}

func TestNewServiceRefusesAWrongURL(t *testing.T) {
	for _, raw := range []string{"", "x", "ftp://h/" + canary, "https://CAN ARY/" + canary, "https:///" + canary} {
		if _, err := wechat.NewService(wechat.ServiceOptions{URL: secret.New(raw)}); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

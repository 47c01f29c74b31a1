package emulator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that tests move by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var noon = time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)

// begin starts an emulator behind a real server, with a clock that stands at noon.
func begin(t testing.TB, o Options) (*Emulator, *httptest.Server, *clock) {
	t.Helper()
	c := &clock{now: noon}
	o.Now = c.Now
	e := New(o)
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		e.Close()
		server.Close()
	})
	return e, server, c
}

func script(t testing.TB, text string) Script {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type answer struct {
	status int
	header http.Header
	body   string
}

func do(t testing.TB, req *http.Request) answer {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func request(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const migrationState = "/componenttcb/dbmigrationstate"

// askWeChat polls a job as a correct client does.
func askWeChat(t testing.TB, server *httptest.Server, token, env, id string) answer {
	t.Helper()
	body := fmt.Sprintf(`{"env":%q,"job_id":%s}`, env, id)
	return do(t, request(t, "POST", server.URL+migrationState+"?access_token="+token, body))
}

var permanent = Credential{ID: "AKIDpermanent", Key: "key-of-permanent"}

// dtsRequest is a poll of a job as a correct client sends it.
func dtsRequest(t testing.TB, url string, c Credential, region, body string, at time.Time) *http.Request {
	t.Helper()
	req := request(t, "POST", url, body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", "DescribeMigrateCheckJob")
	req.Header.Set("X-TC-Version", "2018-03-30")
	req.Header.Set("X-TC-Region", region)
	req.Header.Set("X-TC-Timestamp", strconv.FormatInt(at.Unix(), 10))
	if c.Token != "" {
		req.Header.Set("X-TC-Token", c.Token)
	}
	signRequest(req, c, body)
	return req
}

// signRequest signs what the request holds now.
func signRequest(req *http.Request, c Credential, body string) {
	at, _ := strconv.ParseInt(req.Header.Get("X-TC-Timestamp"), 10, 64)
	own := tc3{c.Key, "dts", at, []string{"content-type", "host"}, func(name string) string {
		if name == "host" {
			return req.Host
		}
		return req.Header.Get(name)
	}, []byte(body)}
	req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/dts/tc3_request, SignedHeaders=content-type;host, Signature=%s",
		c.ID, own.day(), own.sign()))
}

func askDTS(t testing.TB, server *httptest.Server, region, id string, at time.Time) answer {
	t.Helper()
	return do(t, dtsRequest(t, server.URL, permanent, region, fmt.Sprintf(`{"JobId":%q}`, id), at))
}

// wants fails the test unless body holds every one of parts.
func wants(t testing.TB, a answer, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			t.Errorf("the answer %d %.300q lacks %q", a.status, a.body, p)
		}
	}
}

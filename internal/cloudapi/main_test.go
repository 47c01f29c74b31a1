package cloudapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "CANARY-token-7f3a"

// newTransport gives a Transport that is closed before goroutines are counted.
func newTransport(t testing.TB, o cloudapi.Options) *cloudapi.Transport {
	t.Helper()
	tr := cloudapi.NewTransport(o)
	t.Cleanup(tr.Close)
	return tr
}

// post is a request that carries a secret in its query, as WeChat's do.
func post(ctx context.Context, t testing.TB, base string) *http.Request {
	t.Helper()
	u, err := cloudapi.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	u = u.JoinPath("some/path")
	u.RawQuery = "access_token=" + canary
	return cloudapi.NewRequest(ctx, http.MethodPost, u, []byte(`{"a":1}`))
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// pollError asserts that err is a *job.PollError that shows no canary in any form.
func pollError(t testing.TB, err error) *job.PollError {
	t.Helper()
	var e *job.PollError
	if !errors.As(err, &e) {
		t.Fatalf("error is %T, want a *job.PollError", err)
	}
	for x := err; x != nil; x = errors.Unwrap(x) {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(format, x); strings.Contains(s, canary) {
				t.Errorf("%s shows the token: %s", format, s)
			}
		}
	}
	return e
}

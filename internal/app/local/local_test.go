package local_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"migwatch/internal/app/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var at []time.Duration
		busy := false
		local.Every(ctx, 10*time.Second, func(ctx context.Context) {
			if busy {
				t.Error("two at once")
			}
			busy = true
			defer func() { busy = false }()
			at = append(at, time.Since(begun))
			switch len(at) {
			case 2:
				time.Sleep(35 * time.Second) // three instants pass; one is met
			case 5:
				cancel()
				time.Sleep(time.Second) // what is at work comes to its end
			}
		})
		want := []time.Duration{0, 10 * time.Second, 45 * time.Second, 50 * time.Second, 60 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(begun); took != 61*time.Second {
			t.Errorf("returned after %v", took)
		}
	})
}

func TestEveryNotAtAll(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	local.Every(ctx, time.Second, func(context.Context) { t.Error("it is over") })
}

func TestListen(t *testing.T) {
	first, moved, err := local.Listen(t.Context(), "127.0.0.1:0", false)
	if err != nil || moved {
		t.Fatal(moved, err)
	}
	defer first.Close()
	if !local.Loopback(first) || local.URL(first) != "http://"+first.Addr().String() {
		t.Error(local.Loopback(first), local.URL(first))
	}
	if _, _, err := local.Listen(t.Context(), first.Addr().String(), false); err == nil {
		t.Error("a taken port was opened")
	}
	second, moved, err := local.Listen(t.Context(), first.Addr().String(), true)
	if err != nil || !moved || second.Addr().String() == first.Addr().String() {
		t.Fatal(moved, err)
	}
	defer second.Close()
	if _, _, err := local.Listen(t.Context(), "nonsense", true); err == nil {
		t.Error("nonsense was opened")
	}
	all, _, err := local.Listen(t.Context(), ":0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if local.Loopback(all) || !strings.HasPrefix(local.URL(all), "http://127.0.0.1:") {
		t.Error(local.Loopback(all), local.URL(all))
	}
}

func TestTransport(t *testing.T) {
	c := http.Client{Transport: local.Transport{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Host != "localhost" || r.RequestURI != "/a/b?c=d" {
			t.Error(err, r.Host, r.RequestURI)
		}
		w.Header().Set("X-Before", "yes")
		switch r.Method {
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
			w.WriteHeader(http.StatusTeapot) // too late
		case http.MethodDelete:
			return
		}
		_, _ = w.Write(append([]byte("got "), b...))
		w.Header().Set("X-After", "too late")
	})}}
	for method, want := range map[string]struct {
		status int
		body   string
	}{http.MethodPut: {201, "got x"}, http.MethodPost: {200, "got x"}, http.MethodDelete: {200, ""}} {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://localhost/a/b?c=d", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want.status || string(b) != want.body || res.Header.Get("X-Before") != "yes" || res.Header.Get("X-After") != "" {
			t.Errorf("%s: %d %q %v %v", method, res.StatusCode, b, res.Header, err)
		}
	}
}

func TestTransportGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tr := local.Transport{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel() })}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // while it is at work, and before
		res, err := tr.RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

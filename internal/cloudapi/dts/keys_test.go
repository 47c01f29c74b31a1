package dts_test

import (
	"net/http"
	"sync"
	"testing"

	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestStaleCredentialsAreReadAfreshOnce(t *testing.T) {
	for _, code := range []string{"AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire"} {
		a := newAPI(t, "")
		a.answer = func(call int) (int, string) {
			if call == 1 {
				return http.StatusOK, refusal(code, "stale")
			}
			return http.StatusOK, `{"Response":{"Status":"running"}}`
		}
		reads := 0
		src := dts.Snapshot(func() (dts.Keys, error) { reads++; return []dts.Keys{keys("1"), keys("2")}[reads-1], nil })
		c := newClient(t, a.URL, src)
		g := &gate{}
		for range 2 {
			if seen, err := c.Poll(t.Context(), job.Job{Key: aJob}, g.open); err != nil || seen.Phase != job.Running {
				t.Errorf("%s: %v %v", code, seen, err)
			}
		}
		if reads != 2 || a.count() != 3 || g.count() != 3 {
			t.Errorf("%s: read %d times, %d calls, %d slots; want 2, 3, 3", code, reads, a.count(), g.count())
		}
	}
}

func TestCredentialsThatStayStaleCostOneExtraCall(t *testing.T) {
	a := newAPI(t, refusal("AuthFailure.TokenFailure", "stale"))
	c := newClient(t, a.URL, dts.Static(first))
	for range 5 {
		if e := pollError(t, second(c.Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Credentials {
			t.Errorf("%#v", e)
		}
	}
	if a.count() != 6 {
		t.Errorf("%d calls, want 6", a.count())
	}
	other := newAPI(t, refusal("AuthFailure.SignatureFailure", "wrong"))
	_ = pollError(t, second(newClient(t, other.URL, dts.Static(first)).Poll(t.Context(), job.Job{Key: aJob}, nil)))
	if other.count() != 1 {
		t.Errorf("%d calls for credentials that are wrong, not stale", other.count())
	}
}

func TestASnapshotIsReadOnceAndAfreshOnceForAllThatFindItStale(t *testing.T) {
	var mu sync.Mutex
	reads := 0
	src := dts.Snapshot(func() (dts.Keys, error) {
		mu.Lock()
		defer mu.Unlock()
		reads++
		return keys(string(rune('0' + reads))), nil
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			old, err := src.Keys(t.Context())
			if err != nil {
				t.Error(err)
			}
			if old.SecretID.Reveal() == keys("1").SecretID.Reveal() {
				fresh, err := src.Refresh(t.Context(), old)
				if err != nil || fresh.SecretKey.Reveal() != keys("2").SecretKey.Reveal() {
					t.Errorf("not one fresh set: %v", err)
				}
			}
		})
	}
	all.Wait()
	if reads != 2 {
		t.Errorf("read %d times, want 2", reads)
	}
}

func TestPermanentKeysSendNoToken(t *testing.T) {
	a := newAPI(t, `{"Response":{"Status":"running"}}`)
	permanent := dts.Keys{SecretID: secret.New(canary + "-id-3"), SecretKey: secret.New(canary + "-key-3")}
	a.known[permanent.SecretID.Reveal()] = permanent
	if _, err := newClient(t, a.URL, dts.Static(permanent)).Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
		t.Error(err)
	}
}

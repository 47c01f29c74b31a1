package wechat_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestFailedPurchases(t *testing.T) {
	for _, c := range []struct {
		code      int
		kind      job.Kind
		hour, day int  // calls of the endpoint within them, at most
		pushes    bool // tickets go on coming
		resumes   time.Duration
	}{
		{-1, job.Transient, 8, 100, true, 15 * time.Minute},
		{48001, job.Transient, 8, 100, true, 15 * time.Minute},
		{45011, job.Throttled, 8, 100, true, 15 * time.Minute},
		{45009, job.Quota, 1, 2, true, 16 * time.Hour},
		{61004, job.Forbidden, 5, 97, true, 15 * time.Minute},
		{40164, job.Forbidden, 5, 97, true, 15 * time.Minute},
		{48004, job.Forbidden, 5, 97, true, 15 * time.Minute},
		{61011, job.Credentials, 2, 25, true, time.Hour},
		{40125, job.Credentials, 2, 25, true, time.Hour},
		{40013, job.Credentials, 2, 25, true, time.Hour},
		{61005, job.Credentials, 1, 1, false, 0},
		{61006, job.Credentials, 1, 1, false, 0},
		{61005, job.Credentials, 7, 145, true, 10 * time.Minute},
		{77777, job.Transient, 8, 100, true, 15 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, v := newPlatform(t), &vault{}
			p.push(v)
			p.refusing(func() (int, string) { return c.code, "invalid ip 203.0.113.9" })
			_, client := p.instance(v)
			for minute := range 24 * 60 {
				if c.pushes && minute%10 == 0 {
					p.push(v)
				}
				e := pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil)))
				if minute < 12*60 && e.Kind != c.kind {
					t.Fatalf("%d: a poll fails with %s %s, want %s", c.code, e.Kind, e.Code, c.kind)
				}
				asked, _, _ := p.counts()
				if minute == 59 && asked > c.hour || asked > c.day {
					t.Fatalf("%d: %d calls in %d minutes", c.code, asked, minute+1)
				}
				time.Sleep(time.Minute)
			}
			p.refusing(nil)
			p.push(v)
			time.Sleep(c.resumes)
			p.push(v)
			if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
				t.Errorf("%d: polls do not resume: %v", c.code, err)
			}
		})
	}
}

func TestWhatALookSaysWithoutATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		_, client := p.instance(v)
		e := pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil)))
		if e.Kind != job.Credentials || e.Code != "no_ticket" || !strings.Contains(e.Message, "/wechat/callback") {
			t.Errorf("%#v", e)
		}
		p.push(v)
		if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
			t.Error(err)
		}
		time.Sleep(13 * time.Hour) // without a push
		e = pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil)))
		if asked, _, polls := p.counts(); e.Kind != job.Credentials || e.Code != "ticket_too_old" || !strings.Contains(e.Message, "12 hours") || asked != 1 || polls != 1 {
			t.Errorf("%#v after %d calls and %d polls", e, asked, polls)
		}
		p.push(v)
		if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestABrokenVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		p.push(v)
		_, client := p.instance(v)
		v.breakDown(errBroken)
		if e := pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Transient || !errors.Is(e, errBroken) || strings.Contains(e.Message, errBroken.Error()) {
			t.Errorf("%#v", e)
		}
		v.breakDown(&job.NotReadyError{Reason: "set MIGWATCH_ENCRYPTION_KEYS"})
		if e := pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Credentials || e.Message != "set MIGWATCH_ENCRYPTION_KEYS" {
			t.Errorf("%#v", e)
		}
		v.breakDown(nil)
		v.document, v.version = secret.New("no JSON"), 7
		if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
			t.Errorf("a document that cannot be read: %v", err)
		}
		p.holding(func(int) { v.breakDown(errBroken) }) // with a token bought, and nowhere to put it
		p.kill()
		_ = pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil)))
		v.breakDown(nil)
		p.holding(nil)
		time.Sleep(10 * time.Second)
		if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
			t.Errorf("it does not heal: %v", err)
		}
	})
}

func TestAPurchaseWithoutAnAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		_, client := p.instance(v)
		p.holding(func(int) { time.Sleep(6 * time.Second) }) // sold, but the buyer has gone
		for minute := range 24 * 60 {
			if minute%10 == 0 {
				p.push(v)
			}
			if e := pollError(t, second(client.Poll(t.Context(), job.Job{Key: aJob}, nil))); minute < 60 && e.Code != "timeout" {
				t.Errorf("minute %d: %#v", minute, e)
			}
			time.Sleep(time.Minute)
		}
		if n := p.busiest(); n > 14 {
			t.Errorf("%d tokens were bought in a day", n)
		}
	})
}

func TestAnotherAppSecretForgetsTheOldOnesFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		p.push(v)
		p.refusing(func() (int, string) { return 40125, "invalid appsecret" })
		own, _ := p.instance(v)
		_ = pollError(t, second(own.Token(t.Context())))
		p.refusing(nil)
		v.document = secret.New(strings.Replace(v.document.Reveal(), `"App":"`, `"App":"other`, 1))
		if _, err := own.Token(t.Context()); err != nil {
			t.Errorf("it waits for what the other secret did: %v", err)
		}
	})
}

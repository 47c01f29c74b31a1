package wechat_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"migwatch/internal/cloudapi/wechat"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func TestSixteenInstancesBuyOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		p.push(v)
		p.holding(func(int) { time.Sleep(300 * time.Millisecond) })
		clients := make([]*wechat.Client, 16)
		for i := range clients {
			_, clients[i] = p.instance(v)
		}
		for round := range 4 { // the first token, then ones that die under everybody's hands
			var all sync.WaitGroup
			for _, c := range clients {
				for range 3 {
					all.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						if _, err := c.Look(ctx, aJob, nil); err != nil {
							t.Errorf("round %d: %v", round, err)
						}
					})
				}
			}
			all.Wait()
			if asked, sold, _ := p.counts(); sold != round+1 || asked != round+1 {
				t.Fatalf("round %d: %d tokens in %d calls, want %d", round, sold, asked, round+1)
			}
			time.Sleep(61 * time.Minute)
			p.push(v)
			p.kill()
		}
	})
}

func TestATokenIsRenewedTenMinutesBeforeItsEndAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{skew: 10 * time.Minute} // only the vault's clock counts
		p.push(v)
		own, _ := p.instance(v)
		first, err := own.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(110*time.Minute - time.Second)
		p.push(v)
		if same, err := own.Token(t.Context()); err != nil || !same.Equal(first) {
			t.Errorf("another token before it is time: %v", err)
		}
		time.Sleep(time.Second)
		p.holding(func(int) { time.Sleep(2 * time.Second) })
		bought := make(chan secret.Text)
		go func() { token, _ := own.Token(t.Context()); bought <- token }()
		synctest.Wait()
		began := time.Now()
		if old, err := own.Token(t.Context()); err != nil || !old.Equal(first) || time.Since(began) > 0 {
			t.Errorf("a look waits for a renewal: %v after %v", err, time.Since(began))
		}
		if second := <-bought; second.Equal(first) || second.IsZero() {
			t.Error("the token was not renewed")
		}
	})
}

// slow is a process that freezes between two of its steps.
type slow struct {
	wechat.Vault
	swaps  int
	freeze map[int]time.Duration // by swap
}

func (s *slow) SwapTokens(ctx context.Context, version int64, document secret.Text) (bool, error) {
	s.swaps++
	time.Sleep(s.freeze[s.swaps]) // whatever its context says: a frozen process reads no clock
	return s.Vault.SwapTokens(context.WithoutCancel(ctx), version, document)
}

type afterSwap struct {
	wechat.Vault
	once   sync.Once
	freeze time.Duration
}

func (s *afterSwap) SwapTokens(ctx context.Context, version int64, document secret.Text) (bool, error) {
	swapped, err := s.Vault.SwapTokens(ctx, version, document)
	s.once.Do(func() { time.Sleep(s.freeze) })
	return swapped, err
}

func TestAFrozenBuyerCannotPutBackAnOlderToken(t *testing.T) {
	for name, c := range map[string]struct {
		wrap func(wechat.Vault) wechat.Vault
		sold int
	}{
		"frozen with the token in hand": {func(v wechat.Vault) wechat.Vault {
			return &slow{Vault: v, freeze: map[int]time.Duration{2: 10 * time.Second}}
		}, 2},
		"frozen between claim and purchase": {func(v wechat.Vault) wechat.Vault { return &afterSwap{Vault: v, freeze: 10 * time.Second} }, 1},
		"frozen before its claim": {func(v wechat.Vault) wechat.Vault {
			return &slow{Vault: v, freeze: map[int]time.Duration{1: 10 * time.Second}}
		}, 1},
		"slow, but within its lease": {func(v wechat.Vault) wechat.Vault {
			return &slow{Vault: v, freeze: map[int]time.Duration{2: time.Second}}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, v := newPlatform(t), &vault{}
				p.push(v)
				frozen, _ := p.instance(c.wrap(v))
				other, client := p.instance(v)
				got := make(chan secret.Text)
				go func() {
					token, err := frozen.Token(t.Context())
					if err != nil {
						t.Errorf("the frozen one: %v", err)
					}
					got <- token
				}()
				synctest.Wait() // it is frozen now
				began := time.Now()
				token, err := other.Token(t.Context())
				if err != nil || time.Since(began) > 9*time.Second {
					t.Errorf("the other one: %v after %v", err, time.Since(began))
				}
				if thawed := <-got; !thawed.Equal(token) {
					t.Error("the two use different tokens")
				}
				time.Sleep(time.Minute)
				if now, err := other.Token(t.Context()); err != nil || !now.Equal(token) || !now.Equal(p.latest()) {
					t.Errorf("not the newest token: %v", err)
				}
				if _, sold, _ := p.counts(); sold != c.sold {
					t.Errorf("%d tokens were bought, want %d", sold, c.sold)
				}
				time.Sleep(10 * time.Minute)
				if _, err := client.Look(t.Context(), aJob, nil); err != nil {
					t.Errorf("a look afterwards: %v", err)
				}
			})
		})
	}
}

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
				e := lookError(t, second(client.Look(t.Context(), aJob, nil)))
				if minute < 12*60 && e.Kind != c.kind {
					t.Fatalf("%d: a look fails with %s %s, want %s", c.code, e.Kind, e.Code, c.kind)
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
			if _, err := client.Look(t.Context(), aJob, nil); err != nil {
				t.Errorf("%d: looks do not resume: %v", c.code, err)
			}
		})
	}
}

func TestWhatALookSaysWithoutATicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		_, client := p.instance(v)
		e := lookError(t, second(client.Look(t.Context(), aJob, nil)))
		if e.Kind != job.Credentials || e.Code != "no_ticket" || !strings.Contains(e.Message, "/wechat/callback") {
			t.Errorf("%#v", e)
		}
		p.push(v)
		if _, err := client.Look(t.Context(), aJob, nil); err != nil {
			t.Error(err)
		}
		time.Sleep(13 * time.Hour) // without a push
		e = lookError(t, second(client.Look(t.Context(), aJob, nil)))
		if asked, _, looks := p.counts(); e.Kind != job.Credentials || e.Code != "ticket_too_old" || !strings.Contains(e.Message, "12 hours") || asked != 1 || looks != 1 {
			t.Errorf("%#v after %d calls and %d looks", e, asked, looks)
		}
		p.push(v)
		if _, err := client.Look(t.Context(), aJob, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoBuyersOfOnePlatformDoNotBuyWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		_, client := p.instance(v)
		failed := 0
		for minute := range 3 * 24 * 60 {
			if minute%10 == 0 {
				p.push(v)
			}
			if minute%7 == 0 {
				p.kill() // the other one buys, and so kills ours
			}
			if _, err := client.Look(t.Context(), aJob, nil); err != nil {
				failed++
				if e := lookError(t, err); e.Kind != job.Credentials || !strings.Contains(e.Message, "MIGWATCH_WECHAT_APPID") {
					t.Fatalf("%#v", e)
				}
			}
			time.Sleep(time.Minute)
		}
		if n := p.busiest(); n > 14 || failed == 0 {
			t.Errorf("%d tokens in a day; %d looks failed", n, failed)
		}
		p.push(v)
		time.Sleep(110 * time.Minute)
		p.push(v)
		if _, err := client.Look(t.Context(), aJob, nil); err != nil {
			t.Errorf("looks do not resume: %v", err)
		}
	})
}

func TestARefusedTokenIsSentNoMoreByAnyInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		p.push(v)
		_, a := p.instance(v)
		_, b := p.instance(v)
		for range 2 { // both tokens die young
			if _, err := a.Look(t.Context(), aJob, nil); err != nil {
				t.Fatal(err)
			}
			p.kill()
		}
		_ = lookError(t, second(a.Look(t.Context(), aJob, nil)))
		_, _, before := p.counts()
		for range 5 {
			if e := lookError(t, second(b.Look(t.Context(), aJob, nil))); e.Kind != job.Credentials || e.Code != "42001" || e.RetryAfter <= 0 {
				t.Errorf("%#v", e)
			}
		}
		if _, _, after := p.counts(); after != before {
			t.Errorf("%d looks with a token known to be bad", after-before)
		}
	})
}

func TestABrokenVault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		p.push(v)
		_, client := p.instance(v)
		v.breakDown(errBroken)
		if e := lookError(t, second(client.Look(t.Context(), aJob, nil))); e.Kind != job.Transient || !errors.Is(e, errBroken) || strings.Contains(e.Message, errBroken.Error()) {
			t.Errorf("%#v", e)
		}
		v.breakDown(&job.NotReadyError{Reason: "set MIGWATCH_ENCRYPTION_KEYS"})
		if e := lookError(t, second(client.Look(t.Context(), aJob, nil))); e.Kind != job.Credentials || e.Message != "set MIGWATCH_ENCRYPTION_KEYS" {
			t.Errorf("%#v", e)
		}
		v.breakDown(nil)
		v.document, v.version = secret.New("no JSON"), 7
		if _, err := client.Look(t.Context(), aJob, nil); err != nil {
			t.Errorf("a document that cannot be read: %v", err)
		}
		p.holding(func(int) { v.breakDown(errBroken) }) // with a token bought, and nowhere to put it
		p.kill()
		_ = lookError(t, second(client.Look(t.Context(), aJob, nil)))
		v.breakDown(nil)
		p.holding(nil)
		time.Sleep(10 * time.Second)
		if _, err := client.Look(t.Context(), aJob, nil); err != nil {
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
			if e := lookError(t, second(client.Look(t.Context(), aJob, nil))); minute < 60 && e.Code != "timeout" {
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
		_ = lookError(t, second(own.Token(t.Context())))
		p.refusing(nil)
		v.document = secret.New(strings.Replace(v.document.Reveal(), `"App":"`, `"App":"other`, 1))
		if _, err := own.Token(t.Context()); err != nil {
			t.Errorf("it waits for what the other secret did: %v", err)
		}
	})
}

func TestNewOwn(t *testing.T) {
	for _, o := range []wechat.OwnOptions{{}, {AppID: "wx"}, {AppSecret: secret.New(canary)}, {AppID: "wx", AppSecret: secret.New(canary), BaseURL: "x?" + canary}} {
		if _, err := wechat.NewOwn(o); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "MIGWATCH_WECHAT_") {
			t.Errorf("%v", err)
		}
	}
}

package wechat_test

import (
	"context"
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
		p, v := newPlatform(t), &vault{lag: 20 * time.Millisecond}
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
						if _, err := c.Poll(ctx, job.Job{Key: aJob}, nil); err != nil {
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
			t.Errorf("a poll waits for a renewal: %v after %v", err, time.Since(began))
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
				if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
					t.Errorf("a poll afterwards: %v", err)
				}
			})
		})
	}
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
			if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
				failed++
				if e := pollError(t, err); e.Kind != job.Credentials || !strings.Contains(e.Message, "MIGWATCH_WECHAT_APPID") {
					t.Fatalf("%#v", e)
				}
			}
			time.Sleep(time.Minute)
		}
		if n := p.busiest(); n > 14 || failed == 0 {
			t.Errorf("%d tokens in a day; %d polls failed", n, failed)
		}
		p.push(v)
		time.Sleep(110 * time.Minute)
		p.push(v)
		if _, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
			t.Errorf("polls do not resume: %v", err)
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
			if _, err := a.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
				t.Fatal(err)
			}
			p.kill()
		}
		_ = pollError(t, second(a.Poll(t.Context(), job.Job{Key: aJob}, nil)))
		_, _, before := p.counts()
		for range 5 {
			if e := pollError(t, second(b.Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Credentials || e.Code != "42001" || e.RetryAfter <= 0 {
				t.Errorf("%#v", e)
			}
		}
		if _, _, after := p.counts(); after != before {
			t.Errorf("%d polls with a token known to be bad", after-before)
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

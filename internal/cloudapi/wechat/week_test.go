package wechat_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"migwatch/internal/job"
)

// A week of four instances that poll once in two minutes each, with what WeChat does to them.
const (
	week = 7 * 24 * time.Hour
	beat = 2 * time.Minute
)

// trouble is a span of the week in which something does not work, and in which polls may fail.
type trouble struct {
	name       string
	from, to   time.Duration
	mayFail    time.Duration // after to, until polls must work again
	failsAfter time.Duration // after from, polls must still work: the token at hand is good
	kind       job.Kind      // of what fails
}

var troubles = []trouble{
	{name: "no pushes", from: 26 * time.Hour, to: 39 * time.Hour, failsAfter: 12 * time.Hour, mayFail: beat, kind: job.Credentials},
	{name: "45009", from: 64 * time.Hour, to: 88 * time.Hour, failsAfter: 0, mayFail: beat, kind: job.Quota}, // a day of UTC+8, which begins at 16:00 UTC
	{name: "48001 a while", from: 100 * time.Hour, to: 100*time.Hour + 40*time.Minute, mayFail: 15 * time.Minute, kind: job.Transient},
	{name: "48001 again", from: 103 * time.Hour, to: 107 * time.Hour, mayFail: 15 * time.Minute, kind: job.Transient},
	{name: "changed AES key", from: 120 * time.Hour, to: 121 * time.Hour, failsAfter: time.Hour}, // pushes that cannot be opened, for an hour
	{name: "wrong secret for an hour", from: 130 * time.Hour, to: 131 * time.Hour, mayFail: time.Hour, kind: job.Credentials},
}

func during(now time.Duration, name string) bool {
	for _, x := range troubles {
		if x.name == name && now >= x.from && now < x.to {
			return true
		}
	}
	return false
}

// excused gives the kind a poll may fail with at now; "" where it must work.
func excused(now time.Duration) job.Kind {
	for _, x := range troubles {
		if now >= x.from+x.failsAfter && now < x.to+x.mayFail {
			return x.kind
		}
	}
	return ""
}

func TestAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, v := newPlatform(t), &vault{}
		began := time.Now()
		now := func() time.Duration { return time.Since(began) }
		p.refusing(func() (int, string) {
			switch at := now(); {
			case during(at, "45009"):
				return 45009, "reach max api daily quota limit"
			case during(at, "48001 a while"), during(at, "48001 again"):
				return 48001, "api unauthorized"
			case during(at, "wrong secret for an hour"):
				return 40125, "invalid appsecret"
			}
			return 0, ""
		})
		p.push(v)
		var all sync.WaitGroup
		all.Go(func() {
			for now() < week {
				time.Sleep(10 * time.Minute)
				if !during(now(), "no pushes") && !during(now(), "changed AES key") {
					p.push(v)
				}
				if now() == 50*time.Hour || now() == 140*time.Hour {
					p.kill() // somebody bought one by hand
				}
			}
		})
		var mu sync.Mutex
		failed := map[string]int{}
		for i := range 4 {
			_, client := p.instance(v)
			all.Go(func() {
				time.Sleep(time.Duration(i) * 31 * time.Second)
				for now() < week {
					_, err := client.Poll(t.Context(), job.Job{Key: aJob}, nil)
					if err != nil {
						e := pollError(t, err)
						if want := excused(now()); e.Kind != want {
							t.Errorf("at %v a poll fails with %s %s, excused is %q", now(), e.Kind, e.Code, want)
						}
						mu.Lock()
						failed[fmt.Sprint(e.Kind)]++
						mu.Unlock()
					}
					time.Sleep(beat)
				}
			})
		}
		all.Wait()
		asked, sold, polls := p.counts()
		t.Logf("%d polls, %d tokens in %d calls, failed %v", polls, sold, asked, failed)
		if n := p.busiest(); n > 14 {
			t.Errorf("%d tokens in a day", n)
		}
		if asked > sold+40 || sold < 70 {
			t.Errorf("%d tokens took %d calls", sold, asked)
		}
		for _, kind := range []job.Kind{job.Credentials, job.Quota, job.Transient} {
			if failed[string(kind)] == 0 {
				t.Errorf("no poll failed with %s: the trouble was none", kind)
			}
		}
	})
}

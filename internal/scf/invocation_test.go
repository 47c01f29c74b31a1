package scf

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMerge(t *testing.T) {
	base := map[string]string{"A": "base", "B": "base", "TENCENTCLOUD_SECRETID": "I0", "TENCENTCLOUD_SECRETKEY": "K0", "TENCENTCLOUD_SESSIONTOKEN": "T0"}
	before := maps.Clone(base)
	for name, c := range map[string]struct{ own, want map[string]string }{
		"nothing": {nil, base},
		"a setting": {map[string]string{"B": "own", "C": "own"}, map[string]string{"A": "base", "B": "own", "C": "own",
			"TENCENTCLOUD_SECRETID": "I0", "TENCENTCLOUD_SECRETKEY": "K0", "TENCENTCLOUD_SESSIONTOKEN": "T0"}},
		"new credentials":          {map[string]string{"TENCENTCLOUD_SECRETID": "I1", "TENCENTCLOUD_SECRETKEY": "K1"}, map[string]string{"A": "base", "B": "base", "TENCENTCLOUD_SECRETID": "I1", "TENCENTCLOUD_SECRETKEY": "K1"}},
		"credentials, other names": {map[string]string{"TENCENTCLOUD_SECRET_ID": "I1", "TENCENTCLOUD_SECRET_KEY": "K1"}, map[string]string{"A": "base", "B": "base", "TENCENTCLOUD_SECRET_ID": "I1", "TENCENTCLOUD_SECRET_KEY": "K1"}},
		"empty is no new credential": {map[string]string{"TENCENTCLOUD_TOKEN": ""}, map[string]string{"A": "base", "B": "base", "TENCENTCLOUD_TOKEN": "",
			"TENCENTCLOUD_SECRETID": "I0", "TENCENTCLOUD_SECRETKEY": "K0", "TENCENTCLOUD_SESSIONTOKEN": "T0"}},
	} {
		got := merge(base, c.own)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		got["A"] = "changed"
		if diff := cmp.Diff(before, base); diff != "" {
			t.Fatalf("%s: the base changed: %s", name, diff)
		}
	}
	if diff := cmp.Diff(map[string]string{"A": "1=2", "B": ""}, Environ([]string{"A=1=2", "B=", "=C:", "D"})); diff != "" {
		t.Error(diff)
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, c := range map[string]struct {
			deadline    time.Time
			limit, want time.Duration
		}{
			"the request's":                 {now.Add(7 * time.Second), 0, 7 * time.Second},
			"the request's, within a limit": {now.Add(7 * time.Second), 10 * time.Second, 7 * time.Second},
			"1970, a limit":                 {time.Unix(0, 0), 3 * time.Second, 3 * time.Second},
			"1970, no limit":                {time.Unix(0, 0), 0, defaultLimit},
			"a clock ahead":                 {now.Add(-10 * time.Minute), 55 * time.Second, 55 * time.Second},
			"a clock behind":                {now.Add(10 * time.Minute), 55 * time.Second, 55 * time.Second},
			"over, and no limit to go by":   {now.Add(-time.Second), 0, -time.Second},
		} {
			parent, stop := context.WithDeadline(context.Background(), c.deadline)
			ctx, cancel := deadline(parent, c.limit)
			end, ok := ctx.Deadline()
			if !ok || end.Sub(now) != c.want || (ctx.Err() != nil) != (c.want < 0) {
				t.Errorf("%s: %v left, %v", name, end.Sub(now), ctx.Err())
			}
			cancel()
			stop()
		}
		ctx, cancel := deadline(context.Background(), 0)
		if end, ok := ctx.Deadline(); !ok || end.Sub(now) != defaultLimit {
			t.Error("without any deadline there is none")
		}
		cancel()
	})
}

func TestTimer(t *testing.T) {
	log := quiet(t)
	var seen TimerEvent
	var inv Invocation
	var ctxID string
	result := any(map[string]int{"claimed": 3})
	var fail error
	h := timer(map[string]string{"A": "base"}, func(ctx context.Context, i Invocation, e TimerEvent) (any, error) {
		seen, inv, ctxID = e, i, RequestID(ctx)
		if _, ok := ctx.Deadline(); !ok || ctx.Err() != nil {
			t.Error("no deadline")
		}
		if e.Message == "panic" {
			panic("canary-secret")
		}
		return result, fail
	})
	full := TimerEvent{Type: "Timer", TriggerName: "EveryDay", Time: "2019-02-21T11:49:00Z", Message: "user define msg body"}
	for payload, want := range map[string]TimerEvent{
		`{"Type":"Timer","TriggerName":"EveryDay","Time":"2019-02-21T11:49:00Z","Message":"user define msg body"}`:                         full,
		`{"Type":"Timer","TriggerName":"EveryDay","Time":"2019-02-21T11:49:00Z","Message":"user define msg body","Extra":{"a":[1]},"x":1}`: full,
		`{"Type":"Timer","Message":{"a":1},"Time":1550749740,"TriggerName":null}`:                                                          {Type: "Timer", Time: "1550749740"},
		``: {}, `{}`: {}, `null`: {}, `[]`: {}, `"x"`: {}, `{"Type":"Ti`: {}, "\xff": {},
	} {
		out, err := h(platform("req-7", map[string]string{"B": "own"}), []byte(payload))
		if err != nil || string(out) != `{"claimed":3}` || seen != want {
			t.Errorf("%s: got %s, %v, %+v", payload, out, err, seen)
		}
	}
	if inv.RequestID != "req-7" || ctxID != "req-7" || inv.Env["A"] != "base" || inv.Env["B"] != "own" {
		t.Errorf("invocation %+v", inv)
	}
	out, err := h(platform("req-8", nil), []byte(`{"Message":"panic"}`))
	if out != nil || err == nil || strings.Contains(err.Error()+log.String(), "canary") || !strings.Contains(log.String(), "req-8") {
		t.Errorf("a panic gave %s, %v, %s", out, err, log)
	}
	fail = errors.New("store: unreachable")
	if _, err := h(context.Background(), nil); !errors.Is(err, fail) {
		t.Errorf("an error became %v", err)
	}
	fail, result = nil, func() {}
	var unsupported *json.UnsupportedTypeError
	if _, err := h(context.Background(), nil); !errors.As(err, &unsupported) {
		t.Errorf("a result that is no JSON gave %v", err)
	}
}

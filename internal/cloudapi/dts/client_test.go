package dts_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func n(v int64) *int64 { return &v }

func second[T any](_ T, err error) error { return err }

func poll(t testing.TB, status int, answer string) (job.Observation, error) {
	t.Helper()
	a := newAPI(t, "")
	a.answer = func(int) (int, string) { return status, answer }
	return newClient(t, a.URL, dts.Static(first)).Poll(t.Context(), job.Job{Key: aJob}, nil)
}

func TestStates(t *testing.T) {
	const missingTable = "The database table you selected does not exist. Please re-select. [The input parameter table cannot be found in the source instance]"
	in := func(fields string) string { return `{"Response":{` + fields + `}}` }
	for name, c := range map[string]struct {
		answer string
		want   job.Observation
	}{
		"the page's example 1": {
			in(`"CheckFlag":0,"ErrorCode":-1,"ErrorMessage":"` + missingTable + `","Progress":"100","RequestId":"67b4cfcf-6957-48ae-b7ef-ba33209895e3","Status":"finished"`),
			job.Observation{Phase: job.Failed, Status: "finished", Progress: n(100), CheckFlag: n(0), ErrorCode: n(-1), Message: missingTable, RequestID: "67b4cfcf-6957-48ae-b7ef-ba33209895e3"},
		},
		"the page's example 2": {
			in(`"CheckFlag":1,"ErrorCode":0,"ErrorMessage":"ok","Progress":"100","RequestId":"336448b0-2a45-4be4-8356-c245eab5784f","Status":"finished"`),
			job.Observation{Phase: job.Succeeded, Status: "finished", Progress: n(100), CheckFlag: n(1), ErrorCode: n(0), Message: "ok", RequestID: "336448b0-2a45-4be4-8356-c245eab5784f"},
		},
		"unavailable":       {in(`"Status":"unavailable"`), job.Observation{Phase: job.Pending, Status: "unavailable"}},
		"starting":          {in(`"Status":"starting","Progress":""`), job.Observation{Phase: job.Pending, Status: "starting"}},
		"running":           {in(`"Status":"running","Progress":"30","CheckFlag":3`), job.Observation{Phase: job.Running, Status: "running", Progress: n(30), CheckFlag: n(3)}},
		"no error code":     {in(`"Status":"finished","CheckFlag":1`), job.Observation{Phase: job.Succeeded, Status: "finished", CheckFlag: n(1)}},
		"passed, but":       {in(`"Status":"finished","CheckFlag":1,"ErrorCode":-1`), job.Observation{Phase: job.Unknown, Status: "finished", CheckFlag: n(1), ErrorCode: n(-1)}},
		"not checked":       {in(`"Status":"finished","CheckFlag":3`), job.Observation{Phase: job.Unknown, Status: "finished", CheckFlag: n(3)}},
		"other flag":        {in(`"Status":"finished","CheckFlag":2`), job.Observation{Phase: job.Unknown, Status: "finished", CheckFlag: n(2)}},
		"no flag":           {in(`"Status":"finished","ErrorCode":0`), job.Observation{Phase: job.Unknown, Status: "finished", ErrorCode: n(0)}},
		"failed without":    {in(`"Status":"finished","CheckFlag":0,"ErrorCode":0`), job.Observation{Phase: job.Failed, Status: "finished", CheckFlag: n(0), ErrorCode: n(0)}},
		"texts for numbers": {in(`"Status":"finished","CheckFlag":"1","ErrorCode":"0","Progress":100`), job.Observation{Phase: job.Succeeded, Status: "finished", Progress: n(100), CheckFlag: n(1), ErrorCode: n(0)}},
		"nulls":             {in(`"Status":"running","CheckFlag":null,"ErrorCode":null,"ErrorMessage":null,"Progress":null,"RequestId":null,"Error":null`), job.Observation{Phase: job.Running, Status: "running"}},
		"other word":        {in(`"Status":"paused"`), job.Observation{Phase: job.Unknown, Status: "paused"}},
		"other case":        {in(`"Status":"Running"`), job.Observation{Phase: job.Running, Status: "Running"}},
		"capitals":          {in(`"Status":"FINISHED","CheckFlag":1`), job.Observation{Phase: job.Succeeded, Status: "FINISHED", CheckFlag: n(1)}},
		"bare line break":   {"\ufeff" + in("\"Status\":\"finished\",\"CheckFlag\":0,\"ErrorMessage\":\"row 3\nbad \x07\""), job.Observation{Phase: job.Failed, Status: "finished", CheckFlag: n(0), Message: "row 3\nbad \a"}},
		"exact keys":        {`{"response":{},"Response":{"status":"x","Status":"running","CHECKFLAG":"y","error":{"Code":"z"}}}`, job.Observation{Phase: job.Running, Status: "running"}},
		"unknown keys":      {`{"x":[],"Response":{"Status":"running","StepInfo":[{"Status":"finished"}]},"code":"4000"}`, job.Observation{Phase: job.Running, Status: "running"}},
		"dirty text":        {in("\"Status\":\"running\",\"ErrorMessage\":\"a\\u0000b\xffc\""), job.Observation{Phase: job.Running, Status: "running", Message: "abc"}},
		"long text":         {in(`"Status":"running","ErrorMessage":"` + strings.Repeat("错", 1000) + `"`), job.Observation{Phase: job.Running, Status: "running", Message: strings.Repeat("错", 682)}},
		"quotes the key":    {in(`"Status":"running","ErrorMessage":"by ` + canary + `-key-1"`), job.Observation{Phase: job.Running, Status: "running", Message: "by [hidden]"}},
		"missing":           {refusal("ResourceNotFound.JobNotExist", "no such job"), job.Observation{Phase: job.Missing, Status: "ResourceNotFound.JobNotExist", Message: "no such job", RequestID: "req-1"}},
		"missing, short":    {refusal("ResourceNotFound", ""), job.Observation{Phase: job.Missing, Status: "ResourceNotFound", RequestID: "req-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen, err := poll(t, 200, c.answer)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, seen); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProgress(t *testing.T) {
	for in, want := range map[string]int64{
		`"0"`: 0, `"100"`: 100, `"33.3"`: 33, `"99.99"`: 99, `" 7 "`: 7, `12`: 12, `12.9`: 12, `"100.0"`: 100, `".5"`: 0,
		`""`: -1, `"-1"`: -1, `"101"`: -1, `"100.1"`: -1, `"abc"`: -1, `"NaN"`: -1, `"Inf"`: -1, `"1e2"`: -1, `"0x10"`: -1, `"1_0"`: -1,
		`"."`: -1, `"1.2.3"`: -1, `null`: -1, `true`: -1, `[]`: -1, `{}`: -1, `"9999999999999999999999"`: -1,
	} {
		seen, err := poll(t, 200, `{"Response":{"Status":"running","Progress":`+in+`}}`)
		switch {
		case err != nil:
			t.Errorf("%s: %v", in, err)
		case want < 0 && seen.Progress != nil:
			t.Errorf("%s is %d, want none", in, *seen.Progress)
		case want >= 0 && (seen.Progress == nil || *seen.Progress != want):
			t.Errorf("%s is %v, want %d", in, seen.Progress, want)
		}
	}
}

func TestCodes(t *testing.T) {
	type meaning struct {
		kind job.Kind
		wait time.Duration
	}
	throttled, transient, slowly := meaning{job.Throttled, time.Second}, meaning{job.Transient, 0}, meaning{job.Transient, 2 * time.Minute}
	credentials, forbidden, invalid := meaning{job.Credentials, 0}, meaning{job.Forbidden, 0}, meaning{job.Invalid, 0}
	for m, codes := range map[meaning][]string{
		throttled: {"RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded", "RequestLimitExceeded.GlobalRegionUinLimitExceeded", "RequestLimitExceeded.IPLimitExceeded"},
		transient: {"InternalError", "InternalError.DatabaseError", "InternalError.ProtocolError", "ServiceUnavailable", "ResourceUnavailable", "ResourceUnavailable.X", "InvalidParameter.ControllerNotFoundError"},
		slowly:    {"FailedOperation", "FailedOperation.NotAllowOperation", "OperationDenied", "OperationDenied.JobOperationDeniedError", "LimitExceeded", "LimitExceeded.X", "ResourceInUse", "ResourceInUse.X", "ResourceInsufficient", "ResourceInsufficient.X"},
		credentials: {"AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire", "AuthFailure", "AuthFailure.SignatureFailure", "AuthFailure.InvalidSecretId", "AuthFailure.MFAFailure", "AuthFailure.InvalidAuthorization",
			"AuthFailure.UnauthorizedOperationX"},
		forbidden: {"AuthFailure.UnauthorizedOperation", "AuthFailure.UnauthorizedOperation.X", "UnauthorizedOperation", "UnauthorizedOperation.NotEnoughPrivilege", "IpNotInWhitelist", "IpInBlacklist"},
		invalid: {"InvalidParameter", "InvalidParameter.X", "InvalidParameterValue", "InvalidParameterValue.X", "MissingParameter", "UnknownParameter", "InvalidAction", "InvalidRequest", "NoSuchVersion", "NoSuchProduct",
			"UnsupportedRegion", "UnsupportedOperation", "UnsupportedProtocol", "ActionOffline", "RequestSizeLimitExceeded", "ResponseSizeLimitExceeded", "ResourceNotFound.RoleNotFound"},
	} {
		for _, code := range codes {
			e := pollError(t, second(poll(t, 200, refusal(code, "the text"))))
			if (meaning{e.Kind, e.RetryAfter}) != m || e.Code != code || e.Message != "the text" || e.RequestID != "req-1" || e.Unlisted {
				t.Errorf("%s: %#v, want %v", code, e, m)
			}
		}
	}
	for _, code := range []string{"Whatever", "FailedOperationX", "internalerror", "XInternalError.Y", "RequestLimitExceededX.Y", "ResourceNotFoundX", "4000"} {
		e := pollError(t, second(poll(t, 200, refusal(code, "new"))))
		if e.Kind != job.Transient || !e.Unlisted || e.Code != code || e.RetryAfter != 0 {
			t.Errorf("%s: %#v, want an unlisted transient one", code, e)
		}
	}
	e := pollError(t, second(poll(t, 200, refusal("AuthFailure.SignatureFailure", "id "+canary+"-id-1 token "+canary+"-token-1 key "+canary+"-key-1"))))
	if e.Message != "id [hidden] token [hidden] key [hidden]" {
		t.Errorf("message %q", e.Message)
	}
}

func TestGarbage(t *testing.T) {
	const good = `{"Response":{"Status":"finished","CheckFlag":1,"ErrorCode":0,"RequestId":"x"}}`
	bodies := map[string]string{
		"empty": "", "null": "null", "list": "[]", "html": "<html>", "two boms": "\ufeff\ufeff" + good, "trailing": good + "x", "two": good + good,
		"no response": `{}`, "null response": `{"Response":null}`, "empty response": `{"Response":{}}`, "list response": `{"Response":[]}`, "text response": `{"Response":"x"}`,
		"other case": `{"response":{"Status":"running"}}`, "no status": `{"Response":{"CheckFlag":1}}`, "empty status": `{"Response":{"Status":""}}`, "null status": `{"Response":{"Status":null}}`,
		"number status": `{"Response":{"Status":1}}`, "bad flag": `{"Response":{"Status":"finished","CheckFlag":"yes"}}`, "fractional flag": `{"Response":{"Status":"finished","CheckFlag":1.5}}`,
		"bool flag": `{"Response":{"Status":"finished","CheckFlag":true}}`, "bad error code": `{"Response":{"Status":"finished","CheckFlag":1,"ErrorCode":{}}}`,
		"error without code": `{"Response":{"Error":{"Message":"x"}}}`, "empty error": `{"Response":{"Error":{}}}`, "text error": `{"Response":{"Error":"x"}}`, "number code": `{"Response":{"Error":{"Code":5}}}`,
		"status twice": `{"Response":{"Status":"running","Status":"finished"}}`, "response twice": `{"Response":{"Status":"running"},"Response":{"Status":"running"}}`,
		"old error": `{"code":4000,"message":"x","codeDesc":"InvalidParameter"}`, "list message": `{"Response":{"Status":"running","ErrorMessage":[]}}`,
		"deep": `{"Response":` + strings.Repeat(`{"Response":`, 50000),
	}
	for i := range len(good) {
		bodies["cut at "+good[:i]] = good[:i]
	}
	for name, body := range bodies {
		if e := pollError(t, second(poll(t, 200, body))); e.Kind != job.Protocol {
			t.Errorf("%s: %s %s, want protocol", name, e.Kind, e.Code)
		}
	}
	for status, kind := range map[int]job.Kind{404: job.Protocol, 403: job.Protocol, 500: job.Transient, 503: job.Transient, 429: job.Throttled, 302: job.Protocol} {
		if e := pollError(t, second(poll(t, status, "<html>"+canary))); e.Kind != kind {
			t.Errorf("%d: %s, want %s", status, e.Kind, kind)
		}
	}
	if e := pollError(t, second(poll(t, 400, refusal("InvalidParameter", "x")))); e.Kind != job.Invalid {
		t.Errorf("a code beside a status: %s", e.Kind)
	}
	if e := pollError(t, second(poll(t, 404, good))); e.Code != "http_404" {
		t.Errorf("a state beside a status: %s", e.Code)
	}
}

func TestContentTypesThatLeadTheSDKAstray(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "application/octet-stream", "text/html", ""} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = []string{contentType}
			_, _ = io.WriteString(w, `{"Response":{"Status":"running"}}`)
		}))
		if seen, err := newClient(t, s.URL, dts.Static(first)).Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil || seen.Phase != job.Running {
			t.Errorf("%s: %v %v", contentType, seen, err)
		}
		s.Close()
	}
}

func TestARedirectDoesNotCarryTheCredentials(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other host was asked") }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	if e := pollError(t, second(newClient(t, s.URL, dts.Static(first)).Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Protocol || e.Code != "redirect" {
		t.Errorf("%#v", e)
	}
}

// tunnel is a proxy that notes which hosts are asked for and opens none.
func tunnel(t *testing.T) (asked func() []string, through func(*http.Request) (*url.URL, error)) {
	var mu sync.Mutex
	var hosts []string
	s, through := wire(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hosts = append(hosts, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusForbidden)
	})
	t.Cleanup(s.Close)
	return func() []string { mu.Lock(); defer mu.Unlock(); return hosts }, through
}

func TestOfficialHosts(t *testing.T) {
	asked, through := tunnel(t)
	tr := cloudapi.NewTransport(cloudapi.Options{Proxy: through})
	defer tr.Close()
	var want []string
	for _, c := range []struct{ region, base, host string }{
		{"ap-shanghai", "", "dts.tencentcloudapi.com:443"},
		{"ap-shanghai-fsi", "", "dts.ap-shanghai-fsi.tencentcloudapi.com:443"},
		{"ap-shenzhen-fsi", "", "dts.ap-shenzhen-fsi.tencentcloudapi.com:443"},
		{"ap-singapore", "https://dts.intl.tencentcloudapi.com", "dts.intl.tencentcloudapi.com:443"},
		{"ap-shanghai-fsi", "https://dts.intl.tencentcloudapi.com", "dts.intl.tencentcloudapi.com:443"},
	} {
		client, err := dts.New(dts.Options{BaseURL: c.base, Transport: tr, Keys: dts.Static(first)})
		if err != nil {
			t.Fatal(err)
		}
		_ = pollError(t, second(client.Poll(t.Context(), job.Job{Key: job.Key{Provider: job.DTS, Scope: c.region, ID: "dts-1"}}, nil)))
		want = append(want, "CONNECT "+c.host)
	}
	if diff := cmp.Diff(want, asked()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestABaseURLWithAPath(t *testing.T) {
	a := newAPI(t, `{"Response":{"Status":"running"}}`)
	a.path = "/emulated/dts"
	if _, err := newClient(t, a.URL+a.path, dts.Static(first)).Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
		t.Error(err)
	}
	if _, err := dts.New(dts.Options{BaseURL: "http://h?" + canary}); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "MIGWATCH_DTS_URL") {
		t.Errorf("error is %v", err)
	}
}

func TestTheGateIsAskedAndItsErrorComesBack(t *testing.T) {
	refusal := errors.New("no slot")
	a := newAPI(t, `{"Response":{"Status":"running"}}`)
	c := newClient(t, a.URL, dts.Static(first))
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, func(context.Context) error { return refusal }); err != refusal { // the very error is promised
		t.Errorf("error is %v, want the gate's", err)
	}
	if a.count() != 0 {
		t.Error("a request was sent through a shut gate")
	}
	g := &gate{}
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, g.open); err != nil || g.count() != 1 {
		t.Errorf("%v with %d gate calls, want 1", err, g.count())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := pollError(t, second(c.Poll(ctx, job.Job{Key: aJob}, g.open))); e.Code != "canceled" || !errors.Is(e, context.Canceled) {
		t.Errorf("%#v", e)
	}
}

func TestWrongKeysAreNotSent(t *testing.T) {
	a := newAPI(t, "")
	for _, k := range []job.Key{{}, {Provider: job.WeChat, Scope: "a", ID: "1"}, {Provider: job.DTS, Scope: "Shanghai", ID: "dts-1"}, {Provider: job.DTS, Scope: "ap-shanghai", ID: "a/b"}} {
		if e := pollError(t, second(newClient(t, a.URL, dts.Static(first)).Poll(t.Context(), job.Job{Key: k}, nil))); e.Kind != job.Invalid {
			t.Errorf("%v: %s", k, e.Kind)
		}
	}
	for _, k := range []dts.Keys{{}, {SecretID: first.SecretID}, {SecretKey: first.SecretKey}, {SecretID: secret.New(canary + "\n"), SecretKey: first.SecretKey}} {
		e := pollError(t, second(newClient(t, a.URL, dts.Static(k)).Poll(t.Context(), job.Job{Key: aJob}, nil)))
		if e.Kind != job.Credentials || !strings.Contains(e.Message, "TENCENTCLOUD_SECRETID") || !strings.Contains(e.Message, "TENCENTCLOUD_SECRETKEY") {
			t.Errorf("%#v", e)
		}
	}
	if e := pollError(t, second(newClient(t, a.URL, nil).Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Credentials {
		t.Errorf("%#v", e)
	}
	broken := dts.Snapshot(func() (dts.Keys, error) { return dts.Keys{}, errors.New("cannot read") })
	if e := pollError(t, second(newClient(t, a.URL, broken).Poll(t.Context(), job.Job{Key: aJob}, nil))); e.Kind != job.Credentials {
		t.Errorf("%#v", e)
	}
	if a.count() != 0 {
		t.Error("something was sent")
	}
}

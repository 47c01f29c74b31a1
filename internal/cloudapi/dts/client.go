package dts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

const (
	service    = "dts"
	version    = "2018-03-30"
	action     = "DescribeMigrateCheckJob"
	rootDomain = "tencentcloudapi.com"
)

// Options are the parts of a Client.
type Options struct {
	BaseURL   string              // "": the official host of the job's region
	Transport *cloudapi.Transport // shared with other clients
	Keys      Source              // nil: no credentials, and every look says so
	Now       func() time.Time    // what requests are signed with; nil: the SDK's own clock
}

// Client looks at jobs. It is safe for concurrent use and cheap to make: one for each tick, with that
// tick's credentials, over a Transport that lasts.
type Client struct {
	base *url.URL // nil: the official hosts
	sdk  common.Client
	keys Source
	now  func() time.Time
	dead atomic.Pointer[string] // fingerprint of keys that failed twice: asking a third time tells nothing
}

// New makes a Client. The error does not show the URL.
func New(o Options) (*Client, error) {
	c := &Client{keys: o.Keys, now: o.Now}
	if c.keys == nil {
		c.keys = Static(Keys{})
	}
	if o.BaseURL != "" {
		base, err := cloudapi.ParseBase(o.BaseURL)
		if err != nil {
			return nil, fmt.Errorf("MIGWATCH_DTS_URL %w", err)
		}
		c.base = base
	}
	p := profile.NewClientProfile() // its retries are at 0; they would neither wait with the context nor sign anew
	p.DisableRegionBreaker = true   // another region does not know the job
	p.HttpProfile.ReqTimeout = 0    // the context's deadline is the look's
	p.Language = "en-US"            // one language, so that equal errors compare equal
	// Init makes an http.Client of its own, so no other user of the SDK is touched.
	c.sdk.Init("").WithProfile(p).WithHttpTransport(recorder{o.Transport}).WithRequestClient("migwatch")
	return c, nil
}

// Look asks once for the state of k, and once more with credentials read afresh where the first ones
// are called stale. Each call waits at gate when its connection is ready. The error is what gate
// returned, or a *job.LookError. A job that DTS does not know is no error: its phase is missing.
func (c *Client) Look(ctx context.Context, k job.Key, gate func(context.Context) error) (job.Seen, error) {
	if err := check(k); err != nil {
		return job.Seen{}, err
	}
	keys, err := usable(c.keys.Keys(ctx))
	if err != nil {
		return job.Seen{}, err
	}
	seen, err := c.ask(ctx, k, gate, keys)
	if !stale(err) || c.isDead(keys) {
		return seen, err
	}
	keys, keysErr := usable(c.keys.Refresh(ctx, keys))
	if keysErr != nil {
		return job.Seen{}, keysErr
	}
	if seen, err = c.ask(ctx, k, gate, keys); stale(err) {
		f := keys.fingerprint()
		c.dead.Store(&f)
	}
	return seen, err
}

func (c *Client) isDead(keys Keys) bool {
	f := c.dead.Load()
	return f != nil && *f == keys.fingerprint()
}

// ask makes one call.
func (c *Client) ask(ctx context.Context, k job.Key, gate func(context.Context) error, keys Keys) (job.Seen, error) {
	req := c.request(k)
	rec := &record{}
	req.SetContext(context.WithValue(cloudapi.WithGate(ctx, gate), recordKey{}, rec))
	// A copy of the SDK's client costs nothing and forgets its credentials with this call. A client per
	// region and credentials would keep them, one made anew would bring its own connections.
	sdk := c.sdk
	sdk.WithCredential(common.NewTokenCredential(keys.SecretID.Reveal(), keys.SecretKey.Reveal(), keys.Token.Reveal()))
	err := sdk.Send(req, &response{})
	switch {
	case rec.err != nil:
		return job.Seen{}, rec.err
	case !rec.done: // the SDK stopped before it sent; its error may show anything
		return job.Seen{}, &job.LookError{Kind: job.Invalid, Code: "not_sent", Message: "the request could not be made", Err: ctx.Err()}
	case err != nil:
		return job.Seen{}, rec.answer.Garbage("not_read", "an answer the SDK cannot read")
	}
	return read(rec.answer, keys)
}

// request is the call's typed request; its one exported field is the body.
type request struct {
	*tchttp.BaseRequest
	JobID string `json:"JobId"`
}

func (c *Client) request(k job.Key) *request {
	r := &request{BaseRequest: &tchttp.BaseRequest{}, JobID: k.ID}
	r.Init().WithApiInfo(service, version, action)
	r.SetHttpMethod(http.MethodPost)
	// The region goes by header, so that one SDK client serves every region.
	header := map[string]string{"X-TC-Region": k.Scope}
	if c.now != nil {
		header["X-TC-Timestamp"] = strconv.FormatInt(c.now().Unix(), 10)
	}
	r.SetHeader(header)
	if c.base == nil {
		r.SetScheme("https")
		r.SetDomain(officialHost(k.Scope))
		return r
	}
	r.SetScheme(c.base.Scheme)
	r.SetDomain(c.base.Host)
	r.SetPath(c.base.EscapedPath())
	return r
}

// officialHost is the host that serves a region. Finance regions answer only at hosts of their own.
func officialHost(region string) string {
	if strings.HasSuffix(region, "-fsi") {
		return service + "." + region + "." + rootDomain
	}
	return service + "." + rootDomain
}

func check(k job.Key) error {
	if k.Provider != job.DTS {
		return &job.LookError{Kind: job.Invalid, Code: "bad_key", Message: "not a DTS job"}
	}
	if err := k.Validate(); err != nil {
		return &job.LookError{Kind: job.Invalid, Code: "bad_key", Message: err.Error()}
	}
	return nil
}

// stale reports whether err is of credentials that fresh ones may mend.
func stale(err error) bool {
	var e *job.LookError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire":
		return true
	}
	return false
}

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
	rootDomain = "tencentcloudapi.com"
)

// Options are the parts of a Client.
type Options struct {
	BaseURL   string              // "": the official host of the job's region
	Transport *cloudapi.Transport // shared with other clients
	Keys      Source              // nil: no credentials, and every poll says so
	Now       func() time.Time    // what requests are signed with; nil: the SDK's own clock
	Versions  *Versions           // nil: of this client alone
}

// Client polls jobs. It is safe for concurrent use and cheap to make: one for each tick, with that
// tick's credentials, over a Transport that lasts.
type Client struct {
	base     *url.URL // nil: the official hosts
	sdk      common.Client
	keys     Source
	now      func() time.Time
	versions *Versions
	dead     atomic.Pointer[string] // fingerprint of keys that failed twice: asking a third time tells nothing
}

// New makes a Client. The error does not show the URL.
func New(o Options) (*Client, error) {
	c := &Client{keys: o.Keys, now: o.Now, versions: o.Versions}
	if c.versions == nil {
		c.versions = &Versions{}
	}
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
	p.HttpProfile.ReqTimeout = 0    // the context's deadline is the poll's
	p.Language = "en-US"            // one language, so that equal errors compare equal
	// Init makes an http.Client of its own, so no other user of the SDK is touched.
	c.sdk.Init("").WithProfile(p).WithHttpTransport(recorder{o.Transport}).WithRequestClient("migwatch")
	return c, nil
}

// operation is one action of one version of DTS's API.
type operation struct{ version, action string }

const (
	version2018 = "2018-03-30"
	version2021 = "2021-12-06"
)

var (
	describeCheck        = operation{version2018, "DescribeMigrateCheckJob"}
	describeOldMigration = operation{version2018, "DescribeMigrateJobs"}
	describeMigration    = operation{version2021, "DescribeMigrationJobs"}
	describeDetail       = operation{version2021, "DescribeMigrationDetail"}
	describeNewCheck     = operation{version2021, "DescribeMigrationCheckJob"}
	describeSync         = operation{version2021, "DescribeSyncJobs"}
)

// Poll asks for the state of j: once, for what is known already of a job that stands as it stood, and once or
// twice more for what one answer does not tell. Each call waits at gate when its connection is ready. The error
// is what gate returned, or a *job.PollError. A job that DTS does not know is no error: its phase is missing.
func (c *Client) Poll(ctx context.Context, j job.Job, gate func(context.Context) error) (job.Observation, error) {
	if err := check(j.Key); err != nil {
		return job.Observation{}, err
	}
	p := polling{Client: c, ctx: ctx, job: j, gate: gate}
	switch j.Key.Provider {
	case job.DTSMigration:
		return p.migration()
	case job.DTSSync:
		return p.sync()
	}
	return p.check()
}

// polling is one poll under way.
type polling struct {
	*Client
	ctx  context.Context
	job  job.Job
	gate func(context.Context) error
}

// check asks how the check before a migration stands.
func (l polling) check() (job.Observation, error) {
	return checked(l.call(describeCheck, request{JobID: &l.job.Key.ID}))
}

// call makes one call, and one more with credentials read afresh where the first ones are called stale.
func (l polling) call(op operation, body request) (reply, error) {
	c := l.Client
	keys, err := usable(c.keys.Keys(l.ctx))
	if err != nil {
		return reply{}, err
	}
	r, err := l.ask(op, body, keys)
	if !stale(err) || c.isDead(keys) {
		return r, err
	}
	keys, keysErr := usable(c.keys.Refresh(l.ctx, keys))
	if keysErr != nil {
		return reply{}, keysErr
	}
	if r, err = l.ask(op, body, keys); stale(err) {
		f := keys.fingerprint()
		c.dead.Store(&f)
	}
	return r, err
}

func (c *Client) isDead(keys Keys) bool {
	f := c.dead.Load()
	return f != nil && *f == keys.fingerprint()
}

// ask makes one call.
func (l polling) ask(op operation, body request, keys Keys) (reply, error) {
	req := l.request(op, body)
	rec := &record{}
	req.SetContext(context.WithValue(cloudapi.WithGate(l.ctx, l.gate), recordKey{}, rec))
	// A copy of the SDK's client costs nothing and forgets its credentials with this call. A client per
	// region and credentials would keep them, one made anew would bring its own connections.
	sdk := l.sdk
	sdk.WithCredential(common.NewTokenCredential(keys.SecretID.Reveal(), keys.SecretKey.Reveal(), keys.Token.Reveal()))
	err := sdk.Send(req, &response{})
	switch {
	case rec.err != nil:
		return reply{}, rec.err
	case !rec.done: // the SDK stopped before it sent; its error may show anything
		return reply{}, &job.PollError{Kind: job.Invalid, Code: "not_sent", Message: "the request could not be made", Err: l.ctx.Err()}
	case err != nil:
		return reply{}, rec.answer.Garbage("not_read", "an answer the SDK cannot read")
	}
	return open(rec.answer, keys)
}

// request is a call's typed request; its exported fields that are not nil are the body.
type request struct {
	*tchttp.BaseRequest
	JobID  *string  `json:"JobId,omitempty"`
	JobIDs []string `json:"JobIds,omitempty"`

	// Of a list.
	Limit    *int64   `json:"Limit,omitempty"`
	Offset   *int64   `json:"Offset,omitempty"`
	Order    *string  `json:"Order,omitempty"`
	OrderSeq *string  `json:"OrderSeq,omitempty"`
	Status   []string `json:"Status,omitempty"`
}

func (l polling) request(op operation, body request) *request {
	r := &body
	r.BaseRequest = &tchttp.BaseRequest{}
	r.Init().WithApiInfo(service, op.version, op.action)
	r.SetHttpMethod(http.MethodPost)
	// The region goes by header, so that one SDK client serves every region.
	header := map[string]string{"X-TC-Region": l.job.Key.Scope}
	if l.now != nil {
		header["X-TC-Timestamp"] = strconv.FormatInt(l.now().Unix(), 10)
	}
	r.SetHeader(header)
	if l.base == nil {
		r.SetScheme("https")
		r.SetDomain(officialHost(l.job.Key.Scope))
		return r
	}
	r.SetScheme(l.base.Scheme)
	r.SetDomain(l.base.Host)
	r.SetPath(l.base.EscapedPath())
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
	switch k.Provider {
	case job.DTS, job.DTSMigration, job.DTSSync:
	default:
		return &job.PollError{Kind: job.Invalid, Code: "bad_key", Message: "not a DTS job"}
	}
	if err := k.Validate(); err != nil {
		return &job.PollError{Kind: job.Invalid, Code: "bad_key", Message: err.Error()}
	}
	return nil
}

// stale reports whether err is of credentials that fresh ones may mend.
func stale(err error) bool {
	var e *job.PollError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire":
		return true
	}
	return false
}

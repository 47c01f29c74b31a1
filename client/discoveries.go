package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Discovery is a region that is watched as a whole: every job that the provider's list names is watched by itself.
type Discovery struct {
	Provider    string     `json:"provider"` // DTSMigration or DTSSync
	Scope       string     `json:"scope"`    // the Tencent Cloud region
	Paused      bool       `json:"paused"`   // it finds nothing for now; its jobs are polled on
	Finished    bool       `json:"finished"` // also jobs that were final when they were first listed
	WatchedAt   time.Time  `json:"watched_at"`
	Jobs        int64      `json:"jobs"`          // watched jobs of this provider and scope
	LastSweepAt *time.Time `json:"last_sweep_at"` // nil before the first that came to the end of the list
	Polling     Polling    `json:"polling"`       // how the sweeps go
}

// DiscoveryChange is what Discover sets; nil leaves as it is.
type DiscoveryChange struct {
	Paused   *bool `json:"paused,omitempty"`
	Finished *bool `json:"finished,omitempty"`
}

const discoveriesPath = "/v1/discoveries"

func discoveryPath(provider, scope string) string {
	return discoveriesPath + "/" + url.PathEscape(provider) + "/" + url.PathEscape(scope)
}

// Discoveries lists them all.
func (c *Client) Discoveries(ctx context.Context) ([]Discovery, error) {
	var list struct {
		Items []Discovery `json:"items"`
	}
	err := c.get(ctx, discoveriesPath, nil, &list)
	return list.Items, err
}

// Discovery is one of them; Code(err) is CodeDiscoveryNotFound where there is none.
func (c *Client) Discovery(ctx context.Context, provider, scope string) (Discovery, error) {
	var d Discovery
	err := c.get(ctx, discoveryPath(provider, scope), nil, &d)
	return d, err
}

// Discover watches every job of a region from now on, or changes what is set about that. created tells which. It
// needs an admin key.
func (c *Client) Discover(ctx context.Context, provider, scope string, change DiscoveryChange) (d Discovery, created bool, err error) {
	res, err := c.open(ctx, call{method: http.MethodPut, path: discoveryPath(provider, scope), body: change})
	if err != nil {
		return Discovery{}, false, err
	}
	defer res.Body.Close()
	err = c.decode(res, &d)
	return d, res.StatusCode == http.StatusCreated, err
}

// Undiscover ends a discovery; the jobs that it found stay watched. It needs an admin key.
func (c *Client) Undiscover(ctx context.Context, provider, scope string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: discoveryPath(provider, scope)}, nil)
}

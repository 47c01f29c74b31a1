package job

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Provider is the upstream API a job lives in.
type Provider string

// The providers.
const (
	WeChat Provider = "wechat" // getMigrationState of WeChat's open platform
	// Three of Tencent Cloud's Data Transmission Service: the check before a migration
	// (DescribeMigrateCheckJob), the migration itself (DescribeMigrationJobs, DescribeMigrateJobs), and a sync
	// (DescribeSyncJobs).
	DTS          Provider = "dts"
	DTSMigration Provider = "dts-migration"
	DTSSync      Provider = "dts-sync"
)

// Providers lists every provider, in the order they are shown.
var Providers = []Provider{WeChat, DTS, DTSMigration, DTSSync}

// Valid reports whether p is one of Providers.
func (p Provider) Valid() bool { return slices.Contains(Providers, p) }

// Key names one watched job.
type Key struct {
	Provider Provider
	Scope    string // the WeChat cloud environment ID, or the Tencent Cloud region
	ID       string // the upstream's own ID; WeChat's is a positive decimal int64
}

// String gives provider/scope/id, the path under which every interface shows the job.
func (k Key) String() string { return string(k.Provider) + "/" + k.Scope + "/" + k.ID }

// InvalidError says which part of a request or key cannot be, and why.
type InvalidError struct {
	Field  string // the public name: "provider", "scope", "job_id", "label", …
	Reason string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Reason }

// IDs are checked where they enter, because engines disagree about case, accents, trailing blanks and NUL.
// Patterns are compiled when first needed: a cold start that checks no ID does not wait for them.
var (
	wechatScope = lazily(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	dtsScope    = lazily(`^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$`)
	dtsID       = lazily(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// maxScope bounds a region, whose pattern has no end of its own.
const maxScope = 64

// Validate returns an *InvalidError that names the first part of k that cannot be, or nil.
func (k Key) Validate() error {
	switch k.Provider {
	case WeChat:
		if !wechatScope().MatchString(k.Scope) {
			return &InvalidError{"scope", fmt.Sprintf("%q is not a WeChat cloud environment ID (letters, digits and hyphens, 64 at most)", k.Scope)}
		}
		if n, err := strconv.ParseInt(k.ID, 10, 64); err != nil || n < 1 || strconv.FormatInt(n, 10) != k.ID {
			return &InvalidError{"job_id", fmt.Sprintf("%q is not a WeChat job ID (a decimal number from 1 to 2^63-1)", k.ID)}
		}
	case DTS, DTSMigration, DTSSync:
		if account, _, given := strings.Cut(k.Scope, "@"); given {
			return &InvalidError{"scope", fmt.Sprintf("account %q is not known here: only the function's own account can be asked", account)}
		}
		if !dtsScope().MatchString(k.Scope) || len(k.Scope) > maxScope {
			return &InvalidError{"scope", fmt.Sprintf("%q is not a Tencent Cloud region such as ap-shanghai", k.Scope)}
		}
		if !dtsID().MatchString(k.ID) {
			return &InvalidError{"job_id", fmt.Sprintf("%q is not a DTS job ID such as %s", k.ID, map[bool]string{true: "sync-btso140", false: "dts-dau5czmd"}[k.Provider == DTSSync])}
		}
	default:
		return &InvalidError{"provider", fmt.Sprintf("%q is none of wechat, dts, dts-migration, dts-sync", string(k.Provider))}
	}
	return nil
}

// Budget names the allowance of upstream calls that k's polls are paid from. The limits are the
// account's: DTS counts per region and action, WeChat per platform.
func (k Key) Budget() string {
	if k.Provider == WeChat {
		return string(WeChat)
	}
	return string(k.Provider) + "/" + k.Scope
}

// PlaceOf is the provider and the scope of a budget; the scope is "" where all of the provider's share it.
func PlaceOf(budget string) Key {
	provider, scope, _ := strings.Cut(budget, "/")
	return Key{Provider: Provider(provider), Scope: scope}
}

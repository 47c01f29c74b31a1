package dts

import (
	"strings"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

const (
	codeLimit      = 128
	requestIDLimit = 128

	calmDown = time.Second     // after RequestLimitExceeded: the limit is per second
	slowly   = 2 * time.Minute // after a state of the account or job that a few seconds do not change
)

// meaning is what to do about a code of the call.
type meaning struct {
	kind job.Kind
	wait time.Duration
}

// families are the codes up to their first dot: DTS's own and API 3.0's common ones.
var families = map[string]meaning{
	"RequestLimitExceeded": {job.Throttled, calmDown},

	"InternalError":       {job.Transient, 0},
	"ServiceUnavailable":  {job.Transient, 0},
	"ResourceUnavailable": {job.Transient, 0},

	"AuthFailure":           {job.Credentials, 0},
	"UnauthorizedOperation": {job.Forbidden, 0},
	"IpInBlacklist":         {job.Forbidden, 0},
	"IpNotInWhitelist":      {job.Forbidden, 0},

	"FailedOperation":      {job.Transient, slowly},
	"OperationDenied":      {job.Transient, slowly},
	"LimitExceeded":        {job.Transient, slowly},
	"ResourceInUse":        {job.Transient, slowly},
	"ResourceInsufficient": {job.Transient, slowly},

	"InvalidParameter":          {job.Invalid, 0},
	"InvalidParameterValue":     {job.Invalid, 0},
	"MissingParameter":          {job.Invalid, 0},
	"UnknownParameter":          {job.Invalid, 0},
	"InvalidAction":             {job.Invalid, 0},
	"InvalidRequest":            {job.Invalid, 0},
	"NoSuchProduct":             {job.Invalid, 0},
	"NoSuchVersion":             {job.Invalid, 0},
	"UnsupportedRegion":         {job.Invalid, 0},
	"UnsupportedOperation":      {job.Invalid, 0},
	"UnsupportedProtocol":       {job.Invalid, 0},
	"ActionOffline":             {job.Invalid, 0},
	"DryRunOperation":           {job.Invalid, 0},
	"ResourceNotFound":          {job.Invalid, 0},
	"RequestSizeLimitExceeded":  {job.Invalid, 0},
	"ResponseSizeLimitExceeded": {job.Invalid, 0},
}

// meaningOf finds what a code means; listed is false for one that no document has.
func meaningOf(code string) (m meaning, listed bool) {
	if code == "InvalidParameter.ControllerNotFoundError" {
		return meaning{kind: job.Transient}, true // an internal fault of the upstream, in spite of its family
	}
	family, rest, _ := strings.Cut(code, ".")
	if family == "AuthFailure" && (rest == "UnauthorizedOperation" || strings.HasPrefix(rest, "UnauthorizedOperation.")) {
		return meaning{kind: job.Forbidden}, true // who calls is known, and may not
	}
	m, listed = families[family]
	return m, listed
}

// isMissing reports whether code says that there is no such job. Other codes of the family tell of
// other things that are not there (an instance, say), and are failed polls.
func isMissing(code string) bool {
	return code == "ResourceNotFound" || code == "ResourceNotFound.JobNotExist"
}

// failure translates the error of a call.
func failure(code, message, requestID string) *job.PollError {
	e := &job.PollError{Code: code, Message: message, RequestID: requestID}
	m, listed := meaningOf(code)
	if !listed {
		e.Kind, e.Unlisted = job.Transient, true
		return e
	}
	e.Kind, e.RetryAfter = m.kind, m.wait
	return e
}

// scrubbed cleans a text of the upstream and takes the credentials out that it may quote.
func (k Keys) scrubbed(s string, limit int) string {
	return cloudapi.Clean(cloudapi.Scrub(s, k.Token, k.SecretKey, k.SecretID), limit)
}

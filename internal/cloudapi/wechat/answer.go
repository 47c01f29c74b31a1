package wechat

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	statusLimit    = 64
	requestIDLimit = 128
)

// read translates a whole answer. What it says of the call comes first, then what it says of the job.
// The content type is never asked: JSON comes as text/plain too.
func read(a cloudapi.Answer, token secret.Text, now time.Time) (job.Observation, error) {
	f, err := cloudapi.ParseFields(a.Body)
	if err != nil {
		return job.Observation{}, a.Garbage("not_json", err.Error())
	}
	code, err := f.Int("errcode")
	if err != nil {
		return job.Observation{}, a.Garbage("bad_field", err.Error())
	}
	errmsg, err := f.String("errmsg")
	if code != nil && *code != 0 {
		return job.Observation{}, failure(*code, errmsg, token) // whatever errmsg is
	}
	if a.Status != http.StatusOK {
		return job.Observation{}, a.Garbage("", "no error in the answer, but in its status")
	}
	if err != nil {
		return job.Observation{}, a.Garbage("bad_field", err.Error())
	}
	seen, err := state(f, token, now)
	if err != nil {
		return job.Observation{}, a.Garbage("bad_field", err.Error())
	}
	_, requestID := splitRequestID(errmsg)
	seen.RequestID = cloudapi.Clean(cloudapi.Scrub(requestID, token), requestIDLimit)
	return seen, nil
}

// state reads the job's fields.
func state(f cloudapi.Fields, token secret.Text, now time.Time) (job.Observation, error) {
	status, err := f.String("status")
	if err != nil {
		return job.Observation{}, err
	}
	status = cloudapi.Clean(cloudapi.Scrub(status, token), statusLimit)
	if status == "" {
		return job.Observation{}, errNoStatus
	}
	succeeded, err := count(f, "record_success")
	if err != nil {
		return job.Observation{}, err
	}
	failed, err := count(f, "record_fail")
	if err != nil {
		return job.Observation{}, err
	}
	message, err := jobText(f)
	if err != nil {
		return job.Observation{}, err
	}
	link, err := f.String("file_url")
	if err != nil {
		return job.Observation{}, err
	}
	return job.Observation{
		Phase: phase(status, failed), Status: status,
		Message:          cloudapi.Clean(cloudapi.Scrub(message, token), cloudapi.TextLimit),
		RecordsSucceeded: succeeded, RecordsFailed: failed,
		File: file(link, now),
	}, nil
}

// phase is contract's: an answer of success with failed records is only partly one.
func phase(status string, failed *int64) job.Phase {
	switch strings.ToLower(status) { // words are compared without regard to case
	case "waiting":
		return job.Pending
	case "reading", "writing", "migrating":
		return job.Running
	case "success":
		if failed != nil && *failed > 0 {
			return job.Partial
		}
		return job.Succeeded
	case "fail":
		return job.Failed
	}
	return job.Unknown
}

// count reads a number of records; a negative one is how some say that they do not know.
func count(f cloudapi.Fields, key string) (*int64, error) {
	n, err := f.Int(key)
	if err != nil || n == nil || *n < 0 {
		return nil, err
	}
	return n, nil
}

// jobText reads the job's own text, which older pages call err_msg. It is no sign of an error.
func jobText(f cloudapi.Fields) (string, error) {
	text, err := f.Text("error_msg")
	if err != nil || text != "" {
		return text, err
	}
	return f.Text("err_msg")
}

// trailer is what may end an errmsg: the call's request ID in one of two forms.
var trailer = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[\s,;]+)(rid|hint)\s*:\s*(?:\[([^\[\]]*)\]|([0-9A-Za-z_-]+))\s*$`)
})

// splitRequestID takes the request ID off the end of an errmsg, so that equal errors compare equal.
func splitRequestID(errmsg string) (message, requestID string) {
	message = strings.TrimSpace(errmsg)
	for range 2 { // a rid and a hint may both be there; the rid is the better one
		m := trailer().FindStringSubmatchIndex(message)
		if m == nil {
			break
		}
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return message[m[2*i]:m[2*i+1]]
		}
		if requestID == "" || strings.EqualFold(part(1), "rid") {
			requestID = strings.TrimSpace(part(2) + part(3))
		}
		message = strings.TrimSpace(message[:m[0]])
	}
	return message, requestID
}

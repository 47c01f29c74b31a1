package dts

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
)

const statusLimit = 64

// reply is the inside of an answer that is no refusal.
type reply struct {
	cloudapi.Fields
	requestID string
	keys      Keys // whose secrets its texts may quote
	answer    cloudapi.Answer
}

// open reads the frame that every answer has. A refusal is a *job.PollError.
func open(a cloudapi.Answer, keys Keys) (reply, error) {
	f, err := cloudapi.ParseFields(a.Body)
	if err != nil {
		return reply{}, a.Garbage("not_json", err.Error())
	}
	r, ok, err := f.Object("Response")
	if err != nil || !ok || len(r) == 0 {
		return reply{}, a.Garbage("no_response", "no Response in the answer, or an empty one")
	}
	requestID, err := r.Text("RequestId")
	if err != nil {
		return reply{}, a.Garbage("bad_field", err.Error())
	}
	requestID = keys.scrubbed(requestID, requestIDLimit)
	if r.Has("Error") {
		return reply{}, refusal(a, r, requestID, keys)
	}
	if a.Status != http.StatusOK {
		return reply{}, a.Garbage("", "no error in the answer, but in its status")
	}
	return reply{r, requestID, keys, a}, nil
}

// refusal reads Response.Error.
func refusal(a cloudapi.Answer, r cloudapi.Fields, requestID string, keys Keys) error {
	f, _, err := r.Object("Error")
	if err != nil {
		return a.Garbage("bad_field", err.Error())
	}
	code, err := f.String("Code")
	code = keys.scrubbed(code, codeLimit)
	if err != nil || code == "" {
		return a.Garbage("bad_field", "an Error without a Code")
	}
	message, _ := f.Text("Message") // the code says enough
	return failure(code, keys.scrubbed(message, cloudapi.TextLimit), requestID)
}

// missing gives what is seen of a job where err says that there is none.
func missing(err error) (job.Observation, bool) {
	var e *job.PollError
	if !errors.As(err, &e) || !isMissing(e.Code) {
		return job.Observation{}, false
	}
	return job.Observation{Phase: job.Missing, Status: e.Code, Message: e.Message, RequestID: e.RequestID}, true
}

// checked reads what came of asking for a check.
func checked(r reply, err error) (job.Observation, error) {
	if err != nil {
		if seen, ok := missing(err); ok {
			return seen, nil
		}
		return job.Observation{}, err
	}
	seen, err := state(r.Fields, r.keys)
	if err != nil {
		return job.Observation{}, r.answer.Garbage("bad_field", err.Error())
	}
	seen.RequestID = r.requestID
	return seen, nil
}

// text reads a text of the upstream, or "" where it cannot be read: nothing depends on it.
func (r reply) text(f cloudapi.Fields, key string) string {
	text, _ := f.Text(key)
	return r.keys.scrubbed(text, cloudapi.TextLimit)
}

// status reads a job's own word, which must be there; a number is its digits.
func (r reply) status(f cloudapi.Fields) (string, error) {
	status, err := f.Text("Status")
	if err != nil {
		return "", err
	}
	if status = r.keys.scrubbed(status, statusLimit); status == "" {
		return "", errors.New("no Status")
	}
	return status, nil
}

// state reads the job's fields. Numbers that make the phase must be readable; Progress need not be.
func state(r cloudapi.Fields, keys Keys) (job.Observation, error) {
	status, err := r.String("Status")
	if err != nil {
		return job.Observation{}, err
	}
	status = keys.scrubbed(status, statusLimit)
	if status == "" {
		return job.Observation{}, errors.New("no Status")
	}
	checkFlag, err := r.Int("CheckFlag")
	if err != nil {
		return job.Observation{}, err
	}
	errorCode, err := r.Int("ErrorCode")
	if err != nil {
		return job.Observation{}, err
	}
	message, err := r.Text("ErrorMessage")
	if err != nil {
		return job.Observation{}, err
	}
	return job.Observation{
		Phase: phase(status, checkFlag, errorCode), Status: status, Progress: progress(r),
		CheckFlag: checkFlag, ErrorCode: errorCode, Message: keys.scrubbed(message, cloudapi.TextLimit),
	}, nil
}

// phase is contract's. Finished says that the check ran, CheckFlag whether it passed: 1 passed, 0 not
// (the English page of 2018 has them the wrong way round; its own examples have not).
func phase(status string, checkFlag, errorCode *int64) job.Phase {
	switch strings.ToLower(status) { // words are compared without regard to case
	case "unavailable", "starting":
		return job.Pending
	case "running":
		return job.Running
	case "finished":
		switch {
		case checkFlag == nil:
		case *checkFlag == 0:
			return job.Failed
		case *checkFlag == 1 && (errorCode == nil || *errorCode == 0):
			return job.Succeeded
		}
	}
	return job.Unknown
}

// progress reads a percentage, as a string or a number, its fraction dropped. What is none, or not
// from 0 to 100, is unknown: nothing depends on it.
func progress(r cloudapi.Fields) *int64 {
	text, err := r.Text("Progress")
	if err != nil {
		return nil
	}
	text = strings.TrimSpace(text)
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return nil // ParseFloat alone would take "NaN", "1e2" and "0x1p4"
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || x > 100 {
		return nil
	}
	n := int64(x)
	return &n
}

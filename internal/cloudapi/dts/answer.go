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

// read translates a whole answer: what it says of the call, then what it says of the job.
func read(a cloudapi.Answer, keys Keys) (job.Seen, error) {
	f, err := cloudapi.ParseFields(a.Body)
	if err != nil {
		return job.Seen{}, a.Garbage("not_json", err.Error())
	}
	r, ok, err := f.Object("Response")
	if err != nil || !ok || len(r) == 0 {
		return job.Seen{}, a.Garbage("no_response", "no Response in the answer, or an empty one")
	}
	requestID, err := r.Text("RequestId")
	if err != nil {
		return job.Seen{}, a.Garbage("bad_field", err.Error())
	}
	requestID = keys.scrubbed(requestID, requestIDLimit)
	if r.Has("Error") {
		return refusal(a, r, requestID, keys)
	}
	if a.Status != http.StatusOK {
		return job.Seen{}, a.Garbage("", "no error in the answer, but in its status")
	}
	seen, err := state(r, keys)
	if err != nil {
		return job.Seen{}, a.Garbage("bad_field", err.Error())
	}
	seen.RequestID = requestID
	return seen, nil
}

// refusal reads Response.Error.
func refusal(a cloudapi.Answer, r cloudapi.Fields, requestID string, keys Keys) (job.Seen, error) {
	f, _, err := r.Object("Error")
	if err != nil {
		return job.Seen{}, a.Garbage("bad_field", err.Error())
	}
	code, err := f.String("Code")
	code = keys.scrubbed(code, codeLimit)
	if err != nil || code == "" {
		return job.Seen{}, a.Garbage("bad_field", "an Error without a Code")
	}
	message, _ := f.Text("Message") // the code says enough
	message = keys.scrubbed(message, cloudapi.TextLimit)
	if isMissing(code) {
		return job.Seen{Phase: job.Missing, Status: code, Message: message, RequestID: requestID}, nil
	}
	return job.Seen{}, failure(code, message, requestID)
}

// state reads the job's fields. Numbers that make the phase must be readable; Progress need not be.
func state(r cloudapi.Fields, keys Keys) (job.Seen, error) {
	status, err := r.String("Status")
	if err != nil {
		return job.Seen{}, err
	}
	status = keys.scrubbed(status, statusLimit)
	if status == "" {
		return job.Seen{}, errors.New("no Status")
	}
	checkFlag, err := r.Int("CheckFlag")
	if err != nil {
		return job.Seen{}, err
	}
	errorCode, err := r.Int("ErrorCode")
	if err != nil {
		return job.Seen{}, err
	}
	message, err := r.Text("ErrorMessage")
	if err != nil {
		return job.Seen{}, err
	}
	return job.Seen{
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

package dts

import (
	"bytes"
	"io"
	"net/http"

	"migwatch/internal/cloudapi"
)

type recordKey struct{}

// record is what came of one call, kept beside the SDK: what the SDK makes of an answer or an error
// has lost the status and may show the body and the URL.
type record struct {
	done   bool
	answer cloudapi.Answer
	err    error
}

// recorder is the transport under the SDK. It sends through ours, keeps the outcome in the call's
// record, and hands the SDK an empty answer that it cannot stumble over.
type recorder struct{ transport *cloudapi.Transport }

var emptyAnswer = []byte("{}")

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	answer, err := r.transport.Send(req)
	if rec, ok := req.Context().Value(recordKey{}).(*record); ok {
		rec.done, rec.answer, rec.err = true, answer, err
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(emptyAnswer)),
		ContentLength: int64(len(emptyAnswer)), Request: req,
	}, nil
}

// response is what the SDK decodes the empty answer into.
type response struct{}

func (*response) ParseErrorFromHTTPResponse([]byte) error { return nil }

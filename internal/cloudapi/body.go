package cloudapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var (
	errTooLarge = errors.New("cloudapi: the body is too large")
	errEncoding = errors.New("cloudapi: the body's compression cannot be read")
)

// readBody reads the whole body, never more than the limit plus a byte of it, before decompression
// and after.
func readBody(resp *http.Response) ([]byte, error) {
	raw, err := readBounded(resp.Body)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding"))) {
	case "", "identity":
		return raw, nil
	case "gzip", "x-gzip":
	default:
		return nil, errEncoding
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errEncoding
	}
	plain, err := readBounded(z)
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, errEncoding
	}
	return plain, err
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, BodyLimit+1))
	if err != nil {
		return nil, err
	}
	if len(b) > BodyLimit {
		return nil, errTooLarge
	}
	return b, nil
}

// toldToWait reads Retry-After: seconds, or an instant, which is counted from the answer's own Date
// so that no clock of ours comes in. 0 where neither can be read.
func toldToWait(h http.Header) time.Duration {
	told := strings.TrimSpace(h.Get(retryAfter))
	if n, err := strconv.ParseInt(told, 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), longestRetry)
	}
	until, err1 := http.ParseTime(told)
	sent, err2 := http.ParseTime(h.Get("Date"))
	if err1 != nil || err2 != nil {
		return 0
	}
	return min(max(until.Sub(sent), 0), longestRetry)
}

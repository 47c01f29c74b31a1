package dts_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"migwatch/internal/cloudapi"
	"migwatch/internal/cloudapi/dts"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

const (
	exampleID  = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
	exampleKey = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
	exampleAt  = 1551113065

	cvmPayload = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	cvmSigned  = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
	dtsPayload = `{"JobId":"dts-dau5czmd"}`
	dtsSigned  = "fd56f684a4ba539bf2f0ad7e5a9f672d3915a771d634b3e28a66799a15df79a1"
)

// The tests' own verifier must know the vectors, or agreeing with it proves nothing.
func TestVectorsInTheVerifier(t *testing.T) {
	if got := tc3(exampleKey, "cvm.tencentcloudapi.com", "cvm", "application/json; charset=utf-8", exampleAt, []byte(cvmPayload)); got != cvmSigned {
		t.Errorf("cvm: %s", got)
	}
	if got := tc3(exampleKey, "dts.tencentcloudapi.com", "dts", "application/json", exampleAt, []byte(dtsPayload)); got != dtsSigned {
		t.Errorf("dts: %s", got)
	}
}

// captured is a transport that keeps what would have been sent.
type captured struct {
	request *http.Request
	payload string
}

func (c *captured) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	c.request, c.payload = r, string(b)
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, err
}

func TestTheSDKSignsTheOfficialVector(t *testing.T) {
	c := &captured{}
	p := profile.NewClientProfile()
	client := (&common.Client{}).Init("").WithProfile(p).WithHttpTransport(c).
		WithCredential(common.NewCredential(exampleID, exampleKey))
	// The payload has blanks and escapes, which no encoder keeps: it goes in as bytes.
	req := &tchttp.BaseRequest{}
	req.Init().WithApiInfo("cvm", "2017-03-12", "DescribeInstances").WithContentType("application/octet-stream")
	req.SetBody([]byte(cvmPayload))
	req.SetHeader(map[string]string{"X-TC-Timestamp": "1551113065", "Content-Type": "application/json; charset=utf-8"})
	if err := client.Send(req, &tchttp.BaseResponse{}); err != nil {
		t.Fatal(err)
	}
	auth := c.request.Header.Get("Authorization")
	if c.payload != cvmPayload || c.request.Host != "cvm.tencentcloudapi.com" || !strings.HasSuffix(auth, "Signature="+cvmSigned) {
		t.Errorf("%s %s\n%s", c.request.Host, auth, c.payload)
	}
}

// The whole way: a poll through a plain-HTTP proxy shows the request as it would arrive at the
// official host, signed at the vector's instant with the vector's keys.
func TestALookSignsTheVectorOnTheWire(t *testing.T) {
	var got *http.Request
	var payload []byte
	proxy, through := wire(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		payload, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"Response":{"Status":"running"}}`)
	})
	defer proxy.Close()
	tr := cloudapi.NewTransport(cloudapi.Options{Proxy: through})
	defer tr.Close()
	c, err := dts.New(dts.Options{
		BaseURL: "http://dts.tencentcloudapi.com", Transport: tr, Now: func() time.Time { return time.Unix(exampleAt, 0) },
		Keys: dts.Static(dts.Keys{SecretID: secret.New(exampleID), SecretKey: secret.New(exampleKey)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Poll(t.Context(), job.Job{Key: aJob}, nil); err != nil {
		t.Fatal(err)
	}
	want := "TC3-HMAC-SHA256 Credential=" + exampleID + "/2019-02-25/dts/tc3_request, SignedHeaders=content-type;host, Signature=" + dtsSigned
	if auth := got.Header.Get("Authorization"); auth != want || string(payload) != dtsPayload || got.Host != "dts.tencentcloudapi.com" {
		t.Errorf("%s\n%s\n%s", got.Host, auth, payload)
	}
}

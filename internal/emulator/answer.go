package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody is how much of a request is read; the real APIs take 10 MB and less, and a poll needs 200 bytes.
const maxBody = 1 << 20

// call is one request on its way to its answer.
type call struct {
	*Arrival
	r        *http.Request
	body     []byte
	inSecond int // arrivals in the second that ends with this one
}

// reply is what a call is answered with. The fault, if any, says how that reaches the client.
type reply struct {
	verdict string
	status  int // 0: 200
	kind    string
	body    []byte
	fault   *Fault
}

// serve notes the arrival, lets judge decide on the answer, and sends it.
func (e *Emulator) serve(w http.ResponseWriter, r *http.Request, a *Arrival, judge func(*call) reply) {
	c := &call{Arrival: a, r: r}
	e.mu.Lock()
	a.RequestID = requestID(a.API, e.unique("request"))
	c.inSecond = e.log.come(a, a.At.Sub(e.start))
	e.mu.Unlock()

	var err error
	c.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	e.mu.Lock()
	var out reply
	if err != nil {
		out = reply{verdict: "request broken off"}
	} else {
		out = judge(c)
		if out.fault != nil {
			out = faulty(c, out)
		}
	}
	e.log.judge(a, strings.Clone(out.verdict))
	e.mu.Unlock()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	e.send(w, r, out)
}

// requestID makes one in the shape of the API.
func requestID(api API, hex string) string {
	if api.ofDTS() {
		return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:32]
	}
	return hex[:8] + "-" + hex[8:16] + "-" + hex[16:24]
}

// faulty turns the faults that are answers of the API into such answers; the others are left to send.
func faulty(c *call, out reply) reply {
	f := out.fault
	switch f.Do {
	case "error":
		out = c.refuse(f.Code, f.Text)
	case "throttle":
		if c.API.ofDTS() {
			out = c.refuse("RequestLimitExceeded", "")
		} else {
			out = c.refuse("45011", "")
		}
	case "missing":
		if c.API.ofDTS() && c.API != DTS { // no error in a list
			return reply{verdict: "ok", kind: jsonKind, body: []byte(jobList(c, nil, 0))}
		}
		if c.API == DTS {
			out = c.refuse("ResourceNotFound.JobNotExist", "")
		} else {
			out = c.refuse("40097", "")
		}
	default:
		out.verdict = f.verdict()
	}
	return out
}

// refuse is the API's own error answer; without a message it gets the API's usual one.
func (c *call) refuse(code, message string) reply {
	if c.API.ofDTS() {
		return dtsError(c, code, message)
	}
	return wechatError(c, code, message)
}

// object is a JSON object whose fields keep their order, as the real answers do.
type object []Field

func (o object) with(name string, value any) object {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // the & of a signed URL stays one
	if err := enc.Encode(value); err != nil {
		panic(err) // texts and numbers only
	}
	return append(o, Field{name, strings.TrimSuffix(out.String(), "\n")})
}

// set lets the script's own fields replace, join or leave out those of o.
func (o object) set(fields []Field) object {
	for _, f := range fields {
		found := false
		for i := range o {
			if o[i].Name == f.Name {
				o[i].Value, found = f.Value, true
			}
		}
		if !found {
			o = append(o, f)
		}
	}
	return o
}

func (o object) json() string {
	var out strings.Builder
	out.WriteByte('{')
	for _, f := range o {
		if f.Value == "none" {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + f.Name + `":` + f.Value)
	}
	out.WriteByte('}')
	return out.String()
}

var errNotObject = errors.New("not a JSON object")

// readObject reads a whole body as one JSON object without reading its values.
func readObject(body []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, errNotObject
	}
	return fields, nil
}

// pause waits for d, and reports whether nobody went meanwhile.
func (e *Emulator) pause(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-e.done:
	}
	return false
}

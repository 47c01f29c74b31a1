package scf

import (
	"encoding/json"
	"net/http"
)

// problem is an RFC 9457 answer of our own, for what never reaches the handler.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

func invalid(detail string) *problem {
	return &problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: detail}
}

func notUTF8(detail string) *problem {
	return &problem{Status: http.StatusUnprocessableEntity, Code: "invalid_request", Detail: detail}
}

func tooMany() *problem { return invalid("there are more than 50 query parameters") }

func tooLong() *problem {
	return &problem{Status: http.StatusRequestURITooLong, Code: "uri_too_long", Detail: "path and query are longer than 8 KiB"}
}

func tooLarge() *problem {
	return &problem{Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large", Detail: "the body is larger than 64 KiB"}
}

func internal(detail string) *problem {
	return &problem{Status: http.StatusInternalServerError, Code: "internal", Detail: detail}
}

// ServeHTTP answers with the problem.
func (p *problem) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	full := *p
	full.Type, full.Title = "about:blank", http.StatusText(p.Status)
	body, _ := json.Marshal(full) // strings and a number always encode
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// controls are the endpoints with which other processes drive and read the emulator:
//
//	GET    /_emulator/arrivals                    the log as NDJSON, oldest first
//	GET    /_emulator/stats                       counts per API and scope
//	GET    /_emulator/secrets                     what must appear nowhere, one a line
//	POST   /_emulator/script                      add jobs; the body is a script
//	POST   /_emulator/fault?api=                  break; the body is a fault such as "hang for 20s"
//	DELETE /_emulator/fault?api=                  heal
func (e *Emulator) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_emulator/arrivals", func(w http.ResponseWriter, _ *http.Request) {
		enc := json.NewEncoder(w)
		for _, a := range e.Arrivals() {
			_ = enc.Encode(a)
		}
	})
	mux.HandleFunc("GET /_emulator/stats", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(e.Counts())
	})
	mux.HandleFunc("GET /_emulator/secrets", func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range e.Secrets() {
			_, _ = io.WriteString(w, s+"\n")
		}
	})
	mux.HandleFunc("POST /_emulator/script", done(func(_ API, body string) error {
		s, err := Parse(body)
		if err == nil {
			e.Add(s)
		}
		return err
	}))
	mux.HandleFunc("POST /_emulator/fault", done(func(api API, body string) error {
		f, err := ParseFault(api, body)
		if err == nil {
			e.Fail(api, "", "", f)
		}
		return err
	}))
	mux.HandleFunc("DELETE /_emulator/fault", done(func(api API, _ string) error {
		e.Heal(api)
		return nil
	}))
	return mux
}

// done does what is asked of an API and answers 204, or 400 with what is wrong.
func done(do func(api API, body string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		api := API(r.URL.Query().Get("api"))
		if err == nil && api != "" && !api.valid() {
			err = errors.New("api is one of wechat, dts, component-token, token-service")
		}
		if err == nil {
			err = do(api, string(body))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

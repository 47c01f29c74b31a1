package emulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// controls are the endpoints with which other processes drive and read the emulator:
//
//	GET    /_emulator/arrivals?after=N&api=&scope=&job_id=   the log as NDJSON, oldest first
//	GET    /_emulator/stats                                  counts per API and scope
//	GET    /_emulator/secrets                                what must appear nowhere, one a line
//	DELETE /_emulator/arrivals                               empty the log and the counts
//	POST   /_emulator/script                                 add jobs; the body is a script
//	POST   /_emulator/fault?api=&scope=&job_id=              break; the body is a fault such as "hang for 20s"
//	DELETE /_emulator/fault?api=                             heal
//	POST   /_emulator/tokens/expire                          end all access tokens
//	POST   /_emulator/credentials                            replace DTS's; a list of {"id","key","token"}
//	POST   /_emulator/ticket?to=URL                          make a verify ticket and push it there
func (e *Emulator) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_emulator/arrivals", e.getArrivals)
	mux.HandleFunc("DELETE /_emulator/arrivals", func(w http.ResponseWriter, _ *http.Request) {
		e.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_emulator/stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonKind)
		_ = json.NewEncoder(w).Encode(e.Counts())
	})
	mux.HandleFunc("GET /_emulator/secrets", func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range e.Secrets() {
			_, _ = io.WriteString(w, s+"\n")
		}
	})
	mux.HandleFunc("POST /_emulator/script", done(e.postScript))
	mux.HandleFunc("POST /_emulator/fault", done(e.postFault))
	mux.HandleFunc("DELETE /_emulator/fault", done(func(r *http.Request, _ []byte) error {
		api, err := apiOf(r)
		e.Heal(api)
		return err
	}))
	mux.HandleFunc("POST /_emulator/tokens/expire", done(func(*http.Request, []byte) error {
		e.ExpireTokens()
		return nil
	}))
	mux.HandleFunc("POST /_emulator/credentials", done(e.postCredentials))
	mux.HandleFunc("POST /_emulator/ticket", done(func(r *http.Request, _ []byte) error {
		client := &http.Client{Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		return e.PostTicket(r.Context(), client, r.URL.Query().Get("to"))
	}))
	return mux
}

// done answers 204, or 400 with what is wrong.
func done(do func(r *http.Request, body []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
		if err == nil {
			err = do(r, body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (e *Emulator) getArrivals(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	after, err := strconv.ParseInt(or(q.Get("after"), "0"), 10, 64)
	if err != nil {
		http.Error(w, "after is not a number", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for _, a := range e.arrivalsAfter(after) {
		if (q.Get("api") == "" || q.Get("api") == string(a.API)) &&
			(q.Get("scope") == "" || q.Get("scope") == a.Scope) && (q.Get("job_id") == "" || q.Get("job_id") == a.ID) {
			_ = enc.Encode(a)
		}
	}
}

func (e *Emulator) postScript(_ *http.Request, body []byte) error {
	s, err := Parse(string(body))
	if err == nil {
		e.Add(s)
	}
	return err
}

func (e *Emulator) postFault(r *http.Request, body []byte) error {
	api, err := apiOf(r)
	if err != nil {
		return err
	}
	f, err := ParseFault(api, string(body))
	if err == nil {
		e.Fail(api, r.URL.Query().Get("scope"), r.URL.Query().Get("job_id"), f)
	}
	return err
}

func apiOf(r *http.Request) (API, error) {
	api := API(r.URL.Query().Get("api"))
	if !api.valid() {
		return api, errors.New("api is one of wechat, dts, component-token, token-service")
	}
	return api, nil
}

func (e *Emulator) postCredentials(_ *http.Request, body []byte) error {
	var list []struct {
		ID    string `json:"id"`
		Key   string `json:"key"`
		Token string `json:"token"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return errors.New(`the body is not a list of {"id","key","token"}`)
	}
	var all []Credential
	for _, c := range list {
		all = append(all, Credential{ID: c.ID, Key: c.Key, Token: c.Token})
	}
	e.SetCredentials(all...)
	return nil
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"migwatch/client"
	"migwatch/internal/app/local"
)

// webhook is the demo's own receiver: who would read its messages prints what comes.
type webhook struct {
	mu  sync.Mutex
	got []hooked
}

// hooked is a message as a webhook gets it.
type hooked struct {
	Type string `json:"type"`
	Data struct {
		client.Event
	} `json:"data"`
}

// ServeHTTP takes a message.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m hooked
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, m)
	w.WriteHeader(http.StatusNoContent)
}

// take gives what came since the last time.
func (h *webhook) take() []hooked {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.got
	h.got = nil
	return got
}

// receive serves the receiver on loopback and gives its address, as MIGWATCH_NOTIFY takes it.
func (d *demo) receive(ctx, serving context.Context, servers *sync.WaitGroup) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: &d.webhook, ReadHeaderTimeout: 5 * time.Second}
	servers.Go(func() { _ = server.Serve(l) })
	servers.Go(func() {
		<-serving.Done()
		_ = server.Close()
	})
	key := make([]byte, 24)
	_, _ = rand.Read(key) // never fails, by its documentation
	return "webhook+" + local.URL(l) + "/?name=demo&secret=whsec_" + url.QueryEscape(base64.StdEncoding.EncodeToString(key)), nil
}

// tellHooked prints what the webhook got.
func (d *demo) tellHooked() {
	for _, m := range d.webhook.take() {
		what := m.Type
		if m.Data.Type == "phase" {
			what += " " + phaseWord(m.Data.Provider, m.Data.To)
		}
		d.line(m.Data.At, m.Data.Key(), dim.of("a webhook was told: "+what, d.colour(d.out)), "")
	}
}

package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"migwatch/internal/cloudapi/wechat/ticket"
	"migwatch/internal/config"
	"migwatch/internal/httpapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// refusal is the one answer to every push that is not to be believed.
var refusal = &httpapi.Problem{Type: "about:blank", Title: http.StatusText(http.StatusForbidden), Status: http.StatusForbidden,
	Detail: "the push is refused", Code: "forbidden"}

// callback receives WeChat's ticket pushes. Whatever was pushed and is authentic is answered with the
// bare word that WeChat waits for.
func (s *Server) callback(a *httpapi.API, settings config.Settings, open func(context.Context) (*store.Store, error)) http.Handler {
	w := settings.WeChat
	receiver, err := ticket.New(w.CallbackToken, w.CallbackAESKeys, w.AppID)
	if err != nil {
		missing := &job.NotReadyError{Reason: err.Error()}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.Fail(w, r, missing) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ticket.BodyLimit))
		if err != nil {
			s.pushes.Add("its body cannot be read")
			a.Fail(w, r, refusal)
			return
		}
		push, err := receiver.Open(r.URL.Query(), body, time.Now())
		var refused *ticket.RefusedError
		if errors.As(err, &refused) {
			s.pushes.Add(refused.Reason)
		}
		if err != nil {
			a.Fail(w, r, refusal)
			return
		}
		if err := s.keep(r.Context(), push, open); err != nil {
			a.Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "success")
	})
}

// keep stores a pushed ticket. Without an encryption key it is not stored, which the log says once:
// WeChat would only repeat itself.
func (s *Server) keep(ctx context.Context, push ticket.Push, open func(context.Context) (*store.Store, error)) error {
	if push.InfoType != ticket.TicketPush {
		return nil
	}
	s.Log.Hide(push.Ticket)
	db, err := open(ctx)
	if err != nil {
		return err
	}
	made := push.CreatedAt
	if made.IsZero() {
		made = time.Now()
	}
	err = db.SaveTicket(ctx, push.Ticket, made)
	if errors.Is(err, secret.ErrNoKey) {
		s.noKey.Do(func() { s.Log.Error("a verify ticket was pushed and not kept", "error", err.Error()) })
		return nil
	}
	return err
}

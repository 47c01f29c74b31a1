package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"html"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"migwatch/internal/sink"
)

const (
	mailSize = 200_000
	mailTime = 15 * time.Second
)

// mail sends a text, as it is and as HTML.
func (c *Client) mail(ctx context.Context, s sink.Sink, text string) error {
	title, _, _ := strings.Cut(text, "\n")
	m := mail.NewMsg()
	if err := errors.Join(m.From(s.Mail.From), m.To(s.Mail.To...)); err != nil {
		return &Error{Class: Gone, Code: "address", Message: "an address of from= or to= cannot be used"}
	}
	m.Subject(cut(title, 200))
	m.SetDateWithValue(c.Now())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office answers
	m.SetBodyString(mail.TypeTextPlain, text)
	m.AddAlternativeString(mail.TypeTextHTML, `<pre style="font-family:inherit;white-space:pre-wrap">`+linked(text)+"</pre>")
	server, err := mailServer(s)
	if err == nil {
		err = server.DialAndSendWithContext(ctx, m)
	}
	if err != nil {
		return mailError(s, err)
	}
	return nil
}

func mailServer(s sink.Sink) (*mail.Client, error) {
	port, err := strconv.Atoi(s.Mail.Port)
	if err != nil {
		return nil, err
	}
	local := s.Mail.IsLocal()
	// What does not leave the machine needs neither TLS nor a certificate that an authority signed.
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(mailTime), mail.WithoutNoop(),
		mail.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Mail.Host, InsecureSkipVerify: local})} //nolint:gosec // on loopback only
	switch {
	case s.Mail.Implicit:
		options = append(options, mail.WithSSL())
	case local:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.Mail.User != "" {
		kind := mail.SMTPAuthAutoDiscover
		if local && !s.Mail.Implicit {
			kind = mail.SMTPAuthPlainNoEnc
		}
		options = append(options, mail.WithSMTPAuth(kind), mail.WithUsername(s.Mail.User), mail.WithPassword(s.Mail.Password.Reveal()))
	}
	return mail.NewClient(s.Mail.Host, options...)
}

// mailError sorts by the server's reply: 5xx is for good, and of those a refused login is about the sink, not the message.
func mailError(s sink.Sink, err error) *Error {
	code := 0
	var reply *textproto.Error
	var refused *mail.SendError
	switch {
	case errors.As(err, &reply):
		code = reply.Code
	case errors.As(err, &refused):
		code = refused.ErrorCode()
	}
	e := &Error{Class: Again, Code: strconv.Itoa(code), Message: hide(s, err.Error())}
	switch {
	case code == 0:
		e.Code = "network"
	case code == 530 || code == 534 || code == 535:
		e.Class = Gone
	case code >= 500:
		e.Class = Refused
	}
	return e
}

// linked is text as HTML, its links to be followed.
func linked(text string) string {
	lines := strings.Split(html.EscapeString(text), "\n")
	for i, one := range lines {
		if strings.HasPrefix(one, "https://") || strings.HasPrefix(one, "http://") {
			lines[i] = `<a href="` + one + `">` + one + `</a>`
		}
	}
	return strings.Join(lines, "\n")
}

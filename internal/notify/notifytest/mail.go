package notifytest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// mailServer takes mail as a relay does that wants a login.
type mailServer struct {
	r       *Receiver
	address string
}

func newMailServer(t testing.TB, r *Receiver) *mailServer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &mailServer{r: r, address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	return s
}

// talk is one session.
func (s *mailServer) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 mail.example ESMTP")
	loggedIn, to := false, 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(word) {
		case "EHLO", "HELO":
			say("250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN")
		case "AUTH":
			_, given, _ := strings.Cut(rest, " ")
			plain, _ := base64.StdEncoding.DecodeString(given)
			if loggedIn = string(plain) == "\x00migwatch\x00"+MailWord; loggedIn {
				say("235 2.7.0 welcome")
			} else {
				say("535 5.7.8 bad credentials")
			}
		case "MAIL":
			to = 0
			say("%s", s.from(loggedIn))
		case "RCPT":
			to++
			say("250 2.1.5 ok")
		case "DATA":
			say("354 go ahead")
			if !s.data(in, to) { // who sent it is gone, and was told nothing
				return
			}
			say("250 2.0.0 taken")
		case "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			say("250 2.0.0 ok")
		}
	}
}

// from answers who wants to send.
func (s *mailServer) from(loggedIn bool) string {
	s.r.tooFast("mail")
	if s.r.Answer != nil {
		if status, text, _ := s.r.Answer("mail"); status != 0 {
			return fmt.Sprint(status, " ", text)
		}
	}
	if !loggedIn {
		return "530 5.7.0 log in first"
	}
	return "250 2.1.0 ok"
}

// data reads one mail and judges it; false where it does not come to its end.
func (s *mailServer) data(in *bufio.Reader, to int) bool {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	m, err := mail.ReadMessage(strings.NewReader(b.String()))
	if err != nil {
		s.r.t.Errorf("mail: %v", err)
		return true
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || to != 2 || m.Header.Get("From") == "" || m.Header.Get("Date") == "" || m.Header.Get("Message-Id") == "" {
		s.r.t.Errorf("mail to %d: %v, %v", to, m.Header, err)
	}
	_, parameters, _ := mime.ParseMediaType(m.Header.Get("Content-Type"))
	parts := multipart.NewReader(m.Body, parameters["boundary"])
	body := map[string]any{"subject": subject}
	for {
		p, err := parts.NextRawPart()
		if err != nil {
			break
		}
		text, _ := io.ReadAll(quotedprintable.NewReader(p))
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		body[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	plain, _ := body["text/plain"].(string)
	if page, _ := body["text/html"].(string); plain == "" || !strings.HasPrefix(page, "<pre") {
		s.r.t.Errorf("mail without both parts: %v", body)
	}
	s.r.take(Got{"mail", s.r.Now(), "", plain, body})
	return true
}

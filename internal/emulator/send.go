package emulator

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errorPage is what a gateway in front of an API answers for it.
const errorPage = "<html>\r\n<head><title>%s</title></head>\r\n<body bgcolor=\"white\">\r\n<center><h1>%s</h1></center>\r\n<hr><center>stgw</center>\r\n</body>\r\n</html>\r\n"

// send writes the answer, spoilt as its fault says.
func (e *Emulator) send(w http.ResponseWriter, r *http.Request, out reply) {
	f := out.fault
	if f == nil {
		write(w, out)
		return
	}
	switch f.Do {
	case "http":
		writePage(w, f)
	case "body":
		out.body = []byte(f.Text)
		write(w, out)
	case "empty":
		out.body = nil
		write(w, out)
	case "null":
		out.body = []byte("null")
		write(w, out)
	case "bom":
		out.body = append([]byte("\xef\xbb\xbf"), out.body...)
		write(w, out)
	case "truncated":
		out.body = out.body[:min(f.N, len(out.body))]
		write(w, out)
	case "deep":
		n := or(f.N, 100_000)
		out.body = []byte(`{"Response":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
		write(w, out)
	case "redirect":
		w.Header().Set("Location", or(f.Text, "http://elsewhere.invalid/"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		e.sendBroken(w, r, out)
	}
}

// sendBroken does what goes on below HTTP or takes time.
func (e *Emulator) sendBroken(w http.ResponseWriter, r *http.Request, out reply) {
	f := out.fault
	switch f.Do {
	case "hang":
		select {
		case <-r.Context().Done():
		case <-e.done:
		}
		panic(http.ErrAbortHandler)
	case "delay":
		if !e.pause(r, f.Wait) {
			panic(http.ErrAbortHandler)
		}
		write(w, out)
	case "drip":
		e.drip(w, r, out, or(f.Wait, 100*time.Millisecond))
	case "reset":
		reset(w)
	case "cut":
		head(w, out, len(out.body))
		_, _ = w.Write(out.body[:min(f.N, len(out.body))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "gzip-bomb":
		w.Header().Set("Content-Encoding", "gzip")
		out.body = bomb(out.body, or(f.N, 64))
		write(w, out)
	case "endless":
		w.Header().Set("Content-Type", out.kind)
		blanks := bytes.Repeat([]byte(" "), 32<<10)
		for r.Context().Err() == nil {
			if _, err := w.Write(blanks); err != nil {
				return
			}
			select {
			case <-e.done:
				return
			default:
			}
		}
	default:
		write(w, out)
	}
}

func head(w http.ResponseWriter, out reply, length int) {
	if out.kind != "" {
		w.Header().Set("Content-Type", out.kind)
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(or(out.status, http.StatusOK))
}

func write(w http.ResponseWriter, out reply) {
	head(w, out, len(out.body))
	_, _ = w.Write(out.body) // the client may be gone; the log has the verdict
}

func writePage(w http.ResponseWriter, f *Fault) {
	title := strconv.Itoa(f.N) + " " + http.StatusText(f.N)
	out := reply{status: f.N, kind: "text/plain; charset=utf-8", body: []byte(f.Text)}
	if f.HTML {
		out.kind, out.body = "text/html", []byte(strings.ReplaceAll(errorPage, "%s", title))
	}
	if f.N == http.StatusNoContent || f.N == http.StatusNotModified {
		w.WriteHeader(f.N)
		return
	}
	write(w, out)
}

func (e *Emulator) drip(w http.ResponseWriter, r *http.Request, out reply, wait time.Duration) {
	head(w, out, len(out.body))
	flush := http.NewResponseController(w)
	for i := range out.body {
		if _, err := w.Write(out.body[i : i+1]); err != nil || flush.Flush() != nil {
			return
		}
		if !e.pause(r, wait) {
			panic(http.ErrAbortHandler)
		}
	}
}

// reset ends the connection with a TCP reset where there is one to end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// bomb packs n MiB of blanks and then body. Members of one gzip stream join on unpacking, so one packed
// MiB serves for all. Blanks are valid JSON: a client without a limit would take the answer for good.
func bomb(body []byte, n int) []byte {
	mib := pack(bytes.Repeat([]byte(" "), 1<<20))
	return append(bytes.Repeat(mib, min(n, 4096)), pack(body)...)
}

func pack(data []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.Copy(z, bytes.NewReader(data))
	_ = z.Close()
	return out.Bytes()
}

// or is v, or instead where v is zero.
func or[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

package coldstart

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"migwatch/internal/dbtest"
)

// BenchmarkIdleTick calls a warm poll function that finds nothing due: what a quiet minute costs.
func BenchmarkIdleTick(b *testing.B) {
	poll := binaries(b)["poll"]
	b.Run("sqlite", func(b *testing.B) { idle(b, poll, database(b), nil) })
	b.Run("postgres", func(b *testing.B) {
		server := dbtest.Postgres(b)
		url := server.URL(server.Database(b))
		migrate(b, url)
		p := newProxy(b, url)
		idle(b, poll, map[string]string{"MIGWATCH_DATABASE_URL": p.url, "MIGWATCH_LOG_LEVEL": "error"}, p)
	})
}

func idle(b *testing.B, poll string, env map[string]string, p *proxy) {
	i, err := launch(poll)
	if err != nil {
		b.Fatal(err)
	}
	defer i.stop()
	for range 3 { // connections are open and statements known
		if _, err := i.invoke(timer, env); err != nil {
			b.Fatal(err)
		}
	}
	before, trips := cpu(b, i.cmd.Process.Pid), int64(0)
	if p != nil {
		trips = p.trips.Load()
	}
	var last []byte
	var took []float64
	for b.Loop() {
		begun := time.Now()
		if last, err = i.invoke(timer, env); err != nil {
			b.Fatal(err)
		}
		took = append(took, ms(time.Since(begun)))
	}
	var report struct{ Claimed *int64 }
	if err := json.Unmarshal(last, &report); err != nil || report.Claimed == nil || *report.Claimed != 0 {
		b.Fatalf("not an idle tick: %s", last)
	}
	b.ReportMetric(ms(cpu(b, i.cmd.Process.Pid)-before)/float64(b.N), "cpu-ms/tick")
	b.ReportMetric(median(took), "ms/tick")
	if p != nil {
		b.ReportMetric(float64(p.trips.Load()-trips)/float64(b.N), "round-trips/tick")
	}
}

// proxy stands between the function and its database and counts how often the function asked and then
// had to wait.
type proxy struct {
	url   string
	trips atomic.Int64
}

func newProxy(b *testing.B, url string) *proxy {
	b.Helper()
	at := strings.LastIndex(url, "@") + 1
	end := at + strings.IndexByte(url[at:], '/')
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	p := &proxy{url: url[:at] + l.Addr().String() + url[end:]}
	var open sync.WaitGroup
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", url[at:end])
			if err != nil {
				_ = client.Close()
				return
			}
			open.Go(func() { p.carry(client, server) })
		}
	}()
	return p
}

// carry moves bytes both ways. A trip begins with the first bytes to the server after some from it.
func (p *proxy) carry(client, server net.Conn) {
	var asked atomic.Bool
	go func() {
		defer client.Close()
		_, _ = io.Copy(client, readerFunc(func(buf []byte) (int, error) {
			n, err := server.Read(buf)
			asked.Store(false)
			return n, err
		}))
	}()
	defer server.Close()
	_, _ = io.Copy(server, readerFunc(func(buf []byte) (int, error) {
		n, err := client.Read(buf)
		if n > 0 && !asked.Swap(true) {
			p.trips.Add(1)
		}
		return n, err
	}))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

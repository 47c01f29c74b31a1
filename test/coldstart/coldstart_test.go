package coldstart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"migwatch/internal/secret"
	"migwatch/internal/store"
)

const (
	root  = "../.."
	timer = `{"Type":"Timer","TriggerName":"every-minute","Time":"2026-01-02T03:04:00Z","Message":"tick"}`
	get   = `{"httpMethod":"GET","path":"%s","queryString":{},"headers":{"host":"example.com","authorization":"Bearer ` + key + `"},"body":""}`
	key   = "a-read-key-for-the-benchmark"
)

// binaries are the functions as they are deployed, and the one that does nothing, built the same way.
func binaries(b *testing.B) map[string]string {
	b.Helper()
	out := b.TempDir()
	bare := filepath.Join(out, "bare")
	for _, args := range [][]string{
		{"run", "./scripts/package", "-stamp=false", "-o", out},
		{"build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", bare, "./test/coldstart/testdata/bare"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("go %v: %v\n%s", args, err, text)
		}
	}
	return map[string]string{"bare": bare, "poll": filepath.Join(out, "function", "poll"), "query": filepath.Join(out, "function", "query")}
}

// database is a fresh, migrated SQLite file, in memory where there is such a file system: the disk's
// fsync is not what is measured here.
func database(b *testing.B) map[string]string {
	b.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "coldstart")
	if err != nil {
		folder = b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(folder) })
	url := "sqlite:" + filepath.Join(folder, "migwatch.db")
	migrate(b, url)
	return map[string]string{"MIGWATCH_DATABASE_URL": url, "MIGWATCH_READ_KEYS": key, "MIGWATCH_LOG_LEVEL": "error"}
}

func migrate(b *testing.B, url string) {
	b.Helper()
	s, err := store.Open(secret.New(url), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Migrate(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// starts are what a cold instance may be asked first.
var starts = []struct{ name, binary, event string }{
	{"bare", "bare", timer},
	{"poll", "poll", timer}, // a whole idle tick over SQLite
	{"query-health", "query", fmt.Sprintf(get, "/healthz")},
	{"query-jobs", "query", fmt.Sprintf(get, "/v1/jobs")}, // opens the database
}

// BenchmarkColdStart starts each in turn. All figures are medians, in milliseconds and MB.
func BenchmarkColdStart(b *testing.B) {
	files := binaries(b)
	env := database(b)
	for _, c := range []struct {
		name  string
		evict bool
	}{{"cached", false}, {"evicted", true}} {
		b.Run(c.name, func(b *testing.B) {
			listen, answer := map[string][]float64{}, map[string][]float64{}
			ran, memory := map[string][]float64{}, map[string][]float64{}
			for b.Loop() {
				for _, s := range starts {
					if c.evict {
						evict(b, files[s.binary])
					}
					i, err := launch(files[s.binary])
					if err != nil {
						b.Fatalf("%s: %v", s.name, err)
					}
					if _, err := i.invoke(s.event, env); err != nil {
						i.stop()
						b.Fatalf("%s: %v", s.name, err)
					}
					answer[s.name] = append(answer[s.name], ms(time.Since(i.begun)))
					listen[s.name] = append(listen[s.name], ms(i.listen))
					ran[s.name] = append(ran[s.name], ms(cpu(b, i.cmd.Process.Pid)))
					memory[s.name] = append(memory[s.name], resident(b, i.cmd.Process.Pid))
					i.stop()
				}
			}
			b.ReportMetric(0, "ns/op") // of four starts together: says nothing
			for _, s := range starts {
				b.ReportMetric(median(listen[s.name]), s.name+"-listen-ms")
				b.ReportMetric(median(answer[s.name]), s.name+"-answer-ms")
				b.ReportMetric(median(ran[s.name]), s.name+"-cpu-ms") // on both cores; hardly moved by what else runs
				b.ReportMetric(median(memory[s.name]), s.name+"-MB")
				if s.name != "bare" {
					b.ReportMetric(median(answer[s.name])-median(answer["bare"]), s.name+"-over-bare-ms")
				}
			}
		})
	}
}

// BenchmarkSize reports what a cold start has to read, in MiB.
func BenchmarkSize(b *testing.B) {
	files := binaries(b)
	files["zip"] = filepath.Join(filepath.Dir(files["bare"]), "migwatch.zip")
	for b.Loop() {
		for name, file := range files {
			info, err := os.Stat(file)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/(1<<20), name+"-MiB")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	if len(list) == 0 {
		return 0
	}
	return list[len(list)/2]
}

package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// watched is what a watcher of the demo has seen of one job.
type watched struct {
	changes   int // in the first minute
	later     int // after two minutes
	much      int // after an hour, in ten minutes
	ends      map[string]bool
	last      State
	fault     string // the last one
	throttled bool
}

// watch polls every job of the demo every three seconds, for ten minutes and again after an hour.
func watch(s Script) map[string]*watched {
	seen := map[string]*watched{}
	stage := newStage()
	stage.add(s, noon)
	for at := time.Duration(0); at <= 70*time.Minute; at += 3 * time.Second {
		if at == 10*time.Minute {
			at = time.Hour
		}
		for _, j := range s.Jobs() {
			name := string(j.API) + " " + j.ID
			w := seen[name]
			if w == nil {
				w = &watched{ends: map[string]bool{}}
				seen[name] = w
			}
			state, fault := stage.job(place{j.API, j.Scope, j.ID}, noon.Add(at)).at(noon.Add(at))
			w.fault = ""
			if fault != nil {
				w.fault = fault.Do
				w.throttled = w.throttled || fault.Do == "throttle"
				w.ends[end(name, w)] = true
				continue
			}
			if fmt.Sprint(state) != fmt.Sprint(w.last) {
				if at > 0 && at <= time.Minute {
					w.changes++
				}
				if at >= time.Hour {
					w.much++
				} else if at >= 2*time.Minute {
					w.later++
				}
			}
			w.last = state
			w.ends[end(name, w)] = true
		}
	}
	return seen
}

func TestDemo(t *testing.T) {
	jobs := Demo().Jobs()
	scopes := map[API]map[string]bool{DTS: {}, WeChat: {}, DTSMigration: {}, DTSSync: {}}
	for _, j := range jobs {
		scopes[j.API][j.Scope] = true
		if j.Label == "" {
			t.Errorf("%s has no label", j.ID)
		}
	}
	if len(jobs) < 12 || len(jobs) > 20 || len(scopes[DTS]) < 2 || len(scopes[DTS]) > 3 || len(scopes[WeChat]) != 2 {
		t.Errorf("%d jobs in %v", len(jobs), scopes)
	}
	ends := map[string]int{}
	moved, later := 0, 0
	for name, w := range watch(Demo()) {
		moved += min(w.changes, 1)
		later += w.later
		for e := range w.ends {
			ends[e]++
		}
		if w.much < 3 && !w.ends["dts missing"] {
			t.Errorf("%s stands still after an hour", name)
		}
		if w.throttled {
			ends["throttled on the way"]++
		}
	}
	for _, want := range []string{"dts passed", "dts failed", "dts failed in Chinese", "dts missing", "dts running", "throttled on the way",
		"dts-migration created", "dts-migration checkPass", "dts-migration readyComplete", "dts-migration success", "dts-migration resumableErr", "dts-sync Running", "dts-sync Paused",
		"wechat success", "wechat partial", "wechat fail", "wechat file"} {
		if ends[want] == 0 {
			t.Errorf("no job is ever %s: %v", want, ends)
		}
	}
	if moved < len(jobs)*3/4 || later < 15 {
		t.Errorf("%d of %d jobs move in the first minute, %d changes after two minutes", moved, len(jobs), later)
	}
	if !strings.Contains(demo, "pausing") {
		t.Error("no status that is in no document")
	}
}

// end tells how a job of the demo stands.
func end(name string, w *watched) string {
	api, _, _ := strings.Cut(name, " ")
	_, failed, _ := strings.Cut(w.last.Records, "/")
	switch {
	case w.fault == "missing":
		return api + " missing"
	case api == "dts" && w.last.Status != "finished":
		return api + " " + w.last.Status
	case api == "dts" && len(w.last.Set) == 0:
		return "dts passed"
	case api == "dts" && w.last.Message[0] > 127:
		return "dts failed in Chinese"
	case api == "dts":
		return "dts failed"
	case api == "wechat" && w.last.Status == "success" && failed != "0":
		return "wechat partial"
	case w.last.File && strings.Contains(name, "100072240"):
		return "wechat file"
	}
	return api + " " + w.last.Status
}

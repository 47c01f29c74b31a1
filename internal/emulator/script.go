package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// API names one of the emulated endpoints, in scripts, logs and calls alike.
type API string

// The emulated endpoints.
const (
	WeChat         API = "wechat"        // POST /componenttcb/dbmigrationstate
	DTS            API = "dts"           // POST / with X-TC-Action: DescribeMigrateCheckJob
	DTSMigration   API = "dts-migration" // … DescribeMigrationJobs
	DTSSync        API = "dts-sync"      // … DescribeSyncJobs
	dtsDetail      API = "dts-migration-detail"
	dtsNewCheck    API = "dts-migration-check"
	dtsOld         API = "dts-migration-2018" // … DescribeMigrateJobs, which lists the migrations whose status is a number
	ComponentToken API = "component-token"    // POST /cgi-bin/component/api_component_token
	TokenService   API = "token-service"      // GET /token, somebody's own service that hands out tokens
)

// other is how the log names what came for none of them.
const other API = "other"

func (a API) valid() bool {
	return a == WeChat || a == ComponentToken || a == TokenService || a.ofDTS()
}

// ofDTS reports whether a is one of DTS's actions. Each has a limit of its own in each region.
func (a API) ofDTS() bool { return strings.HasPrefix(string(a), string(DTS)) }

// Script says what the upstreams do, and when. Parse reads one, String prints it.
type Script struct{ Blocks []Block }

// Block is one job's story, many jobs' same story (Count > 0), or the troubles of a whole API (ID "").
type Block struct {
	API       API
	Scope     string // environment ID or region; "" in the block of an API: all of them
	ID        string // with Count > 0 it holds one %d or %0Nd that stands for 1…Count
	Count     int
	Kind      string        // WeChat: "export", "import" or ""
	FromStart bool          // times count from the emulator's start, not from the job's first poll; always so for an API
	Label     string        // for people
	Steps     []Step        // in the order of their times
	Repeat    time.Duration // begin again after this; 0: never
}

// Step is what begins at a time: a state, which lasts until the next state, or a fault, which lays itself
// over the state until the next step, for a while (Fault.For) or for some polls (Fault.Times).
type Step struct {
	At    time.Duration
	State *State // one of the two is set
	Fault *Fault
}

// State is what a successful poll answers. What is not said here gets the value the real API would
// most likely give: see Parse.
type State struct {
	Status  string
	Percent string  // DTS: digits of Progress; "" is 100 when finished, empty otherwise; of a migration how far its loader is
	Records string  // WeChat: "succeeded/failed"; "" is "0/0"
	Message string  // ErrorMessage, error_msg; BriefMsg of a migration, ErrInfo of a sync
	File    bool    // WeChat: a file_url, signed anew for every poll
	Set     []Field // raw fields that replace or join the others
}

// Field is one field of an answer as raw JSON; the value "none" leaves it out.
type Field struct{ Name, Value string }

// Job is one watched-to-be job of a script.
type Job struct {
	API   API
	Scope string
	ID    string
	Label string
}

// Jobs lists all jobs of s in their order, bulk rules written out.
func (s Script) Jobs() []Job {
	var jobs []Job
	for _, b := range s.Blocks {
		switch {
		case b.ID == "":
		case b.Count == 0:
			jobs = append(jobs, Job{b.API, b.Scope, b.ID, b.Label})
		default:
			p, _ := patternOf(b.ID)
			for n := 1; n <= b.Count; n++ {
				jobs = append(jobs, Job{b.API, b.Scope, p.id(n), b.Label})
			}
		}
	}
	return jobs
}

// shortNames are the words scripts use for some fields of DTS.
var shortNames = map[string]string{"check": "CheckFlag", "code": "ErrorCode", "lag": "SecondsBehindMaster", "behind": "MasterSlaveDistance"}

// plainWord reports whether s can stand in a script unquoted wherever a word is expected.
func plainWord(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-_.", rune(c)) {
			return false
		}
	}
	return s != ""
}

// pattern is the ID of a bulk rule, cut at its number.
type pattern struct {
	before, after string
	width         int // of %0Nd
}

func patternOf(id string) (pattern, bool) {
	before, rest, found := strings.Cut(id, "%")
	digits, after, ends := strings.Cut(rest, "d")
	if !found || !ends || strings.Contains(after, "%") {
		return pattern{}, false
	}
	p := pattern{before: before, after: after}
	if digits == "" {
		return p, true
	}
	if len(digits) != 2 || digits[0] != '0' || digits[1] < '1' || digits[1] > '9' {
		return pattern{}, false
	}
	p.width = int(digits[1] - '0')
	return p, true
}

func (p pattern) id(n int) string {
	return fmt.Sprintf("%s%0*d%s", p.before, p.width, n, p.after)
}

// number gives the number in id, if p makes id for one from 1 to most.
func (p pattern) number(id string, most int) (int, bool) {
	middle, ok := strings.CutPrefix(id, p.before)
	if !ok {
		return 0, false
	}
	if middle, ok = strings.CutSuffix(middle, p.after); !ok {
		return 0, false
	}
	n, err := strconv.Atoi(middle)
	if err != nil || n < 1 || n > most || p.id(n) != id {
		return 0, false
	}
	return n, true
}

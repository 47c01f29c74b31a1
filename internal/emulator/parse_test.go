package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const example = `
# Everything that may be said.
dts ap-shanghai dts-1kl0iy0v "orders" start
  0s starting
  5s running 10% # not yet
  15s throttle for 20s
  20s error FailedOperation "no \"way\"" times 2
  40s finished check=0 code=-1 "The database table you selected does not exist."
  50s finished check=none Progress="1 0" Extra={"a":[1,2]}
  1m hang
  1m5s "null" "a status that is a fault's name"
  repeat every 2m

wechat test2-4a89da 100071736 export
	0s waiting
	9s success 3000/0 "导出完成." file err_msg="x"
	12s http 500 html
	13s http 502 "bad"
	14s body "{\"errcode\":\xff"
	15s truncated 0
	16s cut 20 for 1s times 3
	17s drip 10ms
	18s delay 5s
	19s gzip-bomb
	20s gzip-bomb 8
	21s deep 10
	22s redirect "http://127.0.0.1:1/"
	23s missing
	24s error -1

dts ap-guangzhou dts-load-%05d x 10000
wechat test2-4a89da 9%04d x 500 import
  0s writing 1/2

api wechat
  30s error 45011 "slow" for 10s
api dts ap-shanghai-fsi
  0s empty
  1s null
  2s reset
  3s bom
  4s endless
api component-token
  0s error 48001 times 1
`

func TestParse(t *testing.T) {
	s := script(t, example)
	if n := len(s.Blocks); n != 7 {
		t.Fatalf("%d blocks, want 7", n)
	}
	want := Block{
		API: DTS, Scope: "ap-shanghai", ID: "dts-1kl0iy0v", Label: "orders", FromStart: true, Repeat: 2 * time.Minute,
		Steps: []Step{
			{At: 0, State: &State{Status: "starting"}},
			{At: 5 * time.Second, State: &State{Status: "running", Percent: "10"}},
			{At: 15 * time.Second, Fault: &Fault{Do: "throttle", For: 20 * time.Second}},
			{At: 20 * time.Second, Fault: &Fault{Do: "error", Code: "FailedOperation", Text: `no "way"`, Times: 2}},
			{At: 40 * time.Second, State: &State{Status: "finished", Message: "The database table you selected does not exist.",
				Set: []Field{{"CheckFlag", "0"}, {"ErrorCode", "-1"}}}},
			{At: 50 * time.Second, State: &State{Status: "finished",
				Set: []Field{{"CheckFlag", "none"}, {"Progress", `"1 0"`}, {"Extra", `{"a":[1,2]}`}}}},
			{At: time.Minute, Fault: &Fault{Do: "hang"}},
			{At: 65 * time.Second, State: &State{Status: "null", Message: "a status that is a fault's name"}},
		},
	}
	if diff := cmp.Diff(want, s.Blocks[0]); diff != "" {
		t.Error(diff)
	}
	wechat := s.Blocks[1].Steps
	if diff := cmp.Diff(State{Status: "success", Records: "3000/0", Message: "导出完成.", File: true, Set: []Field{{"err_msg", `"x"`}}}, *wechat[1].State); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Fault{Do: "cut", N: 20, For: time.Second, Times: 3}, *wechat[6].Fault); diff != "" {
		t.Error(diff)
	}
	if n := len(s.Jobs()); n != 2+10000+500 {
		t.Errorf("%d jobs", n)
	}
	if last := s.Jobs()[10001]; last.ID != "dts-load-10000" {
		t.Errorf("the last bulk job is %+v", last)
	}
}

const aDTSJob, aWeChatJob = "dts ap-shanghai dts-1\n", "wechat env1 7\n"

var syntaxErrors = map[string]struct {
	text string
	line int
	word string // that the error names
}{
	"no header":           {"\n0s starting", 2, "0s"},
	"unknown header":      {"mysql a b", 1, "mysql"},
	"quoted header":       {`"dts" ap-shanghai dts-1`, 1, "dts"},
	"no ID":               {"dts ap-shanghai", 1, "SCOPE ID"},
	"wrong region":        {"dts shanghai dts-1", 1, "shanghai"},
	"wrong environment":   {"wechat a_b 7", 1, "a_b"},
	"wrong DTS ID":        {"dts ap-shanghai a/b", 1, "a/b"},
	"wrong WeChat ID":     {"wechat env1 007", 1, "007"},
	"ID beyond 64 bits":   {"wechat env1 9223372036854775808", 1, "9223"},
	"zero bulk ID":        {"wechat env1 %04d x 5", 1, "%04d"},
	"bulk without count":  {"dts ap-shanghai dts-%d", 1, "count"},
	"count without bulk":  {"dts ap-shanghai dts-1 x 5", 1, "count"},
	"two numbers in bulk": {"dts ap-shanghai dts-%d-%d x 5", 1, "count"},
	"wrong verb in bulk":  {"dts ap-shanghai dts-%5d x 5", 1, "count"},
	"count of zero":       {"dts ap-shanghai dts-%d x 0", 1, `"0"`},
	"named twice":         {aDTSJob + "  0s starting\n" + aDTSJob, 3, "line 1"},
	"kind on DTS":         {"dts ap-shanghai dts-1 export", 1, "export"},
	"unknown API":         {"api mysql", 1, "wechat|dts"},
	"scope of a token":    {"api component-token x", 1, "no scopes"},
	"state of an API":     {"api wechat\n0s waiting", 2, "waiting"},
	"wrong time":          {aDTSJob + "5 starting", 2, `"5"`},
	"negative time":       {aDTSJob + "-5s starting", 2, "-5s"},
	"time goes back":      {aDTSJob + "5s starting\n4s running", 3, "5s"},
	"nothing happens":     {aDTSJob + "5s", 2, "5s"},
	"quote without end":   {aDTSJob + `5s running "x`, 2, "quoted"},
	"no blank behind":     {aDTSJob + `5s running "x"y`, 2, "blank"},
	"two messages":        {aDTSJob + `5s running "x" "y"`, 2, "y"},
	"records on DTS":      {aDTSJob + "5s running 1/2", 2, "1/2"},
	"percent on WeChat":   {aWeChatJob + "5s reading 5%", 2, "5%"},
	"file on DTS":         {aDTSJob + "5s finished file", 2, "file"},
	"file of an import":   {"wechat env1 7 import\n5s success file", 2, "file"},
	"field not JSON":      {aDTSJob + "5s finished check=yes", 2, "check=yes"},
	"unquoted status":     {aDTSJob + "5s läuft", 2, "läuft"},
	"error without code":  {aDTSJob + "5s error", 2, "error"},
	"errcode not number":  {aWeChatJob + "5s error InternalError", 2, "InternalError"},
	"status out of range": {aDTSJob + "5s http 99", 2, "99"},
	"body without text":   {aDTSJob + "5s body", 2, "body"},
	"delay without time":  {aDTSJob + "5s delay for 5s", 2, "delay"},
	"modifier alone":      {aDTSJob + "5s hang for", 2, "for"},
	"for no time":         {aDTSJob + "5s hang for 0s", 2, "no time"},
	"twice the modifier":  {aDTSJob + "5s hang for 1s for 2s", 2, "for"},
	"repeat what":         {aDTSJob + "repeat 2m", 2, "repeat every"},
	"repeat too early":    {aDTSJob + "5s running\nrepeat every 5s", 3, "5s"},
	"step after repeat":   {aDTSJob + "repeat every 5s\n6s running", 3, "6s"},
}

func TestSyntaxErrors(t *testing.T) {
	for name, test := range syntaxErrors {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(test.text)
			syntax, ok := err.(*SyntaxError)
			if !ok {
				t.Fatalf("parsed as %+v", s)
			}
			if syntax.Line != test.line || !strings.Contains(syntax.Reason, test.word) {
				t.Errorf("%v; want line %d and %q", err, test.line, test.word)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add(demo)
	f.Add("dts ap-shanghai dts-1\n 0s \"\" \"\\x00\" A=\"\\u0000 b\"\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		for _, b := range s.Blocks { // whatever was read can be played
			if b.API == "" || len(b.Steps) > 0 && b.Steps[0].At < 0 {
				t.Fatalf("%+v", b)
			}
		}
	})
}

func FuzzParseFault(f *testing.F) {
	for _, seed := range []string{"hang", "error 40001 \"x\" times 3", "http 500 html for 20s", "cut 0", "delay 5s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if fault, err := ParseFault(DTS, text); err == nil && !faultWords[fault.Do] {
			t.Fatalf("%q is read as %+v", text, fault)
		}
	})
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"migwatch/client"
	"migwatch/internal/job"
)

// written is a record as a test writes it down.
func written(records []record) []string {
	var all []string
	for _, r := range records {
		s := r.key.String()
		if r.label != nil {
			s += " label=" + *r.label
		}
		if r.paused != nil && *r.paused {
			s += " paused"
		} else if r.paused != nil {
			s += " resumed"
		}
		all = append(all, s)
	}
	return all
}

func TestReadRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []string
		bad  []string
	}{
		"empty":            {in: ""},
		"comments only":    {in: "# nothing\n\n"},
		"lines":            {in: "dts/ap-x/a\r\n  wechat/e/5 \t the label \n", want: []string{"dts/ap-x/a", "wechat/e/5 label=the label"}},
		"byte order mark":  {in: "\ufeffdts/ap-x/a", want: []string{"dts/ap-x/a"}},
		"csv, full width":  {in: "provider,scope,job_id,label,paused\ndts,ap-x,a,'＝1,\ndts,ap-x,b,＝1,\ndts,ap-x,c,'中,\n", want: []string{"dts/ap-x/a label=＝1", "dts/ap-x/b label=＝1", "dts/ap-x/c label='中"}},
		"csv":              {in: "provider,scope,job_id,label,paused\ndts,ap-x,a,'=1,TRUE\nwechat,e,5,\"a,b\",\n", want: []string{"dts/ap-x/a label==1 paused", "wechat/e/5 label=a,b"}},
		"csv of keys":      {in: "key\ndts/ap-x/a\n", want: []string{"dts/ap-x/a"}},
		"csv headless":     {in: "dts,ap-x,a\nwechat,e,5,l,false", want: []string{"dts/ap-x/a", "wechat/e/5 label=l resumed"}},
		"csv other order":  {in: "Job_ID, Scope,Provider,note\na,ap-x,dts,hm\n", want: []string{"dts/ap-x/a"}},
		"ndjson":           {in: "{\"provider\":\"wechat\",\"scope\":\"e\",\"job_id\":5,\"phase\":\"failed\"}\n\n{\"key\":\"dts/ap-x/a\",\"label\":\"\"}\n", want: []string{"wechat/e/5", "dts/ap-x/a label="}},
		"array":            {in: `[{"provider":"dts","scope":"ap-x","job_id":"a","paused":true}]`, want: []string{"dts/ap-x/a paused"}},
		"label with comma": {in: "dts/ap-x/a one, two\n", want: []string{"dts/ap-x/a label=one, two"}},
		"bad lines":        {in: "dts/ap-x\n\ndts/ap-x/a b\nx", bad: []string{"f:1: ", "f:4: "}},
		"bad csv":          {in: "dts,ap-x,a,l,perhaps\ndts,x,a\n", bad: []string{`f:1: paused is "perhaps"`, "f:2: scope"}},
		"broken csv":       {in: "dts,ap-x,\"a\n", bad: []string{"f:"}},
		"bad json":         {in: "{\"key\":\"dts/ap-x/a\"}\n{nonsense\n{\"key\":5.5}\n{\"provider\":\"dts\",\"scope\":\"ap-x\",\"job_id\":1.5}", bad: []string{"f:2: "}},
		"bad objects":      {in: "{\"key\":\"dts/ap-x/a\"}\n{\"key\":5.5}\n{\"provider\":\"dts\",\"scope\":\"ap-x\",\"job_id\":1.5}", bad: []string{"f:2: ", "f:3: "}},
		"no list":          {in: "[1", bad: []string{"f:1: no JSON of jobs"}},
		"label key":        {in: "dts,ap-x,a,key\nwechat,e,5,l\n", want: []string{"dts/ap-x/a label=key", "wechat/e/5 label=l"}},
		"semicolons":       {in: "provider;scope;job_id;label;;\ndts;ap-x;a;one;;\n", want: []string{"dts/ap-x/a label=one"}},
		"tabs":             {in: "provider\tscope\tjob_id\ndts\tap-x\ta\t\t\n", want: []string{"dts/ap-x/a"}},
		"many lines":       {in: "# mine\n\n{\n \"key\": \"dts/ap-x/a\"\n}\n{\"key\":\"dts/ap-x/b\"}", want: []string{"dts/ap-x/a", "dts/ap-x/b"}},
		"a page":           {in: "{\"items\": [\n{\"key\":\"dts/ap-x/a\"}], \"next_cursor\": null}", want: []string{"dts/ap-x/a"}},
		"control":          {in: "dts/ap-x/a \x1b[2J", bad: []string{"f:1: label: has control characters"}},
		"long label":       {in: "dts/ap-x/a " + strings.Repeat("客", 201), bad: []string{"more than 200"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readRecords(strings.NewReader(tc.in), "f")
			if diff := cmp.Diff(tc.want, written(got)); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (tc.bad != nil) {
				t.Fatal(err)
			}
			for _, text := range tc.bad {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v does not say %q", err, text)
				}
			}
		})
	}
	if _, err := readRecords(strings.NewReader("dts/ap-x/a \xff"), "f"); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Error(err)
	}
	if _, err := readRecords(strings.NewReader(strings.Repeat("x\n", 30)), "f"); err == nil || !strings.Contains(err.Error(), "and 10 more") {
		t.Error(err)
	}
}

// Whatever is read is a job that can be watched, and nothing makes the reader panic.
func FuzzReadRecords(f *testing.F) {
	f.Fuzz(func(t *testing.T, in string) {
		records, err := readRecords(strings.NewReader(in), "f")
		if err != nil {
			return
		}
		for _, r := range records {
			if _, err := keyOf(r.key.String()); err != nil {
				t.Errorf("%v: %v", r.key, err)
			}
			if r.label != nil && job.CheckLabel(*r.label) != nil {
				t.Errorf("a label of %d bytes", len(*r.label))
			}
		}
	})
}

// Every label that the API takes comes back from both formats as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, label string, paused bool) {
		if job.CheckLabel(label) != nil {
			t.Skip()
		}
		jobs := []exported{{"dts", "ap-x", "a", label, paused}}
		want := []record{{client.Key{Provider: "dts", Scope: "ap-x", JobID: "a"}, &label, &paused}}
		var csv, nd bytes.Buffer
		if err := writeCSV(&csv, jobs); err != nil {
			t.Fatal(err)
		}
		if err := writeNDJSON(&nd, jobs); err != nil {
			t.Fatal(err)
		}
		for _, b := range []*bytes.Buffer{&csv, &nd} {
			text := b.String()
			got, err := readRecords(b, "f")
			if err != nil {
				t.Fatalf("%v: %q", err, text)
			}
			if diff := cmp.Diff(written(want), written(got)); diff != "" {
				t.Errorf("%s: %q", diff, text)
			}
		}
	})
}

func TestOnce(t *testing.T) {
	records, err := readRecords(strings.NewReader("dts/ap-x/a 1\ndts/ap-x/b\ndts/ap-x/a 2\n"), "f")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"dts/ap-x/a label=2", "dts/ap-x/b"}, written(once(records))); diff != "" {
		t.Error(diff)
	}
}

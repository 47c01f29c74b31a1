package dts

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"migwatch/internal/cloudapi"
	"migwatch/internal/job"
	"migwatch/internal/secret"
)

func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"Response":{"CheckFlag":0,"ErrorCode":-1,"ErrorMessage":"x","Progress":"100","RequestId":"67b4","Status":"finished"}}`,
		`{"Response":{"CheckFlag":"1","ErrorCode":null,"Progress":33.3,"Status":"finished"}}`,
		`{"Response":{"Error":{"Code":"ResourceNotFound.JobNotExist","Message":"m"},"RequestId":"r"}}`,
		`{"Response":{"Error":{"Code":"AuthFailure.UnauthorizedOperation","Message":"m"},"RequestId":"r"}}`,
		`{"Response":null}`, `{"response":{}}`, "\ufeff{}", `{"Response":{"Status":"\u0000"}}`, `{"Response":{"Error":{"Code":"."}}}`,
	} {
		f.Add(200, []byte(s))
	}
	f.Add(404, []byte(`{"Response":{"Status":"running"}}`))
	keys := Keys{SecretID: secret.New("CANARY-id"), SecretKey: secret.New("CANARY-key"), Token: secret.New("CANARY-token")}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		seen, err := checked(open(cloudapi.Answer{Status: status, Body: body}, keys))
		var texts []string
		if err != nil {
			var e *job.PollError
			if !errors.As(err, &e) || e.Kind == "" || e.Code == "" {
				t.Fatalf("not a classified failure: %#v", err)
			}
			texts = []string{e.Code, e.Message, e.RequestID}
		} else {
			if !seen.Phase.Valid() || seen.Phase == job.Partial || seen.Status == "" || seen.Phase != job.Missing && (status != 200 || len(seen.Status) > statusLimit) {
				t.Fatalf("not a state: %#v", seen)
			}
			if p := seen.Progress; p != nil && (*p < 0 || *p > 100) {
				t.Errorf("progress %d", *p)
			}
			if seen.Phase == job.Succeeded && (seen.CheckFlag == nil || *seen.CheckFlag != 1) {
				t.Errorf("succeeded without a flag: %#v", seen)
			}
			texts = []string{seen.Status, seen.Message, seen.RequestID}
		}
		for _, s := range texts {
			if len(s) > cloudapi.TextLimit+len(secret.Hidden) || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("a text not fit to show: %q", s)
			}
			for _, k := range []secret.Text{keys.SecretID, keys.SecretKey, keys.Token} {
				if strings.Contains(s, k.Reveal()) {
					t.Errorf("a secret: %q", s)
				}
			}
		}
	})
}

func FuzzItems(f *testing.F) {
	for _, s := range []string{
		`{"Response":{"JobList":[{"JobId":"dts-1","Status":"running","StepInfo":{"StepInfo":[{"StepId":"dumper","Percent":"7","Status":"running"},{"StepId":"sinker"}],"SecondsBehindMaster":-1}}]}}`,
		`{"Response":{"JobList":[{"Status":8,"Detail":{"Progress":"99","StepInfo":[{"StepId":"sync","Status":3}],"MasterSlaveDistance":0},"CreateTime":"0000-00-00 00:00:00"}]}}`,
		`{"Response":{"JobList":[{"Status":"Running","Detail":{"Progress":-1,"StepInfos":null,"ErrInfo":{"Message":"m"}},"StartTime":"2026-02-06T11:18:05+08:00"}],"TotalCount":1}}`,
		`{"Response":{"JobList":[null,{"Status":null}]}}`,
	} {
		f.Add([]byte(s))
	}
	keys := Keys{SecretKey: secret.New("CANARY-key")}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := open(cloudapi.Answer{Status: 200, Body: body}, keys)
		if err != nil {
			return
		}
		list, err := r.List("JobList")
		if err != nil {
			return
		}
		for _, item := range list {
			for _, read := range []func(reply, cloudapi.Fields) (job.Observation, error){item2021, item2018, syncItem} {
				seen, err := read(r, item)
				if err != nil {
					continue
				}
				if !seen.Phase.Valid() || seen.Status == "" || len(seen.Status) > statusLimit || seen.About == nil || len(seen.Step) > statusLimit {
					t.Fatalf("not a state: %#v", seen)
				}
				if p := seen.Progress; p != nil && (*p < 0 || *p > 100) {
					t.Errorf("progress %d", *p)
				}
				for _, s := range []string{seen.Status, seen.Message, seen.Step, seen.About.Name} {
					if len(s) > cloudapi.TextLimit+len(secret.Hidden) || !utf8.ValidString(s) || strings.ContainsRune(s, 0) || strings.Contains(s, "CANARY") {
						t.Errorf("a text not fit to show: %q", s)
					}
				}
			}
		}
	})
}

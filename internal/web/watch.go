package web

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"migwatch/internal/job"
)

// watchForm is the form to watch a job, with what somebody wrote into it.
type watchForm struct {
	Provider   job.Provider
	Scope, ID  string
	Label      string
	All        bool              // every job of the scope, not one
	Near       string            // the known region that is most like Scope, which is none
	Sure       string            // the region that was sent before and is meant
	Wrong      map[string]string // by field: the key of the text that says what belongs there
	Candidates []candidate
}

// candidate is a provider to choose, with examples of what belongs into the other fields.
type candidate struct {
	Provider  job.Provider
	On        bool
	Scope, ID string
}

var examples = map[job.Provider]candidate{
	job.DTS:          {Scope: "ap-shanghai", ID: "dts-dau5czmd"},
	job.DTSMigration: {Scope: "ap-shanghai", ID: "dts-dau5czmd"},
	job.DTSSync:      {Scope: "ap-shanghai", ID: "sync-btso140"},
	job.WeChat:       {Scope: "prod-1a2b3c", ID: "100071736"},
}

// newWatchForm fills the form with what was sent, which may be nothing.
func newWatchForm(sent url.Values) watchForm {
	f := watchForm{Provider: job.Provider(sent.Get("provider")), Scope: strings.TrimSpace(sent.Get("scope")),
		ID: strings.TrimSpace(sent.Get("job_id")), Label: strings.TrimSpace(sent.Get("label")), All: sent.Get("all") == "yes", Sure: sent.Get("sure")}
	f.split(f.Scope)
	f.split(f.ID)
	for _, p := range []job.Provider{job.DTSMigration, job.DTSSync, job.DTS, job.WeChat} {
		c := examples[p]
		c.Provider, c.On = p, p == f.Provider
		f.Candidates = append(f.Candidates, c)
	}
	return f
}

// Example is what the fields show while they are empty.
func (f watchForm) Example() candidate {
	if c, ok := examples[f.Provider]; ok {
		return c
	}
	return examples[job.DTSMigration]
}

// What people paste: a key, the address of a job's page here, or one of Tencent Cloud's console, which names
// the job and often its region.
var (
	pastedKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?:^|/)(wechat|dts(?:-migration|-sync)?)/([^/\s?#]+)/([^/\s?#]+)(?:[?#].*)?$`)
	})
	pastedID     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b(?:dts|sync)-[a-z0-9]{6,}\b`) })
	pastedRegion = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`[=/]((?:ap|na|eu|sa|me)-[a-z]+(?:-[a-z0-9]+)*)`)
	})
)

// split puts a pasted text into the fields that it is made of.
func (f *watchForm) split(text string) {
	if m := pastedKey().FindStringSubmatch(text); m != nil {
		if k := (job.Key{Provider: job.Provider(m[1]), Scope: m[2], ID: m[3]}); k.Validate() == nil {
			f.Provider, f.Scope, f.ID = k.Provider, k.Scope, k.ID
			return
		}
	}
	if !strings.Contains(text, "://") {
		return
	}
	if id := pastedID().FindString(text); id != "" {
		if f.Scope == text {
			f.Scope = ""
		}
		f.Provider, f.ID = job.DTSMigration, id
		if strings.HasPrefix(id, "sync-") {
			f.Provider = job.DTSSync
		}
		if m := pastedRegion().FindStringSubmatch(text); m != nil {
			f.Scope = m[1]
		}
	}
}

// check gives what the form asks for, or notes every field that is wrong.
func (f *watchForm) check() (k job.Key, c job.Change, ok bool) {
	k = job.Key{Provider: f.Provider, Scope: f.Scope, ID: f.ID}
	f.Wrong = map[string]string{}
	if f.All {
		f.checkPlace()
		return k, c, len(f.Wrong) == 0
	}
	var bad *job.InvalidError
	for probe := k; errors.As(probe.Validate(), &bad) && f.Wrong[bad.Field] == ""; {
		f.Wrong[bad.Field] = "wrong." + bad.Field + "." + string(f.Provider)
		switch bad.Field { // one that is right, to see what else is wrong
		case "scope":
			probe.Scope = f.Example().Scope
		case "job_id":
			probe.ID = f.Example().ID
		default:
			f.Wrong[bad.Field] = "wrong." + bad.Field
		}
	}
	if f.Label != "" {
		if job.CheckLabel(f.Label) != nil {
			f.Wrong["label"] = "wrong.label"
		}
		c.Label = &f.Label
	}
	return k, c, len(f.Wrong) == 0
}

// checkPlace notes what is wrong with a place that is to be watched as a whole.
func (f *watchForm) checkPlace() {
	var bad *job.InvalidError
	switch errors.As(job.CheckDiscovery(f.Provider, f.Scope), &bad); {
	case bad == nil:
	case bad.Field == "provider":
		f.Wrong["provider"] = "wrong.list"
	default:
		f.Wrong["scope"] = "wrong.scope." + string(f.Provider)
	}
	if f.Near = job.NearRegion(f.Scope); bad == nil && f.Near != "" && f.Sure != f.Scope {
		f.Wrong["scope"] = "wrong.region"
	}
}

// watch begins to watch the job that the form names. A form with something wrong comes back as it was, with a
// word beside each field that is to be mended.
func (u *UI) watch(v *visit) error {
	f := newWatchForm(v.r.PostForm)
	k, c, ok := f.check()
	if !ok {
		return v.showJobs(http.StatusUnprocessableEntity, f)
	}
	if f.All {
		return v.discover(f)
	}
	s, err := v.store()
	if err != nil {
		return err
	}
	if _, _, err := s.Watch(v.r.Context(), k, c); err != nil {
		return err
	}
	return v.redirect(jobPathOf(k) + "?done=watch")
}

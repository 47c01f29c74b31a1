package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"migwatch/internal/job"
)

const (
	jobsPerPage = 30
	maxSearch   = 100 // characters
)

// overview is the page of all jobs.
type overview struct {
	frame
	Tiles      []tile
	All        tile
	Providers  []choice
	Bar        []slice
	Filter     job.Filter
	Filtered   bool
	Clear      string
	Failing    []failing
	FailingAll int64
	Overdue    int64
	Paused     int64
	Watched    int64
	Tick       *tickView
	Rows       []row
	Watch      watchForm
	Places     []discoveryRow
	Troubles   []troubleRow
	Sinks      []sinkRow
	SinksFail  int64
	First      string // the newest jobs, where this is another page
	Next       string
}

// tile is a phase with the number of its jobs, and the link that shows only those.
type tile struct {
	State state
	N     int64
	On    bool
	Href  string
}

type choice struct {
	Provider job.Provider // "": all
	N        int64
	On       bool
	Href     string
}

// slice is a part of the bar that shows all jobs at once; X and W are percentages.
type slice struct {
	Phase job.Phase
	X, W  string
}

type failing struct {
	Kind job.Kind
	N    int64
}

type tickView struct {
	moment
	Late    bool
	Claimed int64
	Changed int64
}

// lateTick is after how long without a tick the page says so.
const lateTick = 5 * time.Minute

func (u *UI) overview(v *visit) error { return v.showJobs(http.StatusOK, newWatchForm(nil)) }

// showJobs answers with the page of all jobs, on which form stands.
func (v *visit) showJobs(status int, form watchForm) error {
	s, err := v.store()
	if err != nil {
		return err
	}
	f := filterOf(v.r.URL.Query())
	sum, err := s.Summary(v.r.Context())
	if err != nil {
		return err
	}
	places, err := s.Discoveries(v.r.Context())
	if err != nil {
		return err
	}
	after := decodeCursor(v.r.URL.Query().Get("cursor"))
	list, err := s.Jobs(v.r.Context(), f, after, jobsPerPage+1)
	if err != nil {
		return err
	}
	o := overview{frame: v.frame(v.text.T("overview.title")), Filter: f, Clear: v.root, Watch: form,
		Filtered: f.Provider != "" || f.Text != "" || f.Scope != "" || len(f.Phases) > 0}
	o.Plain = len(form.Wrong) > 0 // the answer to a form cannot be asked for again
	o.count(v, f, sum)
	o.Tick = v.tick(sum.LastTick)
	if after != nil {
		o.First = v.overviewHref(f, nil)
	}
	if len(list) > jobsPerPage {
		list = list[:jobsPerPage]
		o.Next = v.overviewHref(f, &list[jobsPerPage-1].Place)
	}
	now := v.u.opt.Now()
	o.Places = v.discoveryRows(places, now)
	o.Troubles, o.SinksFail = v.troubleRows(sum.Troubles, now), sum.Sinks
	if o.Sinks, err = v.sinkRows(s, now); err != nil {
		return err
	}
	for _, l := range list {
		o.Rows = append(o.Rows, v.row(l.Job, now))
	}
	v.render(status, "overview", o)
	return nil
}

// filterOf takes from the query what can be, and leaves the rest.
func filterOf(q url.Values) job.Filter {
	var f job.Filter
	if p := job.Provider(q.Get("provider")); p.Valid() {
		f.Provider = p
	}
	for _, p := range job.Phases {
		if slices.Contains(q["phase"], string(p)) {
			f.Phases = append(f.Phases, p)
		}
	}
	text := []rune(strings.ToValidUTF8(strings.TrimSpace(q.Get("q")), ""))
	f.Text = strings.ReplaceAll(string(text[:min(len(text), maxSearch)]), "\x00", "")
	return f
}

func (v *visit) overviewHref(f job.Filter, after *job.Place) string {
	q := url.Values{}
	if f.Provider != "" {
		q.Set("provider", string(f.Provider))
	}
	for _, p := range f.Phases {
		q.Add("phase", string(p))
	}
	if f.Text != "" {
		q.Set("q", f.Text)
	}
	if after != nil {
		q.Set("cursor", encodeCursor(*after))
	}
	if len(q) == 0 {
		return v.root
	}
	return v.root + "?" + q.Encode()
}

func (o *overview) count(v *visit, f job.Filter, sum job.Summary) {
	perPhase := map[job.Phase]int64{}
	var all, shown int64
	words := f.Provider // whose words the tiles speak, where it is one provider's jobs that they count
	for _, p := range job.Providers {
		var n int64
		for phase, c := range sum.Jobs[p] {
			n += c
			if f.Provider == "" || f.Provider == p {
				perPhase[phase] += c
				shown += c
			}
		}
		if all += n; f.Provider == "" && n > 0 && n == sum.Watched {
			words = p
		}
		g := f
		g.Provider = p
		o.Providers = append(o.Providers, choice{p, n, f.Provider == p, v.overviewHref(g, nil)})
	}
	g := f
	g.Provider = ""
	o.Providers = slices.Insert(o.Providers, 0, choice{"", all, f.Provider == "", v.overviewHref(g, nil)})
	g = f
	g.Phases = nil
	o.All = tile{N: shown, On: len(f.Phases) == 0, Href: v.overviewHref(g, nil)}
	for _, p := range job.Phases {
		o.Tiles = append(o.Tiles, tile{v.text.state(words, p), perPhase[p], slices.Contains(f.Phases, p), v.overviewHref(toggled(f, p), nil)})
	}
	o.Bar = bar(perPhase, shown)
	for _, k := range job.Kinds {
		if n := sum.ByKind[k]; n > 0 {
			o.Failing = append(o.Failing, failing{k, n})
		}
	}
	o.FailingAll, o.Overdue, o.Paused, o.Watched = sum.Failing, sum.Overdue, sum.Paused, sum.Watched
}

// toggled is f with p added to its phases, or taken out.
func toggled(f job.Filter, p job.Phase) job.Filter {
	f.Phases = slices.Clone(f.Phases)
	if i := slices.Index(f.Phases, p); i >= 0 {
		f.Phases = slices.Delete(f.Phases, i, i+1)
	} else {
		f.Phases = append(f.Phases, p)
	}
	return f
}

func bar(perPhase map[job.Phase]int64, all int64) []slice {
	var out []slice
	x := 0.0
	for _, p := range job.Phases {
		if n := perPhase[p]; n > 0 {
			w := 100 * float64(n) / float64(all)
			out = append(out, slice{p, percent(x), percent(w)})
			x += w
		}
	}
	return out
}

func (v *visit) tick(t *job.Tick) *tickView {
	if t == nil {
		return nil
	}
	now := v.u.opt.Now()
	return &tickView{v.text.moment("tick.last", t.FinishedAt, now), now.Sub(t.FinishedAt) > lateTick, t.Claimed, t.Changed}
}

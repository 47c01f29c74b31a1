package notify

import (
	"embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"text/template"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/sink"
)

//go:embed texts/*.tmpl
var files embed.FS

// templates are read when the first message is written: a cold start that tells nothing does not wait for them.
var templates = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(files, "texts/*.tmpl")) })

// testType is the type of the message that only says that messages arrive.
const testType job.EventType = "test"

// TestMessage is such a message.
func TestMessage(now time.Time) job.Told {
	return job.Told{Event: job.Event{Type: testType, From: job.Pending, To: job.Unknown, Key: job.Key{Provider: job.DTS, Scope: "ap-test", ID: "dts-test"}, At: now, Jobs: 1,
		Message: "This is a test of migwatch. Nothing happened."}}
}

// facts are what a template writes. Everything of somebody else's is a text that a chat does not obey.
type facts struct {
	Kind, Phase          string // words of the contract; of a trouble the phase is the kind of failed poll
	Provider             string
	Subject, Name, Key   string
	Place                string // of a trouble: provider/scope
	At, Since, Took      string
	Reason, Link, Status string // the status in lower case
	Todo                 string // what a person is to do
	Jobs                 int64
	Over                 bool // of a trouble
}

var beijing = time.FixedZone("UTC+8", 8*60*60)

// text is one event for people, of at most size bytes: of what does not fit the reason is shortened first.
func (c *Client) text(s sink.Sink, m job.Told, size int) string {
	f := c.facts(s, m)
	f.Todo = run(s.Lang, "todo", f)
	text := run(s.Lang, "message", f)
	if over := len(text) - size; over > 0 && f.Reason != "" {
		f.Reason = cut(f.Reason, max(len(f.Reason)-over-3, 3))
		text = run(s.Lang, "message", f)
	}
	return cut(text, size)
}

// digest is many events in one message of at most size bytes: how many of each kind, a line each for as many as fit, and
// how many more there are.
func (c *Client) digest(s sink.Sink, list []job.Told, size int) string {
	counts := map[string]int{}
	var lines []string
	for _, m := range list {
		f := c.facts(s, m)
		f.Subject, f.Reason = cut(f.Subject, 60), cut(f.Reason, 120)
		counts[strings.TrimSpace(run(s.Lang, "word", f))]++
		lines = append(lines, strings.TrimSpace(run(s.Lang, "line", f)))
	}
	var words []string
	for word, n := range counts {
		words = append(words, fmt.Sprintf("%d %s", n, word))
	}
	slices.SortFunc(words, func(a, b string) int {
		return strings.Compare(strings.TrimLeft(a, "0123456789"), strings.TrimLeft(b, "0123456789"))
	})
	d := struct {
		Count, More int
		Words       string
		Lines       []string
		Link        string
	}{Count: len(list), Words: strings.Join(words, ", "), Link: c.Link}
	for {
		d.Lines, d.More = lines, len(list)-len(lines)
		text := run(s.Lang, "digest", d)
		if len(text) <= size || len(lines) == 0 {
			return cut(text, size)
		}
		over := len(text) - size + 40 // for the line that says how many more there are
		for over > 0 && len(lines) > 0 {
			over -= len(lines[len(lines)-1]) + 1
			lines = lines[:len(lines)-1]
		}
	}
}

func run(lang, name string, with any) string {
	var b strings.Builder
	if err := templates().ExecuteTemplate(&b, lang+"."+name, with); err != nil {
		return fmt.Sprint(with) // tests run every template with everything
	}
	return strings.TrimRight(b.String(), "\n")
}

func (c *Client) facts(s sink.Sink, m job.Told) facts {
	e := m.Event
	safe := func(text string) string {
		if kind, ok := chats[s.Kind]; ok {
			return kind.plain(line(text))
		}
		return line(text)
	}
	f := facts{
		Kind: string(e.Type), Phase: string(e.To), Provider: string(e.Key.Provider), Key: safe(e.Key.String()), Subject: safe(e.Key.ID),
		At: stamp(s.Lang, e.At), Reason: safe(e.Message), Link: c.link(e.Key), Jobs: e.Jobs, Place: strings.Trim(string(e.Key.Provider)+"/"+e.Key.Scope, "/"),
	}
	if e.Type == job.TroubleEvent {
		f.Link = c.Link
		if f.Over = e.To == job.Clear; f.Over {
			f.Phase = string(e.From)
		}
	}
	if j := m.Job; j != nil {
		f.Name = safe(j.About.Name)
		if called := line(j.Label); called != "" {
			f.Subject = safe(called)
		} else if f.Name != "" {
			f.Subject = f.Name
		}
		f.since(s.Lang, e, *j)
	}
	return f
}

// since tells how long it took, or has lasted, and what the upstream waits for.
func (f *facts) since(lang string, e job.Event, j job.Job) {
	begun := j.WatchedAt
	if j.About.StartedAt != nil {
		begun = *j.About.StartedAt
	}
	if e.Type == job.PhaseChanged && e.To.Final() && e.At.After(begun) {
		f.Took = lasted(lang, e.At.Sub(begun))
	}
	if j.Latest != nil && j.Latest.Seq == e.Seq {
		f.Status = strings.ToLower(j.Latest.Status)
		if e.Type == job.Stuck {
			f.Since, f.Took = stamp(lang, j.Latest.FirstObservedAt), lasted(lang, e.At.Sub(j.Latest.FirstObservedAt))
		}
	}
}

// link is the page of a job.
func (c *Client) link(k job.Key) string {
	if c.Link == "" || k.ID == "" {
		return c.Link
	}
	return c.Link + "/jobs/" + url.PathEscape(string(k.Provider)) + "/" + url.PathEscape(k.Scope) + "/" + url.PathEscape(k.ID)
}

func stamp(lang string, at time.Time) string {
	if lang == "zh" {
		return at.In(beijing).Format(time.DateTime)
	}
	return at.UTC().Format(time.DateTime + " UTC")
}

// lasted is a duration in two parts at most.
func lasted(lang string, d time.Duration) string {
	words := []string{"d", "h", "min", "s"}
	if lang == "zh" {
		words = []string{"天", "小时", "分钟", "秒"}
	}
	left := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for i, unit := range []int64{24 * 60 * 60, 60 * 60, 60, 1} {
		if n := left / unit; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[i]))
		} else if len(parts) > 0 {
			break
		}
		left %= unit
	}
	if len(parts) == 0 {
		return "0 " + words[3]
	}
	return strings.Join(parts, " ")
}

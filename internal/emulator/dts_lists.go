package emulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is what a list is asked for. The filters that are not here are refused as unknown.
type query struct {
	ids           []string
	offset, limit int
	ascending     bool
	statuses      []string
}

// filterWords are the statuses that DescribeMigrationJobs takes as a filter: fewer than it answers.
var filterWords = []string{"created", "checking", "checkPass", "checkNotPass", "readyRun", "running", "readyComplete", "success", "stopping", "failed", "completing"}

// readList reads a list's body, or gives the code that refuses it.
func (c *call) readList() (q query, code, why string) {
	fields, err := readObject(c.body)
	if err != nil {
		return q, "InvalidParameter", "The request body is not a JSON object."
	}
	q.limit = 20
	for name, raw := range fields {
		var err error
		switch {
		case name == "JobId":
			var id string
			err = json.Unmarshal(raw, &id)
			q.ids = append(q.ids, id)
		case name == "JobIds" && c.API == DTSSync:
			err = json.Unmarshal(raw, &q.ids)
		case name == "Offset":
			err = json.Unmarshal(raw, &q.offset)
		case name == "Limit":
			if err = json.Unmarshal(raw, &q.limit); err == nil && (q.limit < 1 || q.limit > 100) {
				return q, "InvalidParameterValue", "The value of the parameter `Limit` is not from 1 to 100."
			}
		case name == "OrderSeq":
			var seq string
			err = json.Unmarshal(raw, &seq)
			q.ascending = strings.EqualFold(seq, "asc")
		case name == "Order" && c.API != DTSMigration:
			var by string
			if err = json.Unmarshal(raw, &by); err == nil && by != "CreateTime" {
				return q, "InvalidParameterValue", "The value " + strconv.Quote(by) + " of the parameter `Order` is not supported."
			}
		case name == "Status" && c.API != dtsOld:
			if err = json.Unmarshal(raw, &q.statuses); err == nil && c.API == DTSMigration {
				for _, word := range q.statuses {
					if !slices.Contains(filterWords, word) {
						return q, "InvalidParameterValue", "The value " + strconv.Quote(word) + " of the parameter `Status` is not supported."
					}
				}
			}
		default:
			return q, "UnknownParameter", "The parameter " + strconv.Quote(name) + " is not recognized."
		}
		if err != nil || q.offset < 0 {
			return q, "InvalidParameter", "The value of the parameter `" + name + "` is not of its type."
		}
	}
	if len(q.ids) == 1 && idPattern.MatchString(q.ids[0]) {
		c.ID = q.ids[0]
	}
	return q, "", ""
}

// listJobs judges a call of a list. The caller holds mu.
func (e *Emulator) listJobs(c *call) reply {
	q, code, why := c.readList()
	if code != "" {
		return c.refuse(code, why)
	}
	api := c.API
	if api == dtsOld {
		api = DTSMigration
	}
	fault := e.fault(place{c.API, c.Scope, c.ID}, c.At)
	if fault != nil && !fault.whole() {
		return reply{kind: jsonKind, fault: fault}
	}
	var items []string
	total := 0
	for _, id := range e.stage.ids(api, c.Scope, q) {
		p := e.stage.job(place{api, c.Scope, id}, c.At)
		if p == nil {
			continue
		}
		state, own := p.at(c.At)
		if own != nil && own.Do == "missing" {
			continue
		}
		if own != nil && c.ID != "" && fault == nil {
			if fault = own; !own.whole() {
				return reply{kind: jsonKind, fault: fault}
			}
		}
		_, err := strconv.Atoi(state.Status)
		if old := err == nil; api == DTSMigration && old != (c.API == dtsOld) || len(q.statuses) > 0 && !slices.Contains(q.statuses, state.Status) {
			continue
		}
		if total++; total > q.offset && len(items) < q.limit {
			p.polls++
			items = append(items, jobItem(c.API, id, p, state, c.At))
		}
	}
	return reply{verdict: "ok", kind: jsonKind, body: []byte(jobList(c, items, total)), fault: fault}
}

// ids are the jobs that q is about, the newest first unless it asks otherwise.
func (s *stage) ids(api API, scope string, q query) []string {
	if q.ids != nil {
		return q.ids
	}
	at := place{api, scope, ""}
	if s.listed[at] == nil {
		s.listed[at] = s.inOrder(at)
	}
	if q.ascending {
		return s.listed[at]
	}
	ids := slices.Clone(s.listed[at])
	slices.Reverse(ids)
	return ids
}

// inOrder are the scripted jobs of a scope, the oldest first.
func (s *stage) inOrder(scope place) []string {
	type made struct {
		id    string
		added time.Time
	}
	var all []made
	for at, r := range s.jobs {
		if at.api == scope.api && at.scope == scope.scope {
			all = append(all, made{at.id, r.added})
		}
	}
	for _, r := range s.bulks[scope] {
		for n := 1; n <= r.block.Count; n++ {
			all = append(all, made{r.pattern.id(n), r.added})
		}
	}
	slices.SortFunc(all, func(a, b made) int { return cmp.Or(a.added.Compare(b.added), strings.Compare(a.id, b.id)) })
	ids := make([]string, len(all))
	for i, m := range all {
		ids[i] = m.id
	}
	return ids
}

func jobList(c *call, items []string, total int) string {
	o := object{{"JobList", "[" + strings.Join(items, ",") + "]"}}.with("RequestId", c.RequestID).with("TotalCount", total)
	return object{{"Response", o.json()}}.json()
}

// endpoint has what nobody may keep.
const endpoint = `{"Region":"ap-shanghai","Info":[{"Host":"10.11.12.13","Port":3306,"User":"emulated-user","Password":"emulated-password","TmpSecretKey":"emulated-secret"}]}`

var never = "0000-00-00 00:00:00"

// beijing is a time as DTS writes it.
func beijing(t time.Time) string {
	return t.In(time.FixedZone("UTC+8", 8*60*60)).Format(time.DateTime)
}

// jobItem is one job in a list of its action.
func jobItem(api API, id string, p *player, s State, now time.Time) string {
	started, ended := beijing(p.origin), never
	switch strings.ToLower(s.Status) {
	case "created", "creating", "checking", "checkpass", "checknotpass", "uninitialized", "initialized", "1", "3", "4", "5":
		started = never
	case "success", "failed", "error", "canceled", "stopped", "9", "10":
		ended = beijing(p.since(now))
	}
	o := object{}.with("JobId", id).with("JobName", p.block.Label).with("CreateTime", beijing(p.origin.Add(-time.Hour))).with("StartTime", started).with("EndTime", ended)
	o = append(o, Field{"SrcInfo", endpoint}, Field{"DstInfo", endpoint})
	lag := func(name, otherwise string) Field {
		for _, f := range s.Set {
			if f.Name == name {
				return f
			}
		}
		return Field{name, otherwise}
	}
	seconds, megabytes := lag("SecondsBehindMaster", "-1"), lag("MasterSlaveDistance", "0")
	var own []Field
	for _, f := range s.Set {
		if f.Name != seconds.Name && f.Name != megabytes.Name {
			own = append(own, f)
		}
	}
	if api == dtsOld {
		o = append(o, Field{"Status", s.Status})
		detail := object{}.with("Progress", or(s.Percent, "0")).with("StepAll", 3).with("StepNow", 3)
		o = append(o, Field{"Detail", append(detail, Field{"StepInfo", `[{"StepNo":3,"StepId":"sync","Status":3}]`}, seconds, megabytes).json()})
		errors := "[]"
		if s.Message != "" {
			errors = "[" + object{}.with("ErrorLog", s.Message).with("HelpDoc", "").json() + "]"
		}
		return append(o, Field{"ErrorInfo", errors}).set(own).json()
	}
	o = o.with("Status", s.Status)
	if api == DTSSync {
		detail := object{}.with("Progress", -1).with("Message", "")
		detail = append(detail, Field{"StepInfos", stepList("Progress", s)}, seconds, megabytes, Field{"ErrInfo", object{}.with("Message", s.Message).with("Reason", "").with("Solution", "").json()})
		return append(o, Field{"Detail", detail.json()}).set(own).json()
	}
	o = o.with("BriefMsg", s.Message)
	steps := append(object{}.with("StepAll", 2).with("StepNow", 2), Field{"StepInfo", stepList("Percent", s)}, seconds, megabytes)
	return append(o, Field{"StepInfo", steps.json()}).set(own).json()
}

// stepList is how far the steps of a job in state s are: the loader has an end, the sinker none.
func stepList(percent string, s State) string {
	done, _ := strconv.Atoi(s.Percent)
	loader, sinker := "notStarted", "notStarted"
	switch {
	case s.Percent == "":
	case done < 100:
		loader = "running"
	default:
		loader, sinker = "finished", "running"
	}
	step := func(id, status string, n int) string {
		return object{}.with("StepId", id).with("StepName", id).with("Status", status).with(percent, n).json()
	}
	return "[" + step("loader", loader, done) + "," + step("sinker", sinker, 0) + "]"
}

// since is when the state at now began.
func (p *player) since(now time.Time) time.Time {
	elapsed := now.Sub(p.origin)
	base := p.origin
	if p.block.Repeat > 0 {
		base = base.Add(elapsed / p.block.Repeat * p.block.Repeat)
		elapsed %= p.block.Repeat
	}
	at := time.Duration(0)
	for _, s := range p.block.Steps {
		if s.State != nil && s.At <= elapsed {
			at = s.At
		}
	}
	return base.Add(at)
}

// explainJob judges a call for one migration's errors or its check. The caller holds mu.
func (e *Emulator) explainJob(c *call) reply {
	fault := e.fault(place{c.API, c.Scope, c.ID}, c.At)
	if fault != nil && !fault.whole() {
		return reply{kind: jsonKind, fault: fault}
	}
	p := e.stage.job(place{DTSMigration, c.Scope, c.ID}, c.At)
	if p == nil {
		return c.refuse("ResourceNotFound.JobNotExist", "")
	}
	s, _ := p.at(c.At)
	message := or(s.Message, "The source instance cannot be reached.")
	o := object{}.with("JobId", c.ID).with("Status", s.Status)
	if c.API == dtsDetail {
		failure := object{}.with("Code", "ErrConnect").with("Solution", "Check the network and the account's permissions, then retry.").
			with("ErrorLog", "GRANT ALL ON *.* TO 'emulated-user'@'%'").with("HelpDoc", "").json()
		o = append(o, Field{"ErrorInfo", "[" + failure + "]"}, Field{"SrcInfo", endpoint})
	} else {
		flag := "checkPass"
		steps := "[]"
		if strings.EqualFold(s.Status, "checkNotPass") {
			flag = "checkNotPass"
			item := object{}.with("CheckResult", "failed").with("FailureReason", message).with("Solution", "Mend it, and check again.").
				with("ErrorLog", []string{"GRANT ALL ON *.* TO 'emulated-user'@'%'"}).json()
			step := object{}.with("StepId", "ConnectDBCheck").with("StepStatus", "failed").with("HasSkipped", false)
			steps = "[" + append(step, Field{"DetailCheckItems", "[" + item + "]"}).json() + "]"
		}
		o = append(o.with("CheckFlag", flag).with("BriefMsg", "success"), Field{"StepInfo", steps}).set([]Field{{"Status", `"success"`}})
	}
	return reply{verdict: "ok", kind: jsonKind, body: []byte(object{{"Response", o.with("RequestId", c.RequestID).json()}}.json()), fault: fault}
}

package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// planned is what the store does, and the indexes that must serve it on every engine.
var planned = []struct {
	name    string
	indexes []string // each is named in the plan; "primary" is the primary key
	whole   bool     // may read the whole of an index
	run     func(ctx context.Context, s *store.Store) error
}{
	{"budgets", []string{"jobs_due"}, false, func(ctx context.Context, s *store.Store) error { _, err := s.Budgets(ctx); return err }},
	{"claim, record", []string{"jobs_due", "primary"}, false, claimAndRecord},
	{"claim, release", []string{"jobs_due", "primary"}, false, func(ctx context.Context, s *store.Store) error {
		claims, err := s.Claim(ctx, "wechat", 20, time.Minute)
		if err != nil || len(claims) != 20 {
			return fmt.Errorf("claimed %d, %w", len(claims), err)
		}
		_, err = s.Release(ctx, claims)
		return err
	}},
	{"latest", []string{"jobs_key", "primary"}, false, func(ctx context.Context, s *store.Store) error { _, err := s.Job(ctx, filledKey(5)); return err }},
	{"history", []string{"jobs_key", "primary"}, false, func(ctx context.Context, s *store.Store) error {
		for _, span := range []job.Span{{}, {After: 2}, {Ascending: true, After: 1}, {Since: time.UnixMilli(1), Until: time.Now()}} {
			if _, err := s.History(ctx, filledKey(5), span, 100); err != nil {
				return err
			}
		}
		return nil
	}},
	{"list", []string{"jobs_changed"}, false, lists(job.Filter{})},
	{"list, provider", []string{"jobs_provider_phase_changed"}, false, lists(job.Filter{Provider: job.WeChat})},
	{"list, scope", []string{"jobs_scope_changed"}, false, lists(job.Filter{Scope: "ap-r7"})},
	{"list, provider and scope", []string{"jobs_scope_changed"}, false, lists(job.Filter{Provider: job.DTS, Scope: "ap-r7"})},
	{"list, phase", []string{"jobs_provider_phase_changed"}, false, lists(job.Filter{Phases: []job.Phase{job.Partial}})},
	{"list, phases", []string{"jobs_provider_phase_changed"}, false, lists(job.Filter{Phases: []job.Phase{job.Failed, job.Missing, job.Failed}})},
	{"list, provider and phase", []string{"jobs_provider_phase_changed"}, false, lists(job.Filter{Provider: job.WeChat, Phases: []job.Phase{job.Failed}})},
	{"list, provider and phases", []string{"jobs_provider_phase_changed"}, false, lists(job.Filter{Provider: job.WeChat, Phases: []job.Phase{job.Failed, job.Running}})},
	{"list, scope and phase", nil, false, lists(job.Filter{Scope: "ap-r7", Phases: []job.Phase{job.Failed}})},
	// A part of a text has no index: SQLite and MariaDB walk the list's order until the page is full, and
	// PostgreSQL may do so or read all jobs and sort what it found.
	{"list, text", nil, true, lists(job.Filter{Text: "label 77"})},
	{"events", []string{"primary"}, false, feeds(job.Filter{})},
	{"events, provider", nil, false, feeds(job.Filter{Provider: job.WeChat})},
	{"events, scope", []string{"events_scope"}, false, feeds(job.Filter{Scope: "ap-r7"})},
	{"events, job", []string{"jobs_key", "events_job"}, false, feeds(job.Filter{Provider: job.DTS, Scope: filledKey(6).Scope, ID: filledKey(6).ID})},
	{"summary", []string{"jobs_due", "jobs_paused", "jobs_failing", "jobs_provider_phase_changed"}, true, func(ctx context.Context, s *store.Store) error { _, err := s.Summary(ctx); return err }},
	{"notice", []string{"jobs_failing", "jobs_provider_phase_changed"}, true, func(ctx context.Context, s *store.Store) error { return s.Notice(ctx, time.Minute, time.Minute) }},
	{"due", []string{"jobs_due"}, false, func(ctx context.Context, s *store.Store) error { _, err := s.Due(ctx); return err }},
	{"stats", []string{"jobs_due"}, true, func(ctx context.Context, s *store.Store) error { _, err := s.Stats(ctx); return err }},
	{"poll now", []string{"jobs_key", "primary"}, false, func(ctx context.Context, s *store.Store) error { _, err := s.PollNow(ctx, filledKey(6)); return err }},
	{"unwatch", []string{"primary", "events_job"}, false, func(ctx context.Context, s *store.Store) error { _, err := s.Unwatch(ctx, filledKey(10)); return err }},
	{"prune", []string{"primary", "events_job"}, false, func(ctx context.Context, s *store.Store) error {
		n, err := s.Prune(ctx, job.Retention{Snapshots: time.Hour, Events: time.Hour}, 300)
		if err == nil && n == 0 {
			err = fmt.Errorf("nothing was pruned")
		}
		return err
	}},
}

func claimAndRecord(ctx context.Context, s *store.Store) error {
	claims, err := s.Claim(ctx, "wechat", 30, time.Minute)
	if err != nil {
		return err
	}
	var outcomes []job.Outcome
	for i, c := range claims {
		seen := c.Job.Latest.Observation
		if i%2 == 0 {
			seen = job.Observation{Phase: job.Failed, Status: "fail"}
		}
		outcomes = append(outcomes, job.Settle(c, &seen, nil, c.At))
	}
	recorded, err := s.Record(ctx, outcomes)
	if err == nil && (len(recorded) == 0 || slices.Contains(recorded, false)) {
		err = fmt.Errorf("recorded %v", recorded)
	}
	return err
}

func lists(f job.Filter) func(context.Context, *store.Store) error {
	return func(ctx context.Context, s *store.Store) error {
		list, err := s.Jobs(ctx, f, nil, 50)
		if err == nil && len(list) > 0 {
			_, err = s.Jobs(ctx, f, &list[len(list)-1].Place, 50)
		}
		return err
	}
}

func feeds(f job.Filter) func(context.Context, *store.Store) error {
	return func(ctx context.Context, s *store.Store) error {
		_, err := s.Events(ctx, f, 9_000, 100)
		return err
	}
}

// sqlitePlanJobs is how many jobs SQLite is asked about; the servers always about planJobs.
const planJobs = 100_000

var sqlitePlanJobs = planJobs

// TestPlans asks each engine, at a hundred thousand jobs, how it means to run the very statements that
// the store runs.
func TestPlans(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 100,000 jobs on each engine")
	}
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := migrated(t, e.database(t))(t, store.Options{})
			jobs := planJobs
			if e.name == "sqlite" {
				jobs = sqlitePlanJobs
			}
			fill(t, s, jobs, 2)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			type ran struct {
				query string
				args  []any
			}
			var statements []ran
			s.Intercept(func(query string, args []any) string {
				if !strings.HasPrefix(query, "INSERT") {
					statements = append(statements, ran{query, args})
				}
				return query
			})
			for _, test := range planned {
				t.Run(test.name, func(t *testing.T) {
					statements = nil
					if err := test.run(ctx, s); err != nil {
						t.Fatal(err)
					}
					var plans []string
					for _, ran := range statements {
						plan, err := explain(ctx, s, ran.query, ran.args)
						if err != nil {
							t.Errorf("%s: %v", ran.query, err)
						}
						plans = append(plans, strings.Join(strings.Fields(ran.query), " ")+"\n"+plan)
					}
					all := strings.Join(plans, "\n\n")
					for _, index := range test.indexes {
						if !strings.Contains(all, indexName(e.name, index)) {
							t.Errorf("no plan uses %s:\n%s", index, all)
						}
					}
					for _, plan := range plans {
						if wholeTable(e.name, plan, test.whole) {
							t.Errorf("reads all of a table:\n%s", plan)
						}
					}
				})
			}
		})
	}
}

func indexName(engine, index string) string {
	if index != "primary" {
		return index
	}
	return map[string]string{"sqlite": "PRIMARY KEY", "postgres": "_pkey", "mysql": "PRIMARY"}[engine]
}

var (
	// Tables that grow. s and e are snapshots and events.
	sqliteScan   = regexp.MustCompile(`(?m)^SCAN (jobs|snapshots|events|s|e)$`)
	postgresScan = regexp.MustCompile(`Seq Scan on (jobs|snapshots|events)`)
	mysqlScan    = regexp.MustCompile(`(?m)table=(jobs|snapshots|events|s|e) type=ALL`)
	// An index read from end to end for what only the table knows.
	sqliteWhole   = regexp.MustCompile(`(?m)^SCAN (jobs|snapshots|events|s|e) USING INDEX`)
	mysqlWhole    = regexp.MustCompile(`(?m)table=(jobs|snapshots|events|s|e) type=index .*rows=(\d{5,})`)
	hasLimit      = regexp.MustCompile(`LIMIT`)
	mysqlCovering = regexp.MustCompile(`Using index`)
)

// wholeTable reports whether a plan reads all of a table that grows. A page may walk an index in its
// order, and end where the page is full.
func wholeTable(engine, plan string, whole bool) bool {
	query, rows, _ := strings.Cut(plan, "\n")
	if strings.Contains(query, "goose") {
		return false
	}
	paged := hasLimit.MatchString(plan)
	switch engine {
	case "sqlite":
		return sqliteScan.MatchString(rows) || !paged && sqliteWhole.MatchString(rows)
	case "postgres":
		return postgresScan.MatchString(rows) && !(whole && paged)
	}
	if mysqlScan.MatchString(rows) {
		return true
	}
	return mysqlWhole.MatchString(rows) && !paged && !(whole && mysqlCovering.MatchString(rows))
}

// explain is the engine's plan of a statement, a line per step.
func explain(ctx context.Context, s *store.Store, query string, args []any) (string, error) {
	conn, err := s.Pool().Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	statement := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "mysql": "EXPLAIN "}[s.Engine()] + query
	if s.Engine() == "postgres" { // the plan of the prepared statement, as it is kept, and not one for these values
		if _, err := conn.ExecContext(ctx, "PREPARE planned AS "+query); err != nil {
			return "", err
		}
		defer conn.ExecContext(ctx, "DEALLOCATE planned")
		statement, args = "EXPLAIN EXECUTE planned"+literals(args), nil
	}
	rows, err := conn.QueryContext(ctx, statement, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var plan strings.Builder
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		if s.Engine() != "mysql" { // the last column is the step
			plan.WriteString(cells[len(cells)-1].String + "\n")
			continue
		}
		for i, name := range columns {
			fmt.Fprintf(&plan, "%s=%s ", name, cells[i].String)
		}
		plan.WriteString("\n")
	}
	return plan.String(), rows.Err()
}

// literals is a list of arguments as SQL.
func literals(args []any) string {
	var list []string
	for _, a := range args {
		switch a := a.(type) {
		case nil:
			list = append(list, "NULL")
		case int, int64:
			list = append(list, fmt.Sprint(a))
		case *int64:
			if a == nil {
				list = append(list, "NULL")
			} else {
				list = append(list, fmt.Sprint(*a))
			}
		default:
			list = append(list, "'"+strings.ReplaceAll(fmt.Sprint(a), "'", "''")+"'")
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

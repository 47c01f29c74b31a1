package store_test

import (
	"fmt"
	"strings"
	"testing"

	"migwatch/internal/job"
	"migwatch/internal/store"
)

// regions is how many DTS budgets fill makes beside WeChat's one.
const regions = 300

// filledKey is the n-th job that fill makes: one in four is WeChat's.
func filledKey(n int) job.Key {
	if n%4 == 0 {
		return job.Key{Provider: job.WeChat, Scope: fmt.Sprintf("env-%d", n%50), ID: fmt.Sprint(n + 1)}
	}
	return job.Key{Provider: job.DTS, Scope: fmt.Sprintf("ap-r%d", n%regions), ID: fmt.Sprintf("dts-%d", n)}
}

// fill makes jobs with perJob snapshots and one event each, by SQL: two in three are final, one in
// fifty is due, one in fifty fails.
func fill(t testing.TB, s *store.Store, jobs, perJob int) {
	t.Helper()
	run := func(statement string) {
		t.Helper()
		if err := s.Admin(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	cat := func(parts ...string) string { // the engines differ even in this
		if s.Engine() == "mysql" {
			return "CONCAT(" + strings.Join(parts, ", ") + ")"
		}
		return "(" + strings.Join(parts, " || ") + ")"
	}
	text := func(e string) string {
		return "CAST(" + e + " AS " + map[string]string{"sqlite": "TEXT", "postgres": "TEXT", "mysql": "CHAR"}[s.Engine()] + ")"
	}
	phase := `CASE WHEN n % 10 < 5 THEN 'succeeded' WHEN n % 10 = 5 THEN 'failed' WHEN n % 100 = 6 THEN 'partial' WHEN n % 100 = 16 THEN 'missing'
		WHEN n % 100 = 26 THEN 'unknown' WHEN n % 10 = 7 THEN 'pending' ELSE 'running' END`
	provider := `CASE WHEN n % 4 = 0 THEN 'wechat' ELSE 'dts' END`
	scope := `CASE WHEN n % 4 = 0 THEN ` + cat("'env-'", text("n % 50")) + ` ELSE ` + cat("'ap-r'", text(fmt.Sprintf("n %% %d", regions))) + ` END`
	id := `CASE WHEN n % 4 = 0 THEN ` + text("n + 1") + ` ELSE ` + cat("'dts-'", text("n")) + ` END`
	budget := `CASE WHEN n % 4 = 0 THEN 'wechat' ELSE ` + cat("'dts/ap-r'", text(fmt.Sprintf("n %% %d", regions))) + ` END`
	run(fmt.Sprintf(`INSERT INTO budgets (name) SELECT DISTINCT %s FROM (%s) k`, budget, count(4*regions)))
	run(fmt.Sprintf(`INSERT INTO jobs (id, provider, scope, job_id, budget, label, phase, watched_at, changed_at, seq, next_at, error_kind, error_message, file_url)
		SELECT n + 1, %s, %s, %s, %s, %s, %s, {now} - 90000000, {now} - 80000000 + n, %d,
		CASE WHEN n %% 10 < 6 THEN NULL WHEN n %% 100 IN (8, 9) THEN {now} - 1000 ELSE {now} + 3600000 + n END,
		CASE WHEN n %% 50 = 8 THEN 'transient' ELSE '' END, '', '' FROM (%s) k`,
		provider, scope, id, budget, cat("'label '", text("n")), phase, perJob, count(jobs)))
	const chunk = 200_000
	for from := 0; from < jobs*perJob; from += chunk {
		run(fmt.Sprintf(`INSERT INTO snapshots (job, seq, phase, status, progress, message, request_id, first_observed_at, last_observed_at, observations)
			SELECT (m - m %% %d) / %d + 1, m %% %d + 1, 'running', 'running', m %% 100, 'half way', 'a-request-id-of-36-characters-or-so', {now} - 80000000 + 2 * m, {now} - 80000000 + 2 * m + 1, 3
			FROM (SELECT n + %d AS m FROM (%s) k) l ORDER BY m`, perJob, perJob, perJob, from, count(min(chunk, jobs*perJob-from))))
	}
	run(fmt.Sprintf(`INSERT INTO events (id, job, provider, scope, job_id, from_phase, to_phase, at, seq, message)
		SELECT n + 1, n + 1, %s, %s, %s, 'pending', 'running', {now} - 80000000 + n, 1, '' FROM (%s) k`, provider, scope, id, count(jobs)))
	run(fmt.Sprintf(`UPDATE sequences SET value = %d WHERE name = 'events'`, jobs))
	switch s.Engine() {
	case "postgres":
		run(fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('jobs', 'id'), %d)`, jobs+1))
		run(`VACUUM (ANALYZE)`)
	case "mysql":
		run(`ANALYZE TABLE jobs, snapshots, events, budgets`)
	default:
		run(`ANALYZE`)
	}
}

// count is a table of one column n that counts from 0 to limit-1, without recursion.
func count(limit int) string {
	digits := `(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)`
	sum, from := "d0.d", digits+" d0"
	for i, power := 1, 10; power < limit; i, power = i+1, power*10 {
		sum += fmt.Sprintf(" + %d * d%d.d", power, i)
		from += fmt.Sprintf(" CROSS JOIN %s d%d", digits, i)
	}
	return fmt.Sprintf(`SELECT %s AS n FROM %s WHERE %s < %d`, sum, from, sum, limit)
}

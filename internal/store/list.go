package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"migwatch/internal/job"
)

// A search for a text reads all jobs that the rest of the filter leaves. So searches have a time of their
// own, and only some connections: whoever asks for anything else does not wait for them.
const mostSearches = 2

var searchTime = 5 * time.Second // a test shortens it

// Jobs lists jobs that f chooses, the most recently changed first, from beyond after.
func (s *Store) Jobs(ctx context.Context, f job.Filter, after *job.Place, limit int) ([]job.Listed, error) {
	if f.Text != "" {
		return s.search(ctx, f, after, limit)
	}
	return s.list(ctx, f, after, limit)
}

// search runs a list that looks for a text. One that takes too long is ended and not tried again: it
// would take as long the next time.
func (s *Store) search(ctx context.Context, f job.Filter, after *job.Place, limit int) ([]job.Listed, error) {
	waiting, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	select {
	case s.searches <- struct{}{}:
		defer func() { <-s.searches }()
	case <-waiting.Done():
		return nil, &job.NotReadyError{Reason: fmt.Sprintf("%d other searches for a text are under way; try again", mostSearches), Err: waiting.Err()}
	}
	limited, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	found, err := s.list(limited, f, after, limit)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, &job.NotReadyError{Reason: fmt.Sprintf("the search for this text took longer than %s and was ended: narrow it by provider, scope or phase", searchTime), Err: err}
	}
	return found, err
}

func (s *Store) list(ctx context.Context, f job.Filter, after *job.Place, limit int) ([]job.Listed, error) {
	statement, args := listSelect(f, after, limit)
	list, err := read(ctx, s, func(rows scanner) (job.Listed, error) {
		r, err := s.scanJob(rows)
		return job.Listed{Job: r.job, Place: job.Place{ChangedAt: r.job.ChangedAt, Row: r.id}}, err
	}, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return list, nil
}

const listOrder = ` ORDER BY jobs.changed_at DESC, jobs.id DESC`

// listSelect is the statement of a page. With a provider or phases to choose, each pair of both is a page
// of its own, read off one index in its order, and the pages are merged: with IN, engines would read all
// of a phase and sort, or all jobs; and an index for each kind of filter would cost every write.
func listSelect(f job.Filter, after *job.Place, limit int) (string, []any) {
	where, args := listWhere(f, after)
	pairs := listPairs(f)
	if len(pairs) == 0 {
		return `SELECT ` + jobColumns + jobTables + conditions(where) + listOrder + ` LIMIT ?`, append(args, limit)
	}
	where = append(where, `jobs.provider = ? AND jobs.phase = ?`)
	if len(pairs) == 1 {
		args = append(args, string(pairs[0].provider), string(pairs[0].phase), limit)
		return `SELECT ` + jobColumns + jobTables + conditions(where) + listOrder + ` LIMIT ?`, args
	}
	page := `SELECT jobs.id, jobs.changed_at FROM jobs ` + conditions(where) + listOrder + ` LIMIT ?`
	var union strings.Builder
	var all []any
	for i, p := range pairs {
		if i > 0 {
			union.WriteString(` UNION ALL `)
		}
		union.WriteString(`SELECT id, changed_at FROM (` + page + `) p`)
		all = append(append(all, args...), string(p.provider), string(p.phase), limit)
	}
	ids := `SELECT id FROM (` + union.String() + `) u ORDER BY changed_at DESC, id DESC LIMIT ?`
	return `SELECT ` + jobColumns + ` FROM (` + ids + `) page JOIN jobs ON jobs.id = page.id LEFT JOIN snapshots s ON s.job = jobs.id AND s.seq = jobs.seq` + listOrder,
		append(all, limit)
}

type listPair struct {
	provider job.Provider
	phase    job.Phase
}

// listPairs is what f chooses of providers and phases; nothing where it chooses all, or where a scope,
// which lies in one provider, has an index of its own.
func listPairs(f job.Filter) []listPair {
	if f.Provider == "" && len(f.Phases) == 0 || f.Scope != "" && len(f.Phases) == 0 {
		return nil
	}
	providers, phases := job.Providers, job.Phases
	if f.Provider != "" {
		providers = []job.Provider{f.Provider}
	}
	if len(f.Phases) > 0 {
		phases = slices.Compact(slices.Sorted(slices.Values(f.Phases)))
	}
	var pairs []listPair
	for _, provider := range providers {
		for _, phase := range phases {
			pairs = append(pairs, listPair{provider, phase})
		}
	}
	return pairs
}

func conditions(where []string) string {
	if len(where) == 0 {
		return ``
	}
	return `WHERE ` + strings.Join(where, ` AND `)
}

// listWhere is what f and after ask for, but for the pairs.
func listWhere(f job.Filter, after *job.Place) (where []string, args []any) {
	if f.Scope != "" {
		if f.Provider != "" && len(f.Phases) == 0 {
			where, args = append(where, `jobs.provider = ?`), append(args, string(f.Provider))
		}
		where, args = append(where, `jobs.scope = ?`), append(args, f.Scope)
	}
	if f.Text != "" {
		// Both sides go through the engine's LOWER, for what it does with letters beyond ASCII differs.
		like := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(f.Text) + "%"
		where = append(where, `(LOWER(jobs.job_id) LIKE LOWER(?) ESCAPE '!' OR LOWER(jobs.scope) LIKE LOWER(?) ESCAPE '!' OR LOWER(jobs.label) LIKE LOWER(?) ESCAPE '!')`)
		args = append(args, like, like, like)
	}
	if after != nil {
		// The first half lets the index start at the place; the second leaves out its equals.
		where = append(where, `jobs.changed_at <= ? AND (jobs.changed_at < ? OR jobs.id < ?)`)
		args = append(args, millis(after.ChangedAt), millis(after.ChangedAt), after.Row)
	}
	return where, args
}

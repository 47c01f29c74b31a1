package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"migwatch/client"
)

type exportCmd struct {
	jobFilter
	Format string `enum:",csv,ndjson" default:"" placeholder:"NAME" help:"csv or ndjson; unless given, what the file's name says, or csv."`
	Output string `short:"o" placeholder:"FILE" predictor:"file" help:"Write to FILE instead of stdout."`
}

// exported is a job as export writes it and import reads it: what was set, not what was seen.
type exported struct {
	Provider string `json:"provider"`
	Scope    string `json:"scope"`
	JobID    string `json:"job_id"`
	Label    string `json:"label"`
	Paused   bool   `json:"paused"`
}

// Run writes which jobs are watched, in the order of their keys, so that two exports can be compared.
func (cmd *exportCmd) Run(ctx context.Context, sh *shell) error {
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	jobs, err := allJobs(ctx, c, cmd.filter(maxPage))
	if err != nil {
		return err
	}
	places, err := cmd.places(ctx, c)
	if err != nil {
		return err
	}
	jobs = append(places, jobs...)
	write := writeCSV
	if sh.JSON && cmd.Format == "" {
		write = writeArray
	} else if cmd.Format == "ndjson" || cmd.Format == "" && isNDJSON(cmd.Output) {
		write = writeNDJSON
	}
	if cmd.Output == "" || cmd.Output == "-" {
		return write(sh.out, jobs)
	}
	if err := writeFile(cmd.Output, func(w io.Writer) error { return write(w, jobs) }); err != nil {
		return err
	}
	fmt.Fprintf(sh.err, "%d job%s exported to %s\n", len(jobs), plural(len(jobs)), cmd.Output)
	return nil
}

// everyJob stands in the place of a job's ID for all jobs of a place: a discovery. Where it also takes finished
// jobs, its label says so.
const (
	everyJob     = "*"
	withFinished = "finished"
)

// places are the discoveries that the filter leaves, as lines of an export.
func (cmd *exportCmd) places(ctx context.Context, c *client.Client) (lines []exported, err error) {
	if len(cmd.Phase) > 0 || cmd.Query != "" {
		return nil, nil
	}
	all, err := c.Discoveries(ctx)
	for _, d := range all {
		if cmd.Provider != "" && cmd.Provider != d.Provider || cmd.Scope != "" && cmd.Scope != d.Scope {
			continue
		}
		label := ""
		if d.Finished {
			label = withFinished
		}
		lines = append(lines, exported{d.Provider, d.Scope, everyJob, label, d.Paused})
	}
	return lines, err
}

// take watches what a line of a file names, a job or a place. created tells whether it is new.
func take(ctx context.Context, c *client.Client, r record) (v any, created bool, err error) {
	if r.key.JobID != everyJob {
		j, created, err := c.Watch(ctx, r.key, r.change())
		return withoutURL(j), created, err
	}
	change := client.DiscoveryChange{Paused: r.paused}
	if r.label != nil {
		finished := *r.label == withFinished
		change.Finished = &finished
	}
	return c.Discover(ctx, r.key.Provider, r.key.Scope, change)
}

func isNDJSON(name string) bool {
	return slices.Contains([]string{".ndjson", ".jsonl", ".json"}, strings.ToLower(filepath.Ext(name)))
}

// allJobs misses none. The list has the most recently changed first, so a job that changes while the
// pages are read moves in front of them: what has changed since the first page is read once more.
func allJobs(ctx context.Context, c *client.Client, f client.JobFilter) ([]exported, error) {
	found := map[client.Key]exported{}
	var before time.Time // read up to what has changed then
	for {
		var newest time.Time
		added := false
		for j, err := range c.Jobs(ctx, f) {
			if err != nil {
				return nil, err
			}
			if newest.IsZero() {
				newest = j.ChangedAt
			}
			if j.ChangedAt.Before(before) {
				break
			}
			if _, known := found[j.Key()]; !known {
				found[j.Key()], added = exported{j.Provider, j.Scope, j.JobID, j.Label, j.Paused}, true
			}
		}
		if before = newest; !added {
			break
		}
	}
	jobs := make([]exported, 0, len(found))
	for _, j := range found {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b exported) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Scope, b.Scope), strings.Compare(a.JobID, b.JobID))
	})
	return jobs, nil
}

func writeCSV(w io.Writer, jobs []exported) error {
	out := csv.NewWriter(rowsTo(w))
	_ = out.Write(csvColumns)
	for _, j := range jobs {
		_ = out.Write([]string{j.Provider, j.Scope, j.JobID, cellOf(j.Label), strconv.FormatBool(j.Paused)})
	}
	out.Flush()
	return out.Error()
}

func writeNDJSON(w io.Writer, jobs []exported) error {
	out := bufio.NewWriter(w)
	for _, j := range jobs {
		if err := printJSON(out, j); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeArray(w io.Writer, jobs []exported) error {
	out := &list{w: w}
	for _, j := range jobs {
		if err := out.add(j); err != nil {
			return err
		}
	}
	return out.end()
}

// writeFile puts a whole regular file in place of an old one, with the old one's mode, or leaves the old
// one as it was. A new file is its owner's alone. What is no regular file, such as a symbolic link, a
// pipe or /dev/stdout, is written to as it stands.
func writeFile(name string, write func(io.Writer) error) (err error) {
	mode := fs.FileMode(0o600)
	switch old, err := os.Lstat(name); {
	case err == nil && !old.Mode().IsRegular():
		return writeInPlace(name, write)
	case err == nil:
		mode = old.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func writeInPlace(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

type importCmd struct {
	File   string `arg:"" optional:"" predictor:"file" default:"-" help:"CSV or NDJSON as export writes it, jobs --json, or a KEY a line; - is stdin."`
	DryRun bool   `help:"Only check the file."`
}

// importReport is what import prints as JSON.
type importReport struct {
	New   int `json:"new"`
	Known int `json:"known"`
}

// Run watches every job of a file, with its label and pause. Jobs the file does not name stay.
func (cmd *importCmd) Run(ctx context.Context, sh *shell) error {
	records, err := sh.recordsOf(cmd.File)
	if err != nil {
		return err
	}
	if cmd.DryRun && sh.JSON {
		return printJSON(sh.out, map[string]int{"jobs": len(records)})
	}
	if cmd.DryRun {
		_, err := fmt.Fprintf(sh.out, "%d job%s, nothing wrong\n", len(records), plural(len(records)))
		return err
	}
	c, err := sh.open(ctx)
	if err != nil {
		return err
	}
	var report importReport
	err = sh.apply(ctx, records, func(ctx context.Context, r record) (string, any, error) {
		_, created, err := take(ctx, c, r)
		if created {
			return "watching", nil, err
		}
		return "known", nil, err
	}, func(word string, _ any, _ client.Key) error {
		if word == "watching" {
			report.New++
		} else {
			report.Known++
		}
		return nil
	})
	if sh.JSON {
		return errors.Join(err, printJSON(sh.out, report))
	}
	_, printErr := fmt.Fprintf(sh.out, "%d new, %d known\n", report.New, report.Known)
	return errors.Join(err, printErr)
}

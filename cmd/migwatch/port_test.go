package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"migwatch/client"
)

// restless is a server whose jobs change while they are listed: with each page another one of the last
// moves to the front.
func restless(t *testing.T, n, moves int) *client.Client {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var jobs []client.Job
	for i := range n {
		jobs = append(jobs, client.Job{Provider: client.DTS, Scope: "ap-x", JobID: fmt.Sprintf("dts-%02d", i), ChangedAt: now.Add(-time.Duration(i) * time.Minute)})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The cursor is the instant and the ID after which the page begins, as the API's is.
		after, page := r.URL.Query().Get("cursor"), client.Page[client.Job]{}
		for _, j := range jobs {
			at := strconv.FormatInt(1<<40-j.ChangedAt.Unix(), 10) + j.JobID
			if after != "" && at <= after {
				continue
			}
			if len(page.Items) == 2 {
				last := page.Items[1]
				page.Next = strconv.FormatInt(1<<40-last.ChangedAt.Unix(), 10) + last.JobID
				break
			}
			page.Items = append(page.Items, j)
		}
		_ = json.NewEncoder(w).Encode(page)
		if moves > 0 {
			moves--
			last := jobs[len(jobs)-1]
			last.ChangedAt = now.Add(time.Duration(100-moves) * time.Second)
			jobs = slices.Insert(jobs[:len(jobs)-1], 0, last)
		}
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestExportMissesNone(t *testing.T) {
	for moves := range 12 {
		jobs, err := allJobs(t.Context(), restless(t, 9, moves), client.JobFilter{})
		if err != nil || len(jobs) != 9 || !slices.IsSortedFunc(jobs, func(a, b exported) int { return slices.Compare([]byte(a.JobID), []byte(b.JobID)) }) {
			t.Errorf("%d moves: %d jobs, %v: %v", moves, len(jobs), err, jobs)
		}
	}
}

func TestWriteFileKeepsTheOld(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out.csv")
	write := func(text string, fail error) error {
		return writeFile(name, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, fail)
		})
	}
	if err := write("old", nil); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := write("new", broken); !errors.Is(err, broken) {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(name))
	if b, readErr := os.ReadFile(name); string(b) != "old" || readErr != nil || err != nil || len(left) != 1 {
		t.Errorf("%q, %v, %v, %v", b, readErr, left, err)
	}
}

// A file of ours is its owner's alone, an old one keeps its mode, and what is no regular file stays what it is.
func TestWriteFileKeepsTheKind(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "out.csv"), filepath.Join(dir, "link.csv")
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello"); return err }
	mode := func(want os.FileMode) {
		t.Helper()
		if info, err := os.Lstat(name); err != nil || info.Mode() != want {
			t.Errorf("%v, %v, not %v", info.Mode(), err, want)
		}
	}
	if err := writeFile(name, hello); err != nil {
		t.Fatal(err)
	}
	mode(0o600)
	if err := errors.Join(os.Chmod(name, 0o640), writeFile(name, hello)); err != nil {
		t.Fatal(err)
	}
	mode(0o640)
	if err := errors.Join(os.WriteFile(name, []byte("a longer text"), 0o640), os.Symlink(name, link), writeFile(link, hello)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if b, readErr := os.ReadFile(name); err != nil || info.Mode().Type() != os.ModeSymlink || string(b) != "hello" || readErr != nil {
		t.Errorf("%v, %v, %q, %v", info.Mode(), err, b, readErr)
	}
	mode(0o640)
}

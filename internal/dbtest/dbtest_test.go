package dbtest_test

import (
	"context"
	"database/sql"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"migwatch/internal/dbtest"
)

// TestOnlyTestsImport holds the package out of every binary.
func TestOnlyTestsImport(t *testing.T) {
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range file.Imports {
			if name, _ := strconv.Unquote(i.Path.Value); name == "migwatch/internal/dbtest" {
				t.Errorf("%s imports %s and is no test", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServersAreFreshAndRestart(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.NewPostgres, "mysql": dbtest.NewMySQL} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			one, two := s.Database(t), s.Database(t)
			if one == two {
				t.Fatalf("two tests got the database %s", one)
			}
			s.Kill()
			s.Start(t)
			s.Admin(t, "SELECT 1")
		})
	}
}

// TestServersEndWithTheirProcess kills a test process that has started servers, and looks for what is left.
func TestServersEndWithTheirProcess(t *testing.T) {
	if folder := os.Getenv("DBTEST_CHILD"); folder != "" {
		dbtest.Postgres(t).Database(t)
		dbtest.MySQL(t).Database(t)
		if err := os.WriteFile(filepath.Join(folder, "up"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		select {}
	}
	folder, err := os.MkdirTemp("", "dbtest") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	child := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheirProcess$", "-test.v")
	child.Env = append(os.Environ(), "DBTEST_CHILD="+folder, "TMPDIR="+folder)
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = child.Wait(); close(ended) }()
	up := func() bool { _, err := os.Stat(filepath.Join(folder, "up")); return err == nil }
	for deadline := time.Now().Add(2 * time.Minute); !up() && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			if strings.Contains(said.String(), "--- SKIP") {
				dbtest.Absent(t, "the child skipped: %s", said.String())
			}
			t.Fatalf("the child ended: %s", said.String())
		default:
		}
	}
	homes, _ := filepath.Glob(filepath.Join(folder, "migwatch-db-*"))
	if len(homes) != 2 {
		t.Errorf("%d servers have a folder, want 2", len(homes))
	}
	_ = child.Process.Signal(syscall.SIGKILL)
	<-ended
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if homes, _ = filepath.Glob(filepath.Join(folder, "migwatch-db-*")); len(homes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", homes)
		}
	}
}

func TestURLsReachTheServer(t *testing.T) {
	s := dbtest.Postgres(t)
	name := s.Database(t)
	for _, url := range []string{s.URL(name), s.SocketURL(name)} {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.QueryRowContext(context.Background(), "SELECT current_database()").Scan(&got); err != nil || got != name {
			t.Errorf("reached %q, err %v", got, err)
		}
		db.Close()
	}
}

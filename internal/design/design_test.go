// Package design_test holds the house of docs/design.md together: which package may import which,
// which outside library has which door, and how long a file may get.
package design_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const top = "../.."

// module is this module's path, which make module changes.
var module, _, _ = strings.Cut(reflect.TypeOf(own{}).PkgPath(), "/internal/")

type own struct{}

// may lists what each package may import of ours. A package that is not here may not exist.
var may = map[string][]string{
	"internal/job":                    {},
	"internal/pace":                   {},
	"internal/secret":                 {},
	"internal/dburl":                  {"internal/secret"},
	"internal/sink":                   {"internal/job", "internal/secret"},
	"internal/config":                 {"internal/sink", "internal/dburl", "internal/job", "internal/secret"},
	"internal/emulator":               {},
	"internal/cloudapi":               {"internal/job", "internal/secret"},
	"internal/cloudapi/wechat":        {"internal/cloudapi", "internal/job", "internal/secret"},
	"internal/cloudapi/wechat/ticket": {"internal/secret"},
	"internal/cloudapi/dts":           {"internal/cloudapi", "internal/job", "internal/secret"},
	"internal/store":                  {"internal/dburl", "internal/job", "internal/pace", "internal/secret", "migrations"},
	"internal/store/storetest":        {"internal/job", "internal/pace", "internal/secret", "internal/store"},
	"internal/dbtest":                 {},
	"internal/poller":                 {"internal/job", "internal/pace"},
	"internal/view":                   {"internal/job"},
	"internal/notify":                 {"internal/job", "internal/secret", "internal/sink", "internal/view"},
	"internal/notify/notifytest":      {},
	"internal/httpapi":                {"internal/job", "internal/secret", "internal/view"},
	"internal/web":                    {"internal/job", "internal/secret"},
	"internal/metrics":                {"internal/job"},
	"internal/scf":                    {},
	"internal/scf/scftest":            {},
	"internal/app":                    {"internal/config", "internal/job", "internal/secret", "internal/store"},
	"internal/app/tick": {"internal/app", "internal/cloudapi", "internal/cloudapi/dts", "internal/cloudapi/wechat", "internal/config",
		"internal/job", "internal/notify", "internal/pace", "internal/poller", "internal/secret", "internal/store"},
	"internal/app/api": {"internal/app", "internal/cloudapi/wechat/ticket", "internal/config", "internal/httpapi", "internal/job", "internal/metrics",
		"internal/scf", "internal/secret", "internal/store", "internal/web"},
	"internal/app/local": nil, // what only the command wires
	"migrations":         {},
	"client":             {},
	"functions/poll":     {"internal/app", "internal/app/tick", "internal/config", "internal/scf"},
	"functions/query":    {"internal/app", "internal/app/api", "internal/config", "internal/scf"},
	"cmd/migwatch":       nil, // anything: it is where all parts meet on one machine
	"scripts":            nil,
}

// doors lists the packages that may use an outside library, by the library's prefix.
var doors = map[string][]string{
	"github.com/tencentyun/scf-go-lib": {"internal/scf", "internal/scf/scftest"},
	"gorm.io":                          {"internal/store"},
	"modernc.org":                      {"internal/store"},
	"github.com/jackc":                 {"internal/store", "internal/dbtest"},
	"github.com/go-sql-driver":         {"internal/store", "internal/dbtest"},
	"github.com/pressly/goose":         {"internal/store"},
	"github.com/cenkalti/backoff":      {"internal/store", "internal/cloudapi/wechat", "internal/poller"},
	"github.com/tencentcloud":          {"internal/cloudapi/dts"},
	"github.com/danielgtaylor/huma":    {"internal/httpapi"},
	"github.com/prometheus":            {"internal/metrics"},
	"github.com/caarlos0/env":          {"internal/config"},
	"github.com/agnivade/levenshtein":  {"internal/job"},
	"github.com/alecthomas/kong":       {"cmd/migwatch"},
	"github.com/willabides/kongplete":  {"cmd/migwatch"},
	"github.com/posener/complete":      {"cmd/migwatch"},
	"golang.org/x/term":                {"cmd/migwatch"},
	"golang.org/x":                     {"internal/cloudapi", "internal/cloudapi/wechat", "internal/app/tick", "cmd/migwatch", "internal/httpapi", "internal/web"},
	"github.com/wneessen/go-mail":      {"internal/notify"},
	"github.com/google/go-cmp":         {"internal/store/storetest"},
}

// pure packages see no clock, no process and no network, whatever the standard library offers.
var impure = map[string][]string{
	"internal/pace":   {"os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "database/sql"},
	"internal/job":    {"os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "database/sql"},
	"internal/dburl":  {"os", "net/http", "log", "math/rand", "math/rand/v2", "database/sql"},
	"internal/view":   {"os", "net", "net/http", "log", "math/rand", "math/rand/v2", "database/sql"},
	"internal/sink":   {"os", "net/http", "log", "math/rand", "math/rand/v2", "database/sql"},
	"internal/config": {"os", "net/http", "log", "math/rand", "math/rand/v2", "database/sql"},
	"internal/secret": {"os", "net", "net/http", "math/rand", "math/rand/v2", "database/sql"},
}

type file struct {
	path, dir string // from the top, with slashes
	test      bool
	syntax    *ast.File
	set       *token.FileSet
	lines     int
}

// files parses every Go file of the project.
func files(t *testing.T) []file {
	t.Helper()
	var all []file
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "build" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != top) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, path, b, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		rel = filepath.ToSlash(rel)
		all = append(all, file{rel, filepath.ToSlash(filepath.Dir(rel)), strings.HasSuffix(rel, "_test.go"), syntax, set, strings.Count(string(b), "\n")})
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		allowed, known := may[f.dir]
		for dir := f.dir; !known && dir != "."; dir = filepath.ToSlash(filepath.Dir(dir)) {
			if allowed, known = may[dir]; known && allowed != nil {
				known = false // only a package without limits passes them on to its folders
			}
		}
		if !known {
			t.Errorf("%s: the house has no room %s", f.path, f.dir)
		}
		for _, spec := range f.syntax.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if ours, ok := strings.CutPrefix(path, module+"/"); ok {
				if allowed != nil && !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s", f.path, ours)
				}
			} else if strings.Contains(path, ".") {
				checkDoor(t, f, path)
			} else if slices.Contains(impure[f.dir], path) {
				t.Errorf("%s imports %s: its package is pure", f.path, path)
			}
		}
	}
}

func checkDoor(t *testing.T, f file, path string) {
	t.Helper()
	for prefix, rooms := range doors {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			for _, room := range rooms {
				if f.dir == room || may[room] == nil && strings.HasPrefix(f.dir, room+"/") {
					return
				}
			}
			t.Errorf("%s imports %s, whose door is %s", f.path, path, strings.Join(rooms, ", "))
			return
		}
	}
	t.Errorf("%s imports %s, which has no door", f.path, path)
}

// TestBinariesStaySmall: what a function does not need, it does not link.
func TestBinariesStaySmall(t *testing.T) {
	for binary, banned := range map[string][]string{
		"functions/poll":  {"migwatch/internal/httpapi", "migwatch/internal/web", "migwatch/internal/emulator", "github.com/danielgtaylor/huma/v2", "github.com/prometheus/client_golang/prometheus", "github.com/alecthomas/kong"},
		"functions/query": {"migwatch/internal/poller", "migwatch/internal/cloudapi", "migwatch/internal/cloudapi/dts", "migwatch/internal/cloudapi/wechat", "migwatch/internal/emulator", "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common", "github.com/alecthomas/kong"},
	} {
		cmd := exec.Command("go", "list", "-deps", "./"+binary)
		cmd.Dir = top
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			if slices.Contains(banned, dep) {
				t.Errorf("%s links %s", binary, dep)
			}
		}
	}
}

// TestProcessIsTouchedAtTheTop: the clock, the environment and the end of the process belong to mains
// and to app. Timers, deadlines and what is measured between two instants of one process do not count;
// the rooms that measure so are named here.
func TestProcessIsTouchedAtTheTop(t *testing.T) {
	free := []string{"internal/app", "internal/app/tick", "internal/app/api", "functions/poll", "functions/query", "internal/dbtest", "internal/scf/scftest", "internal/store/storetest", "internal/notify/notifytest"}
	measures := []string{"internal/poller", "internal/store", "internal/scf", "internal/cloudapi"}
	for _, f := range files(t) {
		if f.test || slices.Contains(free, f.dir) || strings.HasPrefix(f.dir, "cmd/") || strings.HasPrefix(f.dir, "scripts") || strings.HasPrefix(f.dir, "internal/app/") {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch name := pkg.Name + "." + sel.Sel.Name; name {
			case "time.Now":
				if !slices.Contains(measures, f.dir) {
					t.Errorf("%s uses %s", f.set.Position(n.Pos()), name)
				}
			case "os.Getenv", "os.Exit", "os.LookupEnv", "os.Environ", "os.Setenv":
				t.Errorf("%s uses %s", f.set.Position(n.Pos()), name)
			}
			return true
		})
	}
}

const (
	longestFile     = 300
	longestFunction = 50
)

func TestFilesTellOneStory(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		if f.test {
			continue
		}
		documented[f.dir] = documented[f.dir] || f.syntax.Doc != nil
		if f.lines > longestFile {
			t.Errorf("%s has %d lines", f.path, f.lines)
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			from, to := f.set.Position(fn.Pos()).Line, f.set.Position(fn.End()).Line
			if n := to - from + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines", f.set.Position(fn.Pos()), fn.Name.Name, n)
			}
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for", dir)
		}
	}
}

func TestMainsAreShort(t *testing.T) {
	for _, name := range []string{"poll", "query"} {
		b, err := os.ReadFile(filepath.Join(top, "functions", name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n > 40 {
			t.Errorf("functions/%s/main.go has %d lines", name, n)
		}
	}
}

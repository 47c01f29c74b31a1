package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

// sqlTakers are the methods that take SQL as text, and which of their arguments it is. GORM takes SQL
// in all of these, whatever their names promise.
var sqlTakers = map[string]int{
	"Raw": 0, "Exec": 0, "Where": 0, "Or": 0, "Not": 0, "Having": 0, "Order": 0, "Group": 0, "Select": 0, "Omit": 0, "Joins": 0, "InnerJoins": 0,
	"Table": 0, "Pluck": 0, "Distinct": 0, "UpdateColumn": 0, "Update": 0, "Expr": 0, "First": 1, "Find": 1, "Take": 1, "Last": 1, "Delete": 1,
	"ExecContext": 1, "QueryContext": 1, "QueryRowContext": 1, "PrepareContext": 1, "QueryRow": 0, "Prepare": 0, "run": 1, "do": 1, "single": 2, "singleIn": 2, "each": 2, "collect": 3, "read": 3, "sinkRows": 1, "oneRow": 2,
	"WriteString": 0, // a builder's own
}

// builders are the store's own makers of SQL: their bodies are checked like any other place. Those marked
// true take SQL, so what they are given is checked, too; the others take what was asked for and must
// turn it into parameters. fields are texts of a dialect, of the migration's lock,
// and of the lists of a session's settings.
var (
	builders = map[string]bool{"listSelect": false, "listWhere": false, "historySelect": false, "eventsSelect": false,
		"mysqlSet": true, "mysqlAsk": true, "postgresSet": true, "postgresAsk": true, "sqliteAsk": true,
		"sql": true, "bind": true, "update": false, "derived": true, "tuples": true, "conditions": true, "append": true, "String": true, "Join": true, "Repeat": true}
	fields = map[string]bool{"clock": true, "now": true, "integer": true, "text": true, "create": true, "first": true, "swap": true, "free": true, "variable": true, "literal": true, "only": true}
)

// TestSQLIsMadeOfConstants follows every text that goes to GORM or database/sql back to constants and to
// the store's own builders. A condition made from input would be the one way to inject SQL.
func TestSQLIsMadeOfConstants(t *testing.T) {
	set := token.NewFileSet()
	var files []*ast.File
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			file, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}}  // no imports: what they hold is no constant of ours,
	_, _ = config.Check("store", set, files, info) // and counts as a text from outside
	v := sqlVet{info: info, t: t, set: set}
	for _, file := range files {
		ast.Inspect(file, v.rowsUpdate)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
				v.function(f)
			}
		}
	}
	if v.checked < 30 {
		t.Errorf("only %d statements were found: the test looks in the wrong place", v.checked)
	}
}

type sqlVet struct {
	info    *types.Info
	t       testing.TB
	set     *token.FileSet
	checked int
	assigns map[string][]ast.Expr // what a function's variables were given
	params  map[string]bool
	name    string
}

// rowsUpdate holds what an UPDATE of many rows is made of to constants.
func (v *sqlVet) rowsUpdate(n ast.Node) bool {
	if made, ok := n.(*ast.CompositeLit); ok {
		if of, ok := made.Type.(*ast.Ident); ok && of.Name == "rowsUpdate" {
			for _, part := range made.Elts {
				v.checked++
				v.text(part, 0)
			}
		}
	}
	return true
}

func (v *sqlVet) function(f *ast.FuncDecl) {
	switch f.Name.Name {
	case "bind", "spread", "update", "build": // take SQL apart and put it together again
		return
	}
	v.name, v.assigns, v.params = f.Name.Name, map[string][]ast.Expr{}, map[string]bool{}
	for _, p := range f.Type.Params.List {
		for _, n := range p.Names {
			v.params[n.Name] = true
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok {
					right := n.Rhs[0]
					if len(n.Rhs) == len(n.Lhs) {
						right = n.Rhs[i]
					}
					v.assigns[id.Name] = append(v.assigns[id.Name], right)
				}
			}
		case *ast.RangeStmt:
			if id, ok := n.Value.(*ast.Ident); ok {
				v.assigns[id.Name] = append(v.assigns[id.Name], n.X)
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if i < len(n.Values) {
					v.assigns[id.Name] = append(v.assigns[id.Name], n.Values[i])
				}
			}
		}
		return true
	})
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 && f.Name.Name != "sql" {
			if _, builds := builders[f.Name.Name]; !builds {
				return true
			}
			v.text(r.Results[0], 0)
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		at, takes := 0, false
		switch f := call.Fun.(type) {
		case *ast.Ident:
			at, takes = sqlTakers[f.Name]
		case *ast.SelectorExpr:
			if x, ok := f.X.(*ast.Ident); ok {
				if _, isPackage := v.info.Uses[x].(*types.PkgName); isPackage {
					return true
				}
			}
			at, takes = sqlTakers[f.Sel.Name]
		}
		if !takes || at >= len(call.Args) {
			return true
		}
		if first, ok := call.Args[at].(*ast.Ident); ok && first.Name == "ctx" {
			at++ // a driver's own method
		}
		if !v.maybeText(call.Args[at]) {
			return true
		}
		v.checked++
		v.text(call.Args[at], 0)
		return true
	})
}

// text complains about parts of e that are neither constants nor a builder's.
func (v *sqlVet) text(e ast.Expr, depth int) {
	if tv, ok := v.info.Types[e]; ok && (tv.Value != nil || tv.IsNil()) || depth > 20 {
		return
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		v.text(e.X, depth+1)
		v.text(e.Y, depth+1)
		return
	case *ast.ParenExpr:
		v.text(e.X, depth+1)
		return
	case *ast.CallExpr:
		name := ""
		switch f := e.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if checks, known := builders[name]; known {
			for _, a := range e.Args {
				if checks && v.maybeText(a) {
					v.text(a, depth+1)
				}
			}
			return
		}
	case *ast.SelectorExpr:
		if fields[e.Sel.Name] {
			return
		}
	case *ast.Ident:
		if given := v.assigns[e.Name]; len(given) > 0 {
			for _, g := range given {
				v.text(g, depth+1)
			}
			return
		}
		if v.params[e.Name] && v.parameters(e.Name) {
			return
		}
	}
	v.t.Errorf("%s: SQL is made of something that is neither a constant nor a builder's", v.set.Position(e.Pos()))
}

// maybeText reports whether e is a text, a list of texts, or of a type not known here.
func (v *sqlVet) maybeText(e ast.Expr) bool {
	kind := v.info.Types[e].Type
	if list, ok := kind.(*types.Slice); ok {
		kind = list.Elem()
	}
	basic, ok := kind.(*types.Basic)
	return kind == nil || ok && (basic.Kind() == types.Invalid || basic.Info()&types.IsString != 0)
}

// parameters reports whether the function's parameter of that name is SQL by agreement: its callers pass
// constants, which this test's own list holds them to.
func (v *sqlVet) parameters(name string) bool {
	switch v.name {
	case "deleteInPieces":
		return name == "find" || name == "remove"
	case "run", "do", "single", "singleIn", "each", "collect", "read", "sinkRows", "oneRow": // their callers are checked
		return name == "statement"
	case "derived", "conditions": // the tables', columns' and conditions' names
		return true
	}
	return false
}

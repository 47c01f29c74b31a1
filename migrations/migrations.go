// Package migrations holds the schema of every engine as forward-only SQL, embedded. It knows no
// database: package store applies it and checks it.
package migrations

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed sqlite/*.sql mysql/*.sql postgres/*.sql
var files embed.FS

// FS gives the migrations of engine: "sqlite", "mysql" or "postgres".
func FS(engine string) (fs.FS, error) { return fs.Sub(files, engine) }

// Version is the schema version this build works with: the highest number of engine's migrations.
func Version(engine string) int64 {
	entries, err := files.ReadDir(engine)
	if err != nil {
		return 0
	}
	var newest int64
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > newest {
			newest = n
		}
	}
	return newest
}

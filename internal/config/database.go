package config

import (
	"path"
	"strings"

	"migwatch/internal/dburl"
	"migwatch/internal/secret"
)

const (
	databaseURL   = "MIGWATCH_DATABASE_URL"
	localDatabase = "sqlite:migwatch.db"
	// workDir is where a relative path leads in a function.
	workDir = "/var/user"
)

func (l *loader) database(given secret.Text) dburl.Database {
	if given.IsZero() {
		if l.place != Local || l.cloud {
			if !l.has(databaseURL) && !l.has(databaseURL+fileSuffix) {
				l.add(databaseURL, "is missing; give %s", dburl.Forms)
			}
			return dburl.Database{}
		}
		given = secret.New(localDatabase)
	}
	d, err := dburl.Parse(given)
	if err != nil {
		l.add(databaseURL, "%s", err)
		return dburl.Database{}
	}
	if d.Engine == dburl.SQLite && l.cloud {
		if where := lost(d.Path); where != "" {
			l.add(databaseURL, "is SQLite in %s, and in the cloud that is lost with the instance; "+
				"use mysql:// or postgres://, or a path on a mounted file system such as sqlite:/mnt/migwatch.db", where)
		}
	}
	return d
}

// lost says which folder that does not last p leads into, "" for none.
func lost(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(workDir, p)
	}
	p = path.Clean(p)
	for _, dir := range []string{"/tmp", workDir, "/var/tmp", "/dev", "/proc"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return dir
		}
	}
	return ""
}

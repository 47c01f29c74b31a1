package config

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"migwatch/internal/secret"
)

// Engine is the SQL engine, or the one whose protocol is spoken.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	MySQL    Engine = "mysql"    // and MariaDB, TDSQL-C, TiDB
	Postgres Engine = "postgres" // and CockroachDB, YugabyteDB
)

const (
	databaseURL   = "MIGWATCH_DATABASE_URL"
	localDatabase = "sqlite:migwatch.db"
	databaseForms = "sqlite:PATH, mysql://user:pass@host:3306/db or postgres://user:pass@host:5432/db"
	// workDir is where a relative path leads in a function.
	workDir = "/var/user"
)

// Database is where the store lives. It is classified and checked here; the store makes the driver's
// DSN of it. Parts are percent-decoded.
type Database struct {
	Engine   Engine
	URL      secret.Text // as given
	Path     string      // SQLite's file, or ":memory:"
	User     string
	Password secret.Text
	Host     string     // with the port, if any; "" for a unix socket
	Socket   string     // unix socket: MySQL's file (?socket=), PostgreSQL's folder (?host=)
	Name     string     // of the database
	Params   url.Values // all other parameters, for the driver: TLS and the like
}

// Describe names the database without a secret, for logs and doctor.
func (d Database) Describe() string {
	switch {
	case d.Engine == SQLite:
		return "sqlite:" + d.Path
	case d.Socket != "":
		return string(d.Engine) + " " + d.Socket + " " + d.Name
	default:
		return string(d.Engine) + " " + d.Host + "/" + d.Name
	}
}

func (l *loader) database(given secret.Text) Database {
	v := given.Reveal()
	if v == "" {
		if l.place != Local || l.cloud {
			if !l.has(databaseURL) && !l.has(databaseURL+fileSuffix) {
				l.add(databaseURL, "is missing; give %s", databaseForms)
			}
			return Database{}
		}
		v = localDatabase
	}
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok {
		l.add(databaseURL, "names no engine; give %s", databaseForms)
		return Database{}
	}
	d := Database{URL: secret.New(v)}
	switch strings.ToLower(scheme) {
	case "sqlite", "sqlite3":
		d.Engine, d.Path = SQLite, l.sqlitePath(rest)
	case "mysql", "mariadb":
		d.Engine = MySQL
		l.server(&d, "socket")
	case "postgres", "postgresql":
		d.Engine = Postgres
		l.server(&d, "host")
	default:
		l.add(databaseURL, "has an unknown engine before its colon; give %s", databaseForms)
	}
	return d
}

// sqlitePath takes sqlite:PATH, and sqlite:///PATH as other tools write it.
func (l *loader) sqlitePath(p string) string {
	p = strings.TrimPrefix(p, "//")
	switch {
	case p == "":
		l.add(databaseURL, "names no file; give sqlite:PATH")
	case strings.ContainsAny(p, "?#\x00"), strings.HasPrefix(p, "file:"):
		l.add(databaseURL, "takes a plain path after sqlite:, without parameters; the right ones are set by migwatch")
	case l.cloud:
		if where := lost(p); where != "" {
			l.add(databaseURL, "is SQLite in %s, and in the cloud that is lost with the instance; "+
				"use mysql:// or postgres://, or a path on a mounted file system such as sqlite:/mnt/migwatch.db", where)
		}
	}
	return p
}

// lost says which folder that does not last p leads into, "" for none.
func lost(p string) string {
	if p == ":memory:" {
		return "memory"
	}
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

// server takes a URL apart. No error of net/url is repeated: they all show what they could not read.
func (l *loader) server(d *Database, socketParam string) {
	v := d.URL.Reveal()
	u, err := url.Parse(escapeOdd(v))
	if err != nil || strings.Contains(v, "#") || !validPort(u) {
		l.add(databaseURL, "cannot be read; in user name and password write %%23 for #, %%2F for /, %%3F for ?, %%25 for %%, %%40 for @, %%3A for :, and give the port as a number")
		return
	}
	params, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Opaque != "" {
		l.add(databaseURL, "cannot be read; give %s", databaseForms)
		return
	}
	d.User = u.User.Username()
	password, _ := u.User.Password()
	d.Password, d.Host, d.Name = secret.New(password), u.Host, strings.TrimPrefix(u.Path, "/")
	if s := params.Get(socketParam); strings.HasPrefix(s, "/") && u.Host == "" {
		d.Socket = s
		params.Del(socketParam)
	}
	d.Params = params
	l.serverParts(*d, u.Hostname(), socketParam)
}

func (l *loader) serverParts(d Database, host, socketParam string) {
	switch {
	case d.Name == "":
		l.add(databaseURL, "names no database; it follows the host, as in %s://user:pass@host/db", d.Engine)
	case strings.ContainsAny(d.Name, "/\x00"):
		l.add(databaseURL, "has more than one name after the host; give one database")
	}
	if host == "" && d.Socket == "" {
		l.add(databaseURL, "names no host; give one, or a unix socket as ?%s=/path", socketParam)
	}
	for _, part := range []string{d.User, d.Password.Reveal(), host, d.Name} {
		if part == "undefined" {
			l.add(databaseURL, "has the word undefined as one of its parts, which an unset ${env:…} of serverless.yml becomes; set that variable where you deploy from")
			return
		}
	}
}

// escapeOdd writes as %XX what net/url refuses in a user name or password and what can mean nothing else.
func escapeOdd(v string) string {
	var b strings.Builder
	for i := range len(v) {
		if c := v[i]; c < '!' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n <= 65535
}

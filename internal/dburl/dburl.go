// Package dburl reads the URL of a database. Settings, the check before a deployment and the store all
// read it here, so that none of them takes what another refuses. What it does not understand it refuses
// by name and with a remedy: a parameter that was passed on unread could change the character set, the
// SQL mode or the like, which the store relies on.
//
// It opens nothing and looks at no file. No error of it shows a part of a user name or password.
package dburl

import (
	"errors"
	"net"
	"net/url"
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

// Forms is how such a URL may look.
const Forms = "sqlite:PATH, mysql://user:pass@host:3306/db or postgres://user:pass@host:5432/db"

// Database is what a URL says. All parts are decoded.
type Database struct {
	Engine   Engine
	URL      secret.Text // as given
	Path     string      // SQLite's file
	User     string
	Password secret.Text
	Hosts    []Host     // one; PostgreSQL: the first that answers; none with a unix socket alone
	Socket   string     // unix socket: MySQL's file (?socket=), PostgreSQL's folder (?host=)
	Name     string     // of the database
	Params   url.Values // all other parameters, one value each
}

// Host is where a server listens; Port is "" for the engine's own.
type Host struct{ Name, Port string }

// Describe names the database without a secret, for logs and doctor.
func (d Database) Describe() string {
	switch {
	case d.Engine == SQLite:
		return "sqlite:" + d.Path
	case d.Socket != "":
		return string(d.Engine) + " " + d.Socket + " " + d.Name
	}
	var hosts []string
	for _, h := range d.Hosts {
		hosts = append(hosts, h.String())
	}
	return string(d.Engine) + " " + strings.Join(hosts, ",") + "/" + d.Name
}

// String gives the host as it stands in a URL.
func (h Host) String() string {
	switch {
	case h.Port != "":
		return net.JoinHostPort(h.Name, h.Port)
	case strings.Contains(h.Name, ":"):
		return "[" + h.Name + "]"
	}
	return h.Name
}

// Parse reads a URL. Its error is one sentence without a subject, to follow the setting's name.
func Parse(given secret.Text) (Database, error) {
	v := given.Reveal()
	scheme, rest, ok := strings.Cut(v, ":")
	if !ok {
		return Database{}, errors.New("names no engine; give " + Forms)
	}
	d := Database{URL: given}
	var err error
	switch strings.ToLower(scheme) {
	case "sqlite", "sqlite3":
		d.Engine = SQLite
		d.Path, err = sqlitePath(rest)
	case "mysql", "mariadb":
		d.Engine = MySQL
		err = d.server(rest)
	case "postgres", "postgresql":
		d.Engine = Postgres
		err = d.server(rest)
	default:
		err = errors.New("has an unknown engine before its colon; give " + Forms)
	}
	if err != nil {
		return Database{}, err
	}
	return d, nil
}

// sqlitePath takes sqlite:PATH, and sqlite:///PATH as other tools write it.
func sqlitePath(p string) (string, error) {
	p = strings.TrimPrefix(p, "//")
	switch {
	case p == "":
		return "", errors.New("names no file; give sqlite:PATH")
	case p == ":memory:":
		return "", errors.New("is SQLite in memory, which ends with each process; give sqlite:PATH")
	case strings.ContainsAny(p, "?#\x00"), strings.HasPrefix(p, "file:"):
		return "", errors.New("takes a plain path after sqlite:, without parameters; the right ones are set by migwatch")
	}
	return p, nil
}

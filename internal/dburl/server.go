package dburl

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"migwatch/internal/secret"
)

var errUnreadable = errors.New("cannot be read; in user name and password write %23 for #, %2F for /, %3F for ?, %25 for %, %40 for @, %3A for :, and give the port as a number")

// server takes //user:password@host:port/name?parameters apart. It does so by hand, since net/url
// takes what was cut off a password as port, name or parameter, and its errors show what it could not read.
func (d *Database) server(rest string) error {
	rest, slashes := strings.CutPrefix(rest, "//")
	if !slashes {
		return errors.New("lacks // behind the engine; give " + Forms)
	}
	before, query, _ := strings.Cut(rest, "?")
	authority, name, _ := strings.Cut(before, "/")
	// A password that holds a / or ? of its own leaves its @ behind it. Nothing that was cut there may be
	// shown or used: it is a part of the password.
	if strings.Contains(rest, "#") || strings.Contains(name, "@") || strings.Contains(query, "@") {
		return errUnreadable
	}
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		hosts = authority[at+1:]
		if err := d.account(authority[:at]); err != nil {
			return err
		}
	}
	// Host and name come first: where they are none, what looks like a parameter may be a part of the password.
	if err := d.hosts(hosts); err != nil {
		return err
	}
	if err := d.database(name); err != nil {
		return err
	}
	if err := d.parameters(query); err != nil {
		return err
	}
	if d.Hosts == nil && d.Socket == "" {
		return fmt.Errorf("names no host; give one, or a unix socket as ?%s=/path", socketParam[d.Engine])
	}
	return d.undefined()
}

// account takes user:password. What net/url refuses there is refused here too: other tools that are given
// the same URL do so.
func (d *Database) account(userinfo string) error {
	if !inAccounts.MatchString(userinfo) {
		return errors.New("has a character in user name or password that a URL cannot hold there; write %20 for a blank, %5E for ^, %7B for {, %7D for }, and others as %XX too")
	}
	user, password, _ := strings.Cut(userinfo, ":")
	var errs [2]error
	d.User, errs[0] = url.PathUnescape(user)
	password, errs[1] = url.PathUnescape(password)
	if errors.Join(errs[:]...) != nil || strings.ContainsRune(d.User+password, 0) {
		return errUnreadable
	}
	d.Password = secret.New(password)
	return nil
}

func (d *Database) database(name string) (err error) {
	d.Name, err = url.PathUnescape(name)
	switch {
	case err != nil:
		return errUnreadable
	case d.Name == "":
		return fmt.Errorf("names no database; it follows the host, as in %s://user:pass@host/db", d.Engine)
	case strings.ContainsAny(d.Name, "/\x00"):
		return errors.New("has more than one name after the host; give one database")
	}
	return nil
}

var (
	inAccounts   = regexp.MustCompile(`^[A-Za-z0-9._:~!$&'()*+,;=%@-]*$`)
	inDriversWay = regexp.MustCompile(`^(tcp|unix)\(.*\)$`)
	hostName     = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`)
)

// hosts takes host:port, and for PostgreSQL several with commas between them.
func (d *Database) hosts(given string) error {
	switch {
	case inDriversWay.MatchString(given):
		return fmt.Errorf("is written in the way of Go's driver; write %s://user:pass@host:3306/db, or ?socket=/path for a unix socket", d.Engine)
	case given == "":
		return nil // a unix socket may be named instead
	}
	list := strings.Split(given, ",")
	if len(list) > 1 && d.Engine != Postgres {
		return errors.New("names several hosts, which only PostgreSQL's driver can choose from; give one")
	}
	for _, one := range list {
		h, ok := host(one)
		if !ok {
			return errUnreadable
		}
		d.Hosts = append(d.Hosts, h)
	}
	return nil
}

// host takes name, name:port, [v6] and [v6]:port.
func host(given string) (Host, bool) {
	var name, port string
	var hasPort bool
	if v6, behind, ok := strings.Cut(given, "]"); ok {
		if name, ok = strings.CutPrefix(v6, "["); !ok || behind != "" && behind[0] != ':' {
			return Host{}, false
		}
		if a, err := netip.ParseAddr(name); err != nil || !a.Is6() {
			return Host{}, false
		}
		port, hasPort = strings.CutPrefix(behind, ":")
	} else {
		if name, port, hasPort = strings.Cut(given, ":"); !hostName.MatchString(name) {
			return Host{}, false
		}
	}
	if hasPort && port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Host{}, false
		}
	}
	return Host{Name: name, Port: port}, true
}

// undefined notices what the deployment tool makes of a variable that is not set.
func (d *Database) undefined() error {
	parts := []string{d.User, d.Password.Reveal(), d.Name}
	for _, h := range d.Hosts {
		parts = append(parts, h.Name)
	}
	for _, part := range parts {
		if part == "undefined" {
			return errors.New("has the word undefined as one of its parts, which an unset ${env:…} of serverless.yml becomes; set that variable where you deploy from")
		}
	}
	return nil
}

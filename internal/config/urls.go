package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// baseURL takes an absolute URL that paths are appended to.
func (l *loader) baseURL(name, v string) string {
	if v == "" {
		return ""
	}
	u := l.absolute(name, v)
	if u != nil && (u.RawQuery != "" || u.ForceQuery) {
		l.add(name, "has a query; give the base URL alone, such as https://api.weixin.qq.com")
	}
	return strings.TrimRight(v, "/")
}

// absolute takes http and https URLs. The value is not shown: a key may be in it.
func (l *loader) absolute(name, v string) *url.URL {
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Opaque != "", !validPort(u):
		l.add(name, "is not an absolute URL; it begins with https:// and a host name")
	case u.User != nil:
		l.add(name, "has a user name or password; there is no place for one in this URL")
	case u.Fragment != "" || strings.Contains(v, "#"):
		l.add(name, "has a #; write %%23 where it is meant")
	default:
		if u.Scheme == "http" && !private(u.Hostname()) {
			l.warn(name + " is http: tokens and answers travel unencrypted; use https unless the network is your own")
		}
		return u
	}
	return nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n <= 65535
}

// private reports whether host is on this machine or in a private network, as far as its name tells.
func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast())
}

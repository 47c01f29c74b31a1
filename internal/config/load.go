package config

import (
	"errors"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
)

// maxFile bounds a secret's file: no secret of ours is longer, and a device would never end.
const maxFile = 64 << 10

// Load reads settings from env, an explicit map: in a function each invocation brings its own.
// readFile reads the files that settings named X_FILE point to. A returned error is an *Error and
// lists all that is wrong; of the settings there is then nothing but where to tell it, Heartbeat.
func Load(environ map[string]string, place Place, readFile func(string) ([]byte, error)) (Settings, error) {
	l := loader{
		env:      environ,
		place:    place,
		cloud:    strings.EqualFold(strings.TrimSpace(environ[RunEnv]), "SCF"),
		readFile: readFile,
		all:      All(),
	}
	unknown := l.unknownNames()
	if len(unknown) > 0 {
		l.warn((&Error{Problems: unknown}).Error())
	}
	r := l.parse(l.gather())
	s := l.settings(r)
	if len(l.list) > 0 {
		l.list = append(l.list, unknown...)
		var rest Settings
		if !l.has("MIGWATCH_HEARTBEAT_URL") {
			rest.Heartbeat = s.Heartbeat
		}
		return rest, &Error{Problems: l.inOrder()}
	}
	return s, nil
}

// loader is one Load under way.
type loader struct {
	problems
	env      map[string]string
	place    Place
	cloud    bool
	readFile func(string) ([]byte, error)
	all      []Setting
	warnings []string
}

// inOrder gives the problems in the order of the README's table, so that two runs say the same.
func (l *loader) inOrder() []Problem {
	place := func(p Problem) int {
		return slices.IndexFunc(l.all, func(s Setting) bool { return s.Name == strings.TrimSuffix(p.Setting, fileSuffix) })
	}
	slices.SortStableFunc(l.list, func(a, b Problem) int { return place(a) - place(b) })
	return l.list
}

// commandNames are settings of the local command's own.
var commandNames = map[string]bool{"MIGWATCH_SERVER": true, "MIGWATCH_KEY": true, "MIGWATCH_KEY_FILE": true}

// unknownNames finds typos: a misspelt setting would silently keep its default. By themselves they are
// no reason to stop: an older build that is rolled back to meets settings of the newer one.
func (l *loader) unknownNames() []Problem {
	var unknown problems
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if !strings.HasPrefix(name, prefix) || commandNames[name] {
			continue
		}
		if why := whyUnknown(name, l.all); why != "" {
			unknown.add(name, "%s", why)
		}
	}
	return unknown.list
}

// gather gives each setting's value under its first name: trimmed, read from a file where one is
// given, without the empty ones.
func (l *loader) gather() map[string]string {
	got := make(map[string]string)
	for _, s := range l.all {
		if v := l.value(s.Name, s.Secret); v != "" {
			got[s.Name] = v
		}
	}
	l.gatherCredentials(got)
	return got
}

// gatherCredentials settles between two spellings. Where both name an ID and they differ, all comes
// from the platform's own: half of each would be no credential at all.
func (l *loader) gatherCredentials(got map[string]string) {
	if !l.place.holdsCloudKeys() {
		for first := range otherSpelling {
			delete(got, first)
		}
		return
	}
	others := make(map[string]string, len(otherSpelling))
	for first, second := range otherSpelling {
		others[first] = l.value(second, true)
	}
	id, otherID := got["TENCENTCLOUD_SECRETID"], others["TENCENTCLOUD_SECRETID"]
	if id != "" && otherID != "" && id != otherID {
		return
	}
	for first, v := range others {
		if got[first] == "" && v != "" {
			got[first] = v
		}
	}
}

// value reads one variable, or its file.
func (l *loader) value(name string, hidden bool) string {
	v := strings.TrimSpace(l.env[name])
	if hidden {
		file := strings.TrimSpace(l.env[name+fileSuffix])
		switch {
		case file == "":
		case v != "":
			l.add(name, "both it and %s are set; keep one", name+fileSuffix)
			return ""
		case l.unresolved(name+fileSuffix, file):
			return ""
		default:
			v = l.file(name+fileSuffix, file)
		}
	}
	if l.unresolved(name, v) {
		return ""
	}
	return v
}

// unresolved notices what the deployment tool leaves of a variable that was not set.
func (l *loader) unresolved(name, v string) bool {
	const remedy = "; set the variable it refers to where you deploy from, or remove the setting"
	switch {
	case strings.Contains(v, "${env:"):
		l.add(name, "holds an unresolved ${env:…} of serverless.yml"+remedy)
	case slices.ContainsFunc(strings.Split(v, ","), func(part string) bool { return strings.TrimSpace(part) == "undefined" }):
		l.add(name, "holds the word undefined, which an unset ${env:…} of serverless.yml becomes"+remedy)
	default:
		return false
	}
	return true
}

// file reads a secret. The path is not shown: people put the secret itself there by mistake.
func (l *loader) file(name, path string) string {
	if l.readFile == nil {
		l.add(name, "files cannot be read here; set %s itself", strings.TrimSuffix(name, fileSuffix))
		return ""
	}
	b, err := l.readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.add(name, "the file it names does not exist; it must be a path, not the secret itself")
	case errors.Is(err, fs.ErrPermission):
		l.add(name, "the file it names may not be read by this user; change its owner or mode")
	case err != nil:
		l.add(name, "the file it names cannot be read")
	default:
		text, err := SecretOf(b)
		if err != nil {
			l.add(name, "the file it names %s", err)
		}
		return text
	}
	return ""
}

// SecretOf is the secret that a file holds alone. The error says what is wrong with the file, to follow
// its name.
func SecretOf(b []byte) (string, error) {
	const asUTF8 = "; save it as UTF-8 without a byte order mark"
	text := strings.TrimSpace(string(b))
	switch {
	case len(b) > maxFile:
		return "", errors.New("is larger than 64 KiB; it must hold the secret alone")
	case text == "":
		return "", errors.New("is empty")
	case strings.HasPrefix(text, "\ufeff"):
		return "", errors.New("begins with a byte order mark" + asUTF8)
	case strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.Contains(text, "\x00"):
		return "", errors.New("is in UTF-16, as some editors and shells write it" + asUTF8)
	case !utf8.ValidString(text):
		return "", errors.New("is not UTF-8" + asUTF8)
	}
	return text, nil
}

// parse reads the types. What cannot be read keeps its zero value, and has its problem.
func (l *loader) parse(got map[string]string) raw {
	r, err := env.ParseAsWithOptions[raw](env.Options{Environment: got})
	if err == nil {
		return r
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		l.add(prefix+"*", "cannot be read")
		return r
	}
	for _, one := range all.Errors {
		var p env.ParseError
		if !errors.As(one, &p) {
			l.add(prefix+"*", "cannot be read")
			continue
		}
		f, _ := reflect.TypeFor[raw]().FieldByName(p.Name)
		name := f.Tag.Get("env")
		l.add(name, "is not %s", wanted(f.Type)) // the value is not quoted: it may be a misplaced secret
	}
	return r
}

func wanted(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number such as 5 or 0.5"
	case reflect.Int:
		return "a whole number"
	default:
		return "a duration such as 3s or 2m"
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"strings"

	"migwatch/client"
	"migwatch/internal/app"
	"migwatch/internal/app/api"
	"migwatch/internal/app/local"
	"migwatch/internal/config"
	"migwatch/internal/dburl"
	"migwatch/internal/job"
	"migwatch/internal/scf"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// The command's own variables; all others that begin so are settings.
const (
	serverVariable  = "MIGWATCH_SERVER"
	keyVariable     = "MIGWATCH_KEY"
	keyFileVariable = "MIGWATCH_KEY_FILE"
)

// settingsEnv is the environment without the command's own variables, which are no settings.
func (sh *shell) settingsEnv() map[string]string {
	env := maps.Clone(sh.env)
	for _, name := range []string{serverVariable, keyVariable, keyFileVariable} {
		delete(env, name)
	}
	return env
}

// settings reads them for this machine; from then on no error shows a secret of theirs.
func (sh *shell) settings() (config.Settings, error) {
	s, err := config.Load(sh.settingsEnv(), config.Local, os.ReadFile)
	if err != nil {
		return s, err
	}
	sh.log.Add(s.Secrets()...)
	for _, w := range s.Warnings {
		fmt.Fprintln(sh.log, "migwatch: warning:", w)
	}
	return s, nil
}

// remote is the address of the server to ask, "" for the database at hand.
func (sh *shell) remote() string {
	if sh.Server != "" {
		return sh.Server
	}
	return sh.env[serverVariable]
}

// onlyHere refuses a server, however it was named, for what works on this machine and its database.
func (sh *shell) onlyHere(what string) error {
	switch {
	case sh.Server != "":
		return usagef("%s works on this machine and its database: run it without --server", what)
	case sh.env[serverVariable] != "":
		return usagef("%s works on this machine and its database: run it without %s in the environment", what, serverVariable)
	}
	return nil
}

// open gives the API to ask: the server's, or one over the database at hand.
func (sh *shell) open(ctx context.Context) (*client.Client, error) {
	if server := sh.remote(); server != "" {
		key, err := sh.apiKey()
		if err != nil {
			return nil, err
		}
		sh.log.Add(key)
		c, err := client.New(server, key.Reveal(), nil)
		if err != nil {
			return nil, usagef("--server: %w", err)
		}
		sh.closers = append(sh.closers, func() error { c.Close(); return nil })
		return c, nil
	}
	if sh.Key != "" {
		return nil, usagef("--key is for a server: give --server too")
	}
	return sh.openHere(ctx)
}

func (sh *shell) apiKey() (secret.Text, error) {
	key, file := sh.env[keyVariable], sh.env[keyFileVariable]
	switch {
	case sh.Key != "":
		return secret.New(sh.Key), nil
	case key != "" && file != "":
		return secret.Text{}, usagef("both %s and %s are set; keep one", keyVariable, keyFileVariable)
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			// The path is not shown: people put the key itself there by mistake.
			return secret.Text{}, usagef("the file that %s names cannot be read", keyFileVariable)
		}
		text, err := config.SecretOf(b)
		if err != nil {
			return secret.Text{}, usagef("the file that %s names %w", keyFileVariable, err)
		}
		return secret.New(text), nil
	}
	return secret.New(strings.TrimSpace(key)), nil
}

// openHere is the API in this process, over the database of the settings. Whoever can open the database
// needs no key; without one no file URL is shown either.
func (sh *shell) openHere(context.Context) (*client.Client, error) {
	s, err := sh.settings()
	if err != nil {
		return nil, err
	}
	if err := exists(s.Database); err != nil {
		return nil, err
	}
	env := sh.settingsEnv()
	for _, name := range []string{"MIGWATCH_ADMIN_KEYS", "MIGWATCH_READ_KEYS"} {
		delete(env, name)
		delete(env, name+"_FILE")
	}
	if env["MIGWATCH_LOG_LEVEL"] == "" {
		env["MIGWATCH_LOG_LEVEL"] = "error" // what the answer tells needs no log line beside it
	}
	return sh.inProcess(env, app.NewLog(sh.err))
}

// inProcess is a client of the API over the database of env.
func (sh *shell) inProcess(env map[string]string, log *app.Log) (*client.Client, error) {
	server := &api.Server{Log: log, Place: config.Local, Local: true}
	sh.closers = append(sh.closers, server.Close)
	handler := scf.Host{}.Wrap(server.Handler(env))
	return client.New("http://localhost", "", &http.Client{Transport: local.Transport{Handler: handler}})
}

// exists keeps a command that only asks from making an empty database.
func exists(d dburl.Database) error {
	if d.Engine != dburl.SQLite {
		return nil
	}
	if _, err := os.Stat(d.Path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s yet: run migwatch migrate, or set MIGWATCH_DATABASE_URL or --server", d.Path)
	}
	return nil
}

// openStore is the database of the settings itself.
func (sh *shell) openStore(s config.Settings) (*store.Store, error) {
	return sh.openStoreWith(s, store.Options{Keys: s.Keyring})
}

func (sh *shell) openStoreWith(s config.Settings, o store.Options) (*store.Store, error) {
	db, err := store.Open(s.Database.URL, o)
	if err != nil {
		return nil, err
	}
	sh.closers = append(sh.closers, db.Close)
	return db, nil
}

// keyOf reads a job's name.
func keyOf(s string) (client.Key, error) {
	k, err := client.ParseKey(strings.TrimSpace(s))
	if err != nil {
		return k, fmt.Errorf("%q: %w", s, err)
	}
	if err := (job.Key{Provider: job.Provider(k.Provider), Scope: k.Scope, ID: k.JobID}).Validate(); err != nil {
		return k, err
	}
	return k, nil
}

func keysOf(args []string) ([]client.Key, error) {
	var keys []client.Key
	for _, arg := range args {
		k, err := keyOf(arg)
		if err != nil {
			return nil, usagef("%w", err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

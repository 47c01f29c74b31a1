package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/alecthomas/kong"

	"migwatch/client"
	"migwatch/internal/app"
	"migwatch/internal/secret"
)

type versionCmd struct{}

// Run prints the version.
func (cmd *versionCmd) Run(sh *shell) error {
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"version": app.Version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
	}
	_, err := fmt.Fprintf(sh.out, "migwatch %s (%s, %s/%s)\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionFlag is --version, beside any command and with --json too.
type versionFlag bool

// BeforeReset prints the version in place of what else was asked for.
func (versionFlag) BeforeReset(ctx *kong.Context, sh *shell) error {
	for _, arg := range ctx.Args {
		sh.JSON = sh.JSON || arg == "--json"
	}
	if err := (&versionCmd{}).Run(sh); err != nil {
		return err
	}
	sh.app.Exit(exitOK)
	return nil
}

type keyCmd struct {
	Encryption bool `help:"Make an encryption key for MIGWATCH_ENCRYPTION_KEYS instead."`
}

// Run prints a new random key, and on a terminal where it belongs.
func (cmd *keyCmd) Run(sh *shell) error {
	kind, key, where := "api", secret.GenerateAPIKey(), "Put it into MIGWATCH_ADMIN_KEYS or MIGWATCH_READ_KEYS of the server; clients send it as Authorization: Bearer KEY."
	if cmd.Encryption {
		kind, key = "encryption", secret.GenerateEncryptionKey()
		where = "Put it first into MIGWATCH_ENCRYPTION_KEYS of both functions, before the older ones; without it what it encrypts is lost."
	}
	ownersOnly(sh.out)
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"kind": kind, "key": key.Reveal()})
	}
	if isTerminal(sh.out) {
		fmt.Fprintln(sh.err, where)
	}
	_, err := fmt.Fprintln(sh.out, key.Reveal())
	return err
}

// ownersOnly keeps others from reading the file that stdout was redirected to, a new one or an old one.
func ownersOnly(out any) {
	if f, ok := out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			_ = f.Chmod(info.Mode() &^ 0o077) // somebody else's file stays as it is
		}
	}
}

type openCmd struct {
	Key string `arg:"" optional:"" predictor:"key" help:"The job as PROVIDER/SCOPE/JOB_ID; without it the page of all."`
}

// servedHere is where demo and serve listen unless told otherwise.
const servedHere = "http://127.0.0.1:8080"

// Run prints where a person sees the job.
func (cmd *openCmd) Run(sh *shell) error {
	var k client.Key
	if cmd.Key != "" {
		keys, err := keysOf([]string{cmd.Key})
		if err != nil {
			return err
		}
		k = keys[0]
	}
	server := sh.remote()
	if server == "" {
		server = servedHere
	}
	c, err := client.New(server, "", nil)
	if err != nil {
		return usagef("--server: %w", err)
	}
	if sh.JSON {
		return printJSON(sh.out, map[string]string{"url": c.PageURL(k)})
	}
	_, err = fmt.Fprintln(sh.out, c.PageURL(k))
	return err
}

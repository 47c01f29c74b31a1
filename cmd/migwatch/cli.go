package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alecthomas/kong"

	"migwatch/internal/secret"
)

const about = `Watch migration jobs of WeChat cloud environments and of Tencent Cloud DTS.

A KEY names a job: PROVIDER/SCOPE/JOB_ID, as in dts/ap-shanghai/dts-1kl0iy0v or wechat/test2-4a89da/100071736.

Without --server, commands work on the database of MIGWATCH_DATABASE_URL (sqlite:migwatch.db in this folder unless set).

Exit status: 0 done, 1 it did not work, 2 wrong usage; of wait also 2 not watched, 3 not final in time, 4 could not be asked.`

// cli is every command and flag.
type cli struct {
	Server  string      `placeholder:"URL" group:"global" help:"Ask this query function or migwatch serve instead of the database ($MIGWATCH_SERVER)."`
	Key     string      `placeholder:"KEY" group:"global" help:"API key for --server; better in $MIGWATCH_KEY or $MIGWATCH_KEY_FILE, where others do not see it."`
	JSON    bool        `name:"json" group:"global" help:"Print JSON: one array for a list, one object a line for what goes on."`
	Version versionFlag `group:"global" help:"Print the version."`

	Demo  demoCmd  `cmd:"" group:"run" help:"Show everything at work on emulated APIs; no account needed."`
	Serve serveCmd `cmd:"" group:"run" help:"Poll jobs on a timer and serve the HTTP API, in one process."`
	Poll  pollCmd  `cmd:"" group:"run" help:"Poll all jobs that are due, once."`

	Watch      watchCmd      `cmd:"" group:"jobs" help:"Begin to watch jobs, or change what is set about them."`
	Unwatch    unwatchCmd    `cmd:"" group:"jobs" help:"Stop watching jobs and forget their history."`
	Jobs       jobsCmd       `cmd:"" group:"jobs" help:"List watched jobs."`
	History    historyCmd    `cmd:"" group:"jobs" help:"List what was seen of a job."`
	Events     eventsCmd     `cmd:"" group:"jobs" help:"List what happened, and go on with it."`
	Wait       waitCmd       `cmd:"" group:"jobs" help:"Wait until a job is final, and tell how it ended."`
	Import     importCmd     `cmd:"" group:"jobs" help:"Watch the jobs that a file lists."`
	Export     exportCmd     `cmd:"" group:"jobs" help:"Write which jobs are watched, for import."`
	Discover   discoverCmd   `cmd:"" group:"jobs" help:"Watch every job of a region, found by itself; without a place list what is discovered."`
	Undiscover undiscoverCmd `cmd:"" group:"jobs" help:"Discover no more; the jobs that were found stay watched."`
	Open       openCmd       `cmd:"" group:"jobs" help:"Print the URL of a job's page."`

	Migrate migrateCmd `cmd:"" group:"database" help:"Bring the database's schema to this build's version."`
	Prune   pruneCmd   `cmd:"" group:"database" help:"Delete what is older than the retention says."`
	Rekey   rekeyCmd   `cmd:"" group:"database" help:"Seal stored secrets anew with the first of MIGWATCH_ENCRYPTION_KEYS."`

	Notify       notifyCmd     `cmd:"" group:"more" help:"List who is told what happens, and how that goes; or try it."`
	Doctor       doctorCmd     `cmd:"" group:"more" help:"Check everything, and say what to do about what is wrong."`
	NewKey       keyCmd        `cmd:"" name:"key" group:"more" help:"Make an API key or an encryption key."`
	Completion   completionCmd `cmd:"" group:"more" help:"Print a completion script for a shell."`
	PrintVersion versionCmd    `cmd:"" name:"version" group:"more" help:"Print the version."`
}

var groups = []kong.Group{
	{Key: "global", Title: "Global flags:"}, {Key: "run", Title: "Run:"}, {Key: "jobs", Title: "Jobs:"},
	{Key: "database", Title: "Database:"}, {Key: "more", Title: "More:"},
}

// shell is what every command is run with.
type shell struct {
	*console
	*cli
	app     *kong.Kong
	log     *secret.Writer // err, with known secrets blotted out
	closers []func() error // called at the end, the last one first
}

// exited is how kong's own ends, such as --help, leave.
type exited int

// run runs one command line and gives the exit code.
func run(ctx context.Context, args []string, c *console) (code int) {
	sh := &shell{console: c, cli: &cli{}, log: secret.NewWriter(c.err)}
	defer func() {
		if end, ok := recover().(exited); ok {
			code = int(end)
		}
	}()
	sh.app = kong.Must(sh.cli, kong.Name("migwatch"), kong.Description(about),
		kong.Writers(c.out, c.err), kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ExplicitGroups(groups),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(sh))
	sh.completes(ctx)
	err := errors.Join(sh.command(ctx, args), sh.close())
	if code = exitCode(ctx, err); code != exitOK && code != exitInterrupted {
		fmt.Fprint(sh.log, explain(err))
	}
	return code
}

func (sh *shell) close() (err error) {
	for _, closer := range slices.Backward(sh.closers) {
		err = errors.Join(err, closer())
	}
	return err
}

func (sh *shell) command(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help": // help COMMAND is COMMAND --help
		args = append(args[1:len(args):len(args)], "--help")
	}
	k, err := sh.app.Parse(args)
	if err != nil {
		return usagef("%w\nmigwatch --help shows how it is used", err)
	}
	return k.Run()
}

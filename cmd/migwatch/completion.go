package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/posener/complete"
	"github.com/willabides/kongplete"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how a shell gets it.
func (completionCmd) Help() string {
	return `How each shell gets it:

  bash: migwatch completion bash > ~/.local/share/bash-completion/completions/migwatch
  zsh:  migwatch completion zsh > "${fpath[1]}/_migwatch"
  fish: migwatch completion fish > ~/.config/fish/completions/migwatch.fish`
}

// Each shell asks the command itself what may come next, with the line so far in COMP_LINE.
var completions = map[string]string{
	"bash": "complete -o default -C migwatch migwatch\n",
	"zsh": `#compdef migwatch
local -a next=(${(f)"$(COMP_LINE="${words[1,CURRENT]}" migwatch)"})
(( $#next )) && compadd -- $next || _files
`,
	"fish": "complete -c migwatch -a '(env COMP_LINE=(commandline -cp) migwatch)'\n",
}

// Run prints a script for the shell.
func (cmd *completionCmd) Run(sh *shell) error {
	_, err := fmt.Fprint(sh.out, completions[cmd.Shell])
	return err
}

// completes answers a shell that asks what may come next, and ends the command; it does nothing where none asks.
func (sh *shell) completes(ctx context.Context) {
	if os.Getenv("COMP_LINE") == "" { // the tree of all words is not built for every command
		return
	}
	watched := func(complete.Args) []string { return sh.watchedKeys(ctx) }
	kongplete.Complete(sh.app, kongplete.WithPredictor("file", complete.PredictFiles("*")), kongplete.WithPredictor("key", complete.PredictFunc(watched)))
}

// watchedKeys are the jobs that the environment's server or the database at hand watches; none where it cannot be asked.
func (sh *shell) watchedKeys(ctx context.Context) []string {
	if err := os.Unsetenv("COMP_LINE"); err != nil { // what follows is no question any more
		return nil
	}
	var list strings.Builder
	asked := *sh.console
	asked.out, asked.err = &list, io.Discard
	if run(ctx, []string{"jobs", "--keys", "--limit", "500"}, &asked) != exitOK {
		return nil
	}
	return strings.Fields(list.String())
}

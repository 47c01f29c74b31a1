package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
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

// Run prints a script made of the very flags and commands that this build has.
func (cmd *completionCmd) Run(sh *shell) error {
	m := modelOf(sh.app.Model)
	text := map[string]func() string{"bash": m.bash, "zsh": m.zsh, "fish": m.fish}[cmd.Shell]()
	_, err := fmt.Fprint(sh.out, text)
	return err
}

// model is what a shell needs to know of the command.
type model struct {
	global   []flag
	commands []command
}

type command struct {
	name, help string
	flags      []flag
	takesKeys  bool
	values     []string // of its argument, where only some will do
}

type flag struct {
	name, short, help string
	values            []string
	file, takesValue  bool
}

func modelOf(app *kong.Application) model {
	m := model{global: flagsOf(app.Node)}
	for _, n := range app.Children {
		if n.Hidden {
			continue
		}
		c := command{name: n.Name, help: n.Help, flags: flagsOf(n)}
		for _, p := range n.Positional {
			c.takesKeys = c.takesKeys || p.Name == "key"
			c.values = append(c.values, enumOf(p)...)
		}
		m.commands = append(m.commands, c)
	}
	return m
}

func flagsOf(n *kong.Node) []flag {
	var flags []flag
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		one := flag{name: f.Name, help: f.Help, values: enumOf(f.Value), takesValue: !f.IsBool(), file: f.PlaceHolder == "FILE"}
		if f.Short != 0 {
			one.short = string(f.Short)
		}
		flags = append(flags, one)
	}
	return flags
}

func enumOf(v *kong.Value) []string {
	var values []string
	for _, e := range v.EnumSlice() {
		if e != "" {
			values = append(values, e)
		}
	}
	return values
}

func (m model) names() []string {
	var names []string
	for _, c := range m.commands {
		names = append(names, c.name)
	}
	return names
}

// words are a command's flags as they are typed.
func (m model) words(c command) string {
	var words []string
	for _, f := range append(c.flags, m.global...) {
		words = append(words, "--"+f.name)
	}
	return strings.Join(append(words, c.values...), " ")
}

// valued calls do for each flag that takes a value, with a shell pattern that finds it.
func (m model) valued(do func(pattern string, f flag)) {
	for _, f := range m.global {
		if f.takesValue {
			do("*:--"+f.name, f)
		}
	}
	for _, c := range m.commands {
		for _, f := range c.flags {
			if !f.takesValue {
				continue
			}
			pattern := c.name + ":--" + f.name
			if f.short != "" {
				pattern += "|" + c.name + ":-" + f.short
			}
			do(pattern, f)
		}
	}
}

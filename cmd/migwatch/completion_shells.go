package main

import (
	"fmt"
	"strings"
)

// listKeys is how a shell asks for the watched jobs.
const listKeys = "migwatch jobs --keys --limit 500 2>/dev/null"

func (m model) bash() string {
	var b strings.Builder
	b.WriteString(`# bash completion for migwatch; made by: migwatch completion bash
_migwatch() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
`)
	fmt.Fprintf(&b, "      %s) cmd=${COMP_WORDS[i]}; break ;;\n    esac\n  done\n  case $cmd:$prev in\n", strings.Join(m.names(), "|"))
	m.valued(func(pattern string, f flag) {
		switch {
		case len(f.values) > 0:
			fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n", pattern, strings.Join(f.values, " "))
		case f.file:
			fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", pattern)
		default:
			fmt.Fprintf(&b, "    %s) return ;;\n", pattern)
		}
	})
	b.WriteString("  esac\n  case $cmd in\n")
	fmt.Fprintf(&b, "    '') words='%s' ;;\n", strings.Join(m.names(), " ")+" "+m.words(command{}))
	for _, c := range m.commands {
		fmt.Fprintf(&b, "    %s) words='%s'", c.name, m.words(c))
		if c.takesKeys {
			fmt.Fprintf(&b, "\n      [[ $cur == -* ]] || words=\"$(%s)\"", listKeys)
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _migwatch migwatch
`)
	return b.String()
}

func (m model) zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef migwatch
# zsh completion for migwatch; made by: migwatch completion zsh
_migwatch() {
  local cmd= w prev=${words[CURRENT-1]}
  local -a items
  for w in ${words[2,CURRENT-1]}; do
    case $w in
      (%s) cmd=$w; break ;;
    esac
  done
  case $cmd:$prev in
`, strings.Join(m.names(), "|"))
	m.valued(func(pattern string, f flag) {
		switch {
		case len(f.values) > 0:
			fmt.Fprintf(&b, "    (%s) items=(%s); compadd -a items; return ;;\n", pattern, strings.Join(f.values, " "))
		case f.file:
			fmt.Fprintf(&b, "    (%s) _files; return ;;\n", pattern)
		default:
			fmt.Fprintf(&b, "    (%s) return ;;\n", pattern)
		}
	})
	b.WriteString("  esac\n  case $cmd in\n    ('') items=(")
	for _, c := range m.commands {
		b.WriteString(" " + zshItem(c.name, c.help))
	}
	b.WriteString("); _describe command items; items=(" + zshFlags(m.global) + " ); _describe option items ;;\n")
	for _, c := range m.commands {
		fmt.Fprintf(&b, "    (%s) items=(%s ); _describe option items", c.name, zshFlags(append(c.flags, m.global...)))
		switch {
		case c.takesKeys:
			fmt.Fprintf(&b, "; items=(${(f)\"$(%s)\"}); compadd -a items", listKeys)
		case len(c.values) > 0:
			fmt.Fprintf(&b, "; items=(%s); compadd -a items", strings.Join(c.values, " "))
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString(`  esac
}
if [[ ${funcstack[1]} == _migwatch ]]; then _migwatch "$@"; else compdef _migwatch migwatch; fi
`)
	return b.String()
}

func zshFlags(flags []flag) string {
	var b strings.Builder
	for _, f := range flags {
		b.WriteString(" " + zshItem("--"+f.name, f.help))
	}
	return b.String()
}

func zshItem(word, help string) string {
	return quoted(word + ":" + strings.ReplaceAll(help, ":", `\:`))
}

// quoted is s as one word of any shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (m model) fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for migwatch; made by: migwatch completion fish\ncomplete -c migwatch -f\n")
	for _, f := range m.global {
		b.WriteString("complete -c migwatch" + fishFlag(f) + "\n")
	}
	for _, c := range m.commands {
		fmt.Fprintf(&b, "complete -c migwatch -n __fish_use_subcommand -a %s -d %s\n", c.name, fishQuoted(c.help))
		in := "complete -c migwatch -n '__fish_seen_subcommand_from " + c.name + "'"
		if c.takesKeys {
			b.WriteString(in + " -a '(" + listKeys + ")'\n")
		}
		if len(c.values) > 0 {
			b.WriteString(in + " -a '" + strings.Join(c.values, " ") + "'\n")
		}
		for _, f := range c.flags {
			b.WriteString(in + fishFlag(f) + "\n")
		}
	}
	return b.String()
}

func fishFlag(f flag) string {
	s := " -l " + f.name
	if f.short != "" {
		s += " -s " + f.short
	}
	switch {
	case len(f.values) > 0:
		s += " -x -a '" + strings.Join(f.values, " ") + "'"
	case f.file:
		s += " -r -F"
	case f.takesValue:
		s += " -x"
	}
	return s + " -d " + fishQuoted(f.help)
}

func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

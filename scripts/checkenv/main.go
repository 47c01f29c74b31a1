// Command checkenv says what is missing or wrong in .env before anything is deployed: a name that
// serverless.yml uses and nobody set, a value the deployment tool would misread, and everything the
// functions themselves would refuse, each in one line, no secret shown.
//
// It reads two files and the environment, and calls nobody.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

func main() {
	yml := flag.String("file", "serverless.yml", "what is to be deployed")
	env := flag.String("env", ".env", "where its values are")
	flag.Parse()
	problems, warnings, err := run(*yml, *env, os.Environ())
	if err != nil {
		fmt.Fprintln(os.Stderr, "checkenv:", err)
		os.Exit(2)
	}
	for _, w := range warnings {
		fmt.Println("note:", w)
	}
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, p)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	fmt.Println("the settings are complete")
}

func run(yml, env string, environ []string) (problems, warnings []string, err error) {
	text, err := os.ReadFile(yml)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.ReadFile(env)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{env + ": is missing; copy .env.example to " + env + " and fill it in"}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	values, problems := dotenv(string(file))
	for _, kv := range environ { // the environment wins, as in the deployment tool
		if name, value, ok := strings.Cut(kv, "="); ok {
			values[name] = value
		}
	}
	more, warnings := check(parseDeployment(string(text)), values)
	return append(problems, more...), warnings, nil
}

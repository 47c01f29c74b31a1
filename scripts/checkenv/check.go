package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"migwatch/internal/config"
)

// maxSettings is how much the platform takes of one function's names and values.
const maxSettings = 4096

var region = regexp.MustCompile(`^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$`)

// check judges what would be deployed. Values of secrets are in none of the sentences.
func check(d deployment, values map[string]string) (problems, warnings []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, name := range d.references {
		value, set := values[name]
		switch {
		case !set:
			add(`%s: is not set; serverless.yml uses it and it would become the text "undefined": add the line %s= to .env, with a value if it is needed`, name, name)
		case strings.Contains(value, "${"):
			add("%s: has ${ in it, which the deployment tool would replace; write the value itself, or %%24%%7B in a URL", name)
		}
	}
	if r := values["DEPLOY_REGION"]; !region.MatchString(r) {
		add("DEPLOY_REGION: %q is not a region; give one such as ap-shanghai", r)
	}
	for _, pair := range [][2]string{{"DEPLOY_VPC_ID", "DEPLOY_SUBNET_ID"}, {"DEPLOY_CLS_LOGSET_ID", "DEPLOY_CLS_TOPIC_ID"}} {
		if (values[pair[0]] == "") != (values[pair[1]] == "") {
			add("%s and %s: only one is set; set both, or leave both empty", pair[0], pair[1])
		}
	}
	for _, half := range []struct {
		name  string
		place config.Place
	}{{"poll", config.Poll}, {"query", config.Query}} {
		p, w := checkFunction(half.name, half.place, d.resolve(half.name, values))
		problems, warnings = merge(problems, p), merge(warnings, w)
	}
	return problems, append(warnings, advice(values)...)
}

// checkFunction asks the function's own reader of settings, as it would judge them in the cloud.
func checkFunction(name string, place config.Place, env map[string]string) (problems, warnings []string) {
	if len(env) == 0 {
		return []string{fmt.Sprintf("%s: serverless.yml gives this function no settings; list them under its environments", name)}, nil
	}
	size := 0
	for key, value := range env {
		size += len(key) + len(value)
	}
	if size > maxSettings {
		problems = append(problems, fmt.Sprintf("%s: its settings are %d bytes, and the platform takes %d; remove old keys from the lists", name, size, maxSettings))
	}
	env = maps.Clone(env)
	env[config.RunEnv] = "SCF"
	settings, err := config.Load(env, place, nil)
	var wrong *config.Error
	if errors.As(err, &wrong) {
		for _, p := range wrong.Problems {
			problems = append(problems, p.Setting+": "+p.Text)
		}
	}
	return problems, settings.Warnings
}

// advice is about what is allowed and yet hardly meant.
func advice(values map[string]string) (notes []string) {
	if values["DEPLOY_ROLE"] == "" {
		notes = append(notes, "DEPLOY_ROLE is empty: the poll function gets no credentials, and DTS jobs cannot be polled")
	}
	if values["MIGWATCH_ADMIN_KEYS"] == "" {
		notes = append(notes, "MIGWATCH_ADMIN_KEYS is empty: no job can be added over HTTP; make a key with `migwatch key`")
		if values["MIGWATCH_READ_KEYS"] == "" && values["MIGWATCH_PUBLIC_READ"] != "true" {
			notes = append(notes, "MIGWATCH_READ_KEYS is empty too: the query function will answer nothing but 503 not_ready")
		}
	}
	return notes
}

func merge(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

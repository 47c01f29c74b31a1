package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"migwatch/internal/job"
)

type doctorCmd struct {
	Region  string        `placeholder:"REGION" help:"Region to try DTS in; unless given, that of a watched job, or ap-guangzhou."`
	Env     string        `placeholder:"ENV" help:"WeChat cloud environment to try; unless given, that of a watched job."`
	Timeout time.Duration `default:"30s" placeholder:"TIME" help:"Longest one check may take (${default})."`
}

// verdict is how a check went.
type verdict string

const (
	fine    verdict = "ok"
	warning verdict = "warn" // it works, and may not be meant so
	wrong   verdict = "wrong"
	skipped verdict = "skip" // it could not be checked, or there is nothing to check
)

// finding is what one check found.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Remedy  string  `json:"remedy,omitempty"`
}

// doctor is one examination.
type doctor struct {
	*shell
	*doctorCmd
	findings []finding
	sealed   bool // what is stored opens with no key here
}

// Run checks everything, one line each. It ends with exit status 1 if something is wrong.
func (cmd *doctorCmd) Run(ctx context.Context, sh *shell) error {
	d := &doctor{shell: sh, doctorCmd: cmd}
	if err := cmd.check(); err != nil {
		return err
	}
	if sh.remote() != "" {
		if err := d.server(ctx); err != nil {
			return err
		}
	} else {
		d.here(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if sh.JSON {
		if err := printJSON(sh.out, d.findings); err != nil {
			return err
		}
	}
	for _, f := range d.findings {
		if f.Verdict == wrong {
			return &exitError{code: exitFailed}
		}
	}
	return nil
}

func (cmd *doctorCmd) check() error {
	if cmd.Timeout <= 0 {
		return usagef("--timeout must be more than nothing")
	}
	if cmd.Region != "" {
		if err := (job.Key{Provider: job.DTS, Scope: cmd.Region, ID: "x"}).Validate(); err != nil {
			return usagef("--region: %w", err)
		}
	}
	if cmd.Env != "" {
		if err := (job.Key{Provider: job.WeChat, Scope: cmd.Env, ID: "1"}).Validate(); err != nil {
			return usagef("--env: %w", err)
		}
	}
	return nil
}

// signs are how verdicts look.
var signs = map[verdict]struct {
	word  string
	style style
}{
	fine: {"✓ ok   ", green}, warning: {"! warn ", yellow}, wrong: {"✗ wrong", red}, skipped: {"- skip ", dim},
}

// tell prints a finding as it is made: checks take a while.
func (d *doctor) tell(check string, v verdict, detail, remedy string) {
	detail, remedy = plain(detail), plain(remedy)
	d.findings = append(d.findings, finding{check, v, detail, remedy})
	if d.JSON {
		return
	}
	line := signs[v].style.of(signs[v].word, d.colour(d.out)) + "  " + pad(check, 12) + "  " + detail
	if remedy != "" {
		line += ". " + strings.ToUpper(remedy[:1]) + remedy[1:] + "."
	}
	fmt.Fprintln(d.out, line)
}

// bounded gives one check its time.
func (d *doctor) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.Timeout)
}

// pollVerdict reads what came of a poll of a job that does not exist.
func pollVerdict(seen job.Observation, err error, ok string) (v verdict, detail, remedy string) {
	if err == nil {
		if seen.Phase == job.Missing {
			return fine, ok + " (it knows no such job, as it should: " + seen.Status + ")", ""
		}
		return fine, ok, ""
	}
	var e *job.PollError
	if !errors.As(err, &e) {
		var not *job.NotReadyError
		if errors.As(err, &not) {
			return skipped, "needs the database", ""
		}
		return wrong, "the poll could not be made: " + err.Error(), ""
	}
	detail = strings.TrimSpace(string(e.Kind) + " " + e.Code)
	if e.Message != "" {
		detail += ": " + e.Message
	}
	if e.RequestID != "" {
		detail += " (request " + e.RequestID + ")"
	}
	switch e.Kind {
	case job.Invalid:
		return fine, ok + " (it refuses the job that does not exist, as it should: " + e.Code + ")", ""
	case job.Throttled, job.Quota:
		return warning, detail, "credentials are accepted; try again later"
	case job.Credentials, job.Forbidden:
		return wrong, detail, ""
	case job.Transient:
		if e.Unlisted {
			return warning, detail, "no document lists this code; ask the provider with the request ID if polls fail with it"
		}
		return wrong, detail, "check the network and the address, and try again"
	}
	return wrong, detail, "check that the address is the API's, and no proxy answers in its place"
}

// aboutAccount reports whether err is about the environment that was polled, which a made-up one
// cannot help: WeChat had accepted the token and the address before it came to that.
func aboutAccount(err error) bool {
	var e *job.PollError
	return errors.As(err, &e) && slices.Contains([]string{"85088", "61003", "61007", "-501001", "-501002", "-601001", "-601003"}, e.Code)
}

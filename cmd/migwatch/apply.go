package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"migwatch/client"
)

// atOnce is how many jobs are told to a server at the same time: the way there and back costs more
// than the work.
const atOnce = 8

// once keeps the last record of each key, in the place of its first.
func once(records []record) []record {
	place := map[client.Key]int{}
	kept := records[:0:0]
	for _, r := range records {
		if i, ok := place[r.key]; ok {
			kept[i] = r
			continue
		}
		place[r.key] = len(kept)
		kept = append(kept, r)
	}
	return kept
}

// apply does the same to many jobs and hands each that worked to done, in their order; the others are
// told at the end. What would fail for every job ends it at once.
func (sh *shell) apply(ctx context.Context, records []record, do func(context.Context, record) (string, any, error), done func(string, any, client.Key) error) error {
	records = once(records)
	var failed []string
	drawn := progressLine{w: sh.console.err, live: len(records) > 4*atOnce && sh.live(sh.console.err), width: sh.width(sh.console.err)}
	defer drawn.end()
	n := 0
	for part := range slices.Chunk(records, atOnce) {
		for i, r := range sh.together(ctx, part, do) {
			if r.err == nil {
				r.err = done(r.word, r.v, part[i].key)
			} else if ofOneJob(r.err) {
				failed = append(failed, part[i].key.String()+": "+remedy(r.err))
				continue
			}
			if r.err != nil {
				return r.err
			}
		}
		n += len(part)
		drawn.draw(fmt.Sprintf("%d of %d jobs", n, len(records)))
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "\n"))
	}
	return nil
}

// outcome is what came of one record.
type outcome struct {
	word string
	v    any
	err  error
}

func (sh *shell) together(ctx context.Context, part []record, do func(context.Context, record) (string, any, error)) []outcome {
	out := make([]outcome, len(part))
	var all sync.WaitGroup
	for i, r := range part {
		all.Go(func() { out[i].word, out[i].v, out[i].err = do(ctx, r) })
	}
	all.Wait()
	return out
}

// say prints a line for a job.
func (sh *shell) say(word string, v any, k client.Key) error {
	if sh.JSON {
		return printJSON(sh.out, v)
	}
	_, err := fmt.Fprintln(sh.out, word, k)
	return err
}

// ofOneJob reports whether err is about one job and not about all.
func ofOneJob(err error) bool {
	switch client.Code(err) {
	case client.CodeJobNotFound, client.CodeJobPaused, client.CodeInvalid:
		return true
	}
	return false
}

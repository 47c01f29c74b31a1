package main

import (
	"context"
	"fmt"

	"migwatch/internal/config"
	"migwatch/internal/store"
)

// sinks tells who does not take what happens.
func (d *doctor) sinks(ctx context.Context, s config.Settings, db *store.Store) {
	if len(s.Notify) == 0 {
		d.tell("sinks", skipped, "MIGWATCH_NOTIFY is not set: nobody is told what happens", "")
		return
	}
	named := map[string]bool{}
	for _, one := range s.Notify {
		named[one.ID] = true
	}
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	rows, err := db.Sinks(ctx)
	if err != nil {
		d.tell("sinks", wrong, err.Error(), "")
		return
	}
	good := len(named)
	for _, k := range rows {
		switch {
		case !named[k.ID] || !k.Stopped && k.Failures == 0:
		case k.Stopped:
			good--
			d.tell("sinks", wrong, k.Name+" ("+k.Kind+") is stopped: "+k.Error, "change its URL in MIGWATCH_NOTIFY, then run migwatch notify test")
		default:
			good--
			d.tell("sinks", warning, fmt.Sprintf("%s (%s) failed %d times in a row: %s", k.Name, k.Kind, k.Failures, k.Error), "it is tried again by itself; migwatch notify test tries it now")
		}
	}
	if good > 0 {
		d.tell("sinks", fine, fmt.Sprintf("%d of %d take what happens, as far as is known; migwatch notify test tries them", good, len(named)), "")
	}
}

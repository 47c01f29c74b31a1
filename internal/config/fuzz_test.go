package config_test

import (
	"errors"
	"strings"
	"testing"

	"migwatch/internal/config"
)

func FuzzLoad(f *testing.F) {
	for k, v := range full() {
		f.Add(k, v, 1)
	}
	f.Add("MIGWATCH_DATABASE_URL", "postgres://u:%zz@h:x/", 2)
	f.Add("MIGWATCH_ADMIN_KEYS_FILE", "/k", 0)
	f.Add("MIGWATCH_X\n", "undefined", 3)
	hidden := make(map[string]bool)
	for _, s := range config.All() {
		hidden[s.Name] = s.Secret
	}
	f.Fuzz(func(t *testing.T, name, value string, place int) {
		env := with(full(), name, value)
		s, err := config.Load(env, config.Place(place&3), files(map[string]string{"/k": value}))
		var all *config.Error
		if err != nil && (!errors.As(err, &all) || len(all.Problems) != strings.Count(err.Error(), "\n")+1) {
			t.Fatalf("not one line for each problem: %q", err)
		}
		if err == nil && (s.DTS.Rate <= 0 || s.PollLease < s.PollTimeout*3/2 || s.Database.Engine == "" || s.Database.URL.IsZero()) {
			t.Fatalf("took %+v", s)
		}
		if err != nil && hidden[name] && len(value) > 40 && strings.Contains(err.Error(), value) {
			t.Fatalf("shows the value: %q", err)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	env := full()
	for b.Loop() {
		if _, err := config.Load(env, config.Poll, nil); err != nil {
			b.Fatal(err)
		}
	}
}

package store_test

import (
	"fmt"
	"testing"

	"migwatch/internal/dbtest"
	"migwatch/internal/job"
	"migwatch/internal/secret"
	"migwatch/internal/store"
)

// TestMySQLWhateverTheServersSettings: values are written into statements on this side, so nothing that
// the server sets for a new connection may change how they are read, or whether they are committed.
func TestMySQLWhateverTheServersSettings(t *testing.T) {
	s := dbtest.NewMySQL(t)
	database := s.Database(t)
	migrated(t, at(s.URL(database)))
	// The server spares accounts that may do all its init_connect.
	s.Admin(t, `CREATE USER 'plain'@'%' IDENTIFIED BY 'plain'`, `GRANT ALL ON `+database+`.* TO 'plain'@'%'`)
	open := at(fmt.Sprintf("mysql://plain:plain@127.0.0.1:%d/%s", s.Port, database))
	s.Admin(t, `SET GLOBAL init_connect = 'SET NAMES gbk'`, `SET GLOBAL autocommit = 0`, `SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'`)

	key := job.Key{Provider: job.DTS, Scope: "ap-shanghai", ID: "dts-1"}
	label := `中'x \' "y"`
	if _, _, err := open(t, store.Options{}).Watch(t.Context(), key, job.Change{Label: &label}); err != nil {
		t.Fatal(err)
	}
	db := open(t, store.Options{})
	got, err := db.Jobs(t.Context(), job.Filter{Text: `中'x \`}, nil, 10)
	if err != nil || len(got) != 1 || got[0].Label != label {
		t.Errorf("%+v, %v; want the job with its label", got, err)
	}
	if got, err := db.Jobs(t.Context(), job.Filter{Text: `中')) OR 1=1 -- `}, nil, 10); err != nil || len(got) != 0 {
		t.Errorf("a text is read as SQL: %+v, %v", got, err)
	}
}

func TestMySQLParametersThatAreOurs(t *testing.T) {
	for _, parameter := range []string{"charset=gbk", "sql_mode=ANSI_QUOTES", "autocommit=0", "interpolateParams=false", "time_zone=SYSTEM",
		"lock_wait_timeout=7,autocommit=0", "lock_wait_timeout=7%2Csql_mode=ANSI_QUOTES"} {
		if s, err := store.Open(secret.New("mysql://u:p@127.0.0.1/d?"+parameter), store.Options{}); err == nil {
			_ = s.Close()
			t.Errorf("%s is taken", parameter)
		}
	}
}

package web_test

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	r := newDemo(t, setup{})
	b := r.signedIn(adminKey)
	a := b.get("/")
	t.Log(a.status, len(a.body))
	if a.status != 200 {
		t.Fatal(a.body, r.logs.String())
	}
	a = b.get("/jobs/dts/ap-beijing/dts-7h2kqp4w")
	t.Log(a.status, len(a.body))
	if a.status != 200 {
		t.Fatal(a.body, r.logs.String())
	}
}

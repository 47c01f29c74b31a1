package secret

import (
	"strings"
	"testing"
	"time"
)

const (
	ticketAdmin = "admin-key-of-the-test"
	ticketRead  = "read-key-of-the-test-"
)

func TestTicket(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := NewKeys([]Text{New(ticketAdmin)}, []Text{New(ticketRead)})
	admin := keys.Ticket(ticketAdmin, now.Add(time.Hour)).Reveal()
	read := keys.Ticket(ticketRead, now.Add(time.Hour)).Reveal()
	if !keys.Ticket("somebody-else's-key", now.Add(time.Hour)).IsZero() {
		t.Error("an unknown key got a ticket")
	}
	for _, test := range []struct {
		name, ticket string
		keys         Keys
		at           time.Time
		want         Role
	}{
		{"admin", admin, keys, now, RoleAdmin},
		{"read", read, keys, now, RoleRead},
		{"last second", admin, keys, now.Add(time.Hour - time.Second), RoleAdmin},
		{"ended", admin, keys, now.Add(time.Hour), RoleNone},
		{"key withdrawn", admin, NewKeys(nil, []Text{New(ticketRead)}), now, RoleNone},
		{"key now only reads", admin, NewKeys(nil, []Text{New(ticketAdmin)}), now, RoleRead},
		{"no keys", admin, Keys{}, now, RoleNone},
		{"none", "", keys, now, RoleNone},
		{"the key itself", ticketAdmin, keys, now, RoleNone},
		{"cut", admin[:len(admin)-1], keys, now, RoleNone},
		{"longer life", ticketPrefix + "B" + admin[len(ticketPrefix)+1:], keys, now, RoleNone},
		{"other MAC", admin[:20] + strings.ToLower(admin[20:]), keys, now, RoleNone},
		{"no prefix", admin[len(ticketPrefix):], keys, now, RoleNone},
	} {
		if got := test.keys.TicketRole(test.ticket, test.at); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// FuzzTicket: nothing but what Ticket gives is a ticket.
func FuzzTicket(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := NewKeys([]Text{New(ticketAdmin)}, []Text{New(ticketRead)})
	good := keys.Ticket(ticketAdmin, now.Add(time.Hour)).Reveal()
	for _, s := range []string{"", good, good + "=", ticketPrefix, strings.ToUpper(good)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s != good && keys.TicketRole(s, now) != RoleNone {
			t.Errorf("%q is taken for a ticket", s)
		}
	})
}

package guesthttp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinesThatAreTooLong(t *testing.T) {
	long := func(name string) string { return name + `{a="` + strings.Repeat("x", maxLineBytes) + "\"} 1\n" }
	for _, test := range []struct{ name, series, response, want string }{
		{"of the wanted counter", "reqs", "reqs 7\n" + long("reqs"), `read the response: a line is too long: series "reqs" has 32781 bytes, the limit is 32768: give it fewer or shorter labels`},
		{"whose labels are not the wanted ones, which nobody sees", `reqs{b="1"}`, "reqs{b=\"1\"} 7\n" + long("reqs"), `read the response: a line is too long: series "reqs" has 32781 bytes, the limit is 32768: give it fewer or shorter labels`},
		{"of another counter", "reqs", "reqs 7\n" + long("other") + long("other") + "reqs{a=\"b\"} 1\n", ""},
		{"of another counter at first", "", long("other") + "http_requests_total 8\n", ""},
		{"of a well-known counter", "", "http_requests_total 8\n" + long("http_requests_total"), `read the response: a line is too long: series "http_requests_total" has 32796 bytes, the limit is 32768: give it fewer or shorter labels`},
		{"of a name without end", "reqs", "reqs 7\n" + strings.Repeat("x", 2*maxLineBytes) + "\n", `read the response: a line is too long: series "" has 65537 bytes, the limit is 32768: give it fewer or shorter labels`},
		{"of a comment", "reqs", "# HELP reqs " + strings.Repeat("x", maxLineBytes) + "\nreqs 8\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDecoder(t, Endpoint{Series: test.series})
			for _, round := range []string{"at first", "once more"} {
				_, err := d.Decode(strings.NewReader(test.response))
				got := ""
				if err != nil {
					got = err.Error()
				}
				if diff := cmp.Diff(test.want, got); diff != "" || err == nil && counted(d) != 8 {
					t.Errorf("%s %v requests, want 8; error -want +got:\n%s", round, counted(d), diff)
				}
			}
			if counts, err := d.Decode(strings.NewReader("reqs 8\nhttp_requests_total 8\n")); err != nil && test.series != `reqs{b="1"}` {
				t.Errorf("a good response after that: %v, %v", counts, err)
			}
		})
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatTheCommandLineSays(t *testing.T) {
	for _, test := range []struct {
		name, args string
		out        string // What is printed, or what it begins with if it ends in "...".
		err        string
	}{
		{"the version", "--version", "guest-metrics-server devel\n", ""},
		{"help", "--help", "guest-metrics-server serves custom.metrics.k8s.io for KubeVirt's VMIs.\n...", ""},
		{
			"a value that is none", "--guest-scrape-interval=often", "",
			`--guest-scrape-interval is "often": Time between two scrapes of a guest's own status page, 1s or more.`,
		},
		{"a value that is not allowed", "--scrape-interval=0s", "", "--scrape-interval is 0s: it must be 3.25s or more: virt-launchers answer the same for so long, and a busy guest would seem idle"},
		{
			"several at once", "--scrape-timeout=0s --warmup=-1s", "",
			"--scrape-timeout is 0s: it must be 1s or more\n--warmup is -1s: it must be 0s or more",
		},
		{"a flag that there is not", "--scrape-intervall=5s", "", "unknown flag: --scrape-intervall (--help lists the flags)"},
		{"a flag without its value", "--scrape-interval", "", "flag needs an argument: --scrape-interval (--help lists the flags)"},
		{"an argument", "serve", "", `unexpected argument "serve": there are only flags (--help lists them)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			got := ""
			if err := run(strings.Fields(test.args), &out); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.err, got); diff != "" {
				t.Errorf("error, -want +got:\n%s", diff)
			}
			printed := out.String()
			if begin, ok := strings.CutSuffix(test.out, "..."); ok && strings.HasPrefix(printed, begin) {
				return
			}
			if diff := cmp.Diff(test.out, printed); diff != "" {
				t.Errorf("printed, -want +got:\n%s", diff)
			}
		})
	}
}

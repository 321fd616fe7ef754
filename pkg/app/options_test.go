package app

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// parse returns the options that the flags give.
func parse(t *testing.T, args ...string) *Options {
	t.Helper()
	o := NewOptions()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, section := range o.Flags().FlagSets {
		flags.AddFlagSet(section)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestValidate(t *testing.T) {
	const notTwoSamples = ", since a rate needs two samples"
	for _, test := range []struct {
		name, args string
		want       []string // A line each.
	}{
		{"the defaults", "", nil},
		{"the least that is allowed", "--scrape-interval=3250ms --scrape-timeout=1s --guest-scrape-interval=1s --guest-scrape-timeout=100ms --rate-window=3250ms --max-sample-age=3251ms --warmup=0s --warmup-with-probe=0s --min-known-fraction=1", nil},
		{"KubeVirt's namespace on OpenShift", "--kubevirt-namespace=openshift-cnv", nil},
		{"an interval within which launchers answer the same", "--scrape-interval=3s", []string{
			"--scrape-interval is 3s: it must be 3.25s or more: virt-launchers answer the same for so long, and a busy guest would seem idle",
		}},
		{"no timeout", "--scrape-timeout=0s", []string{"--scrape-timeout is 0s: it must be 1s or more"}},
		{"too short an interval of guests", "--guest-scrape-interval=0s", []string{"--guest-scrape-interval is 0s: it must be 1s or more"}},
		{"no time for guests", "--guest-scrape-timeout=0s", []string{"--guest-scrape-timeout is 0s: it must be 100ms or more"}},
		{"ranges of addresses", "--guest-allowed-cidrs=127.0.0.0/8,::1/128", nil},
		{
			"what is no range of addresses", "--guest-allowed-cidrs=127.0.0.1",
			[]string{`--guest-allowed-cidrs is [127.0.0.1]: it must be a list of address ranges such as 127.0.0.0/8: netip.ParsePrefix("127.0.0.1"): no '/'`},
		},
		{
			"guests read more seldom than a rate reaches back", "--guest-scrape-interval=40s",
			[]string{"--rate-window is 29.25s: it must be at least --scrape-interval and --guest-scrape-interval (40s)" + notTwoSamples},
		},
		{
			"a window shorter than the interval", "--rate-window=10s",
			[]string{"--rate-window is 10s: it must be at least --scrape-interval and --guest-scrape-interval (15s)" + notTwoSamples},
		},
		{
			"an age no longer than the interval", "--max-sample-age=15s",
			[]string{"--max-sample-age is 15s: it must be more than --scrape-interval and --guest-scrape-interval (15s), or values would come and go"},
		},
		{"a negative warm-up with a probe", "--warmup-with-probe=-1s", []string{"--warmup-with-probe is -1s: it must be 0s or more"}},
		{"a negative warm-up", "--warmup=-1s", []string{"--warmup is -1s: it must be 0s or more"}},
		{"no fraction", "--min-known-fraction=0", []string{"--min-known-fraction is 0: it must be above 0 and up to 1"}},
		{"more than all", "--min-known-fraction=1.1", []string{"--min-known-fraction is 1.1: it must be above 0 and up to 1"}},
		{"a fraction that is no number", "--min-known-fraction=NaN", []string{"--min-known-fraction is NaN: it must be above 0 and up to 1"}},
		{
			"a namespace that there cannot be", "--kubevirt-namespace=Kube_Virt",
			[]string{`--kubevirt-namespace is "Kube_Virt": it must be the name of a namespace: a lowercase RFC 1123 label must consist of ` +
				`lower case alphanumeric characters or '-', and must start and end with an alphanumeric character ` +
				`(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`},
		},
		{
			"all that is wrong at once", "--scrape-interval=1m --min-known-fraction=-1",
			[]string{
				"--rate-window is 29.25s: it must be at least --scrape-interval and --guest-scrape-interval (1m0s)" + notTwoSamples,
				"--max-sample-age is 1m0s: it must be more than --scrape-interval and --guest-scrape-interval (1m0s), or values would come and go",
				"--min-known-fraction is -1: it must be above 0 and up to 1",
			},
		},
		{"a log format that there is not", "--logging-format=xml", []string{`logging.format: Invalid value: "xml": Unsupported log format`}},
		{"a port of the library's", "--secure-port=70000", []string{"--secure-port 70000 must be between 1 and 65535, inclusive. It cannot be turned off with 0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			if err := parse(t, strings.Fields(test.args)...).Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnIntervalThatDoesNotCancelTheLaunchersCacheIsWarnedOf(t *testing.T) {
	for _, test := range []struct{ interval, choose string }{
		{"", ""},
		{"9.75s", ""},
		{"9.745s", ""},
		{"16.25s", ""},
		{"22.75s", ""},
		{"5s", "9.75s or 16.25s"},
		{"6.5s", "9.75s or 16.25s"},
		{"10s", "9.75s or 16.25s"},
		{"13s", "9.75s or 16.25s"},
		{"15s", "9.75s or 16.25s"},
		{"19.5s", "16.25s or 22.75s"},
		{"30s", "29.25s or 35.75s"},
	} {
		o := NewOptions()
		if test.interval != "" {
			o = parse(t, "--scrape-interval="+test.interval)
		}
		var want []string
		if test.choose != "" {
			want = []string{"--scrape-interval is " + test.interval + ", which does not cancel the age of virt-launcher's cached statistics: rates of a guest with a steady load of 50 % " +
				"are off by up to 3 points (root mean square) instead of 0.3 to 1. Choose an odd multiple of 3.25s, such as " + test.choose + ", and a multiple of it as --rate-window."}
		}
		if diff := cmp.Diff(want, o.warnings()); diff != "" {
			t.Errorf("--scrape-interval=%s: -want +got:\n%s", test.interval, diff)
		}
	}
}

func TestARateSpansWholeIntervalsByDefault(t *testing.T) {
	if o := NewOptions(); o.RateWindow%o.ScrapeInterval != 0 {
		t.Errorf("the window %s is no multiple of the interval %s", o.RateWindow, o.ScrapeInterval)
	}
}

func TestCompleteGivesTheKubeconfigToAuthenticationAndAuthorization(t *testing.T) {
	for _, test := range []struct {
		name, args                    string
		authentication, authorization string
	}{
		{"none", "", "", ""},
		{"one for all", "--kubeconfig=all", "all", "all"},
		{"another one for authentication", "--kubeconfig=all --authentication-kubeconfig=other", "other", "all"},
		{"another one for authorization", "--kubeconfig=all --authorization-kubeconfig=other", "all", "other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := parse(t, append(strings.Fields(test.args), "--cert-dir="+t.TempDir())...)
			if err := o.Complete(); err != nil {
				t.Fatal(err)
			}
			got := []string{o.Serving.Authentication.RemoteKubeConfigFile, o.Serving.Authorization.RemoteKubeConfigFile}
			if diff := cmp.Diff([]string{test.authentication, test.authorization}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEachFlagOfOursSaysWhatIsAllowed(t *testing.T) {
	sections := NewOptions().Flags()
	ours := 0
	sections.FlagSet("guest metrics").VisitAll(func(f *pflag.Flag) {
		ours++
		if len(f.Usage) < 20 || !strings.HasSuffix(f.Usage, ".") {
			t.Errorf("--%s says only %q", f.Name, f.Usage)
		}
	})
	if ours < 12 {
		t.Errorf("there are %d flags of ours, want 12 or more", ours)
	}
}

func TestOnlyModernCipherSuitesAreServedByDefault(t *testing.T) {
	suites := parse(t).Serving.SecureServing.CipherSuites
	for _, suite := range tls.CipherSuites() {
		modern := strings.HasPrefix(suite.Name, "TLS_ECDHE_") && !strings.Contains(suite.Name, "CBC")
		if slices.Contains(suites, suite.Name) != modern {
			t.Errorf("%s is among the defaults %v: want that %v", suite.Name, suites, modern)
		}
	}
}

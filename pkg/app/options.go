package app

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // Makes --logging-format=json known.
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// launcherCache is for how long virt-launcher answers with the same domain stats of
// its guest: see NewLibvirtDomainManager in KubeVirt's pkg/virt-launcher/virtwrap.
const launcherCache = 3250 * time.Millisecond

// Options are what the flags say.
type Options struct {
	ScrapeInterval    time.Duration
	ScrapeTimeout     time.Duration
	GuestInterval     time.Duration
	GuestTimeout      time.Duration
	GuestAllowedCIDRs []string
	RateWindow        time.Duration
	MaxSampleAge      time.Duration
	Warmups           inventory.Warmups
	MinKnownFraction  float64
	KubeVirtNamespace string
	Kubeconfig        string
	Version           bool

	Logging *logsapi.LoggingConfiguration
	Serving *options.CustomMetricsAdapterServerOptions

	log *logLimit // Set by ApplyLogging.
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	serving := options.NewCustomMetricsAdapterServerOptions()
	for _, suite := range scrape.ModernCipherSuites() {
		serving.SecureServing.CipherSuites = append(serving.SecureServing.CipherSuites, suite.Name)
	}
	return &Options{
		ScrapeInterval:   3 * launcherCache,
		ScrapeTimeout:    13 * time.Second,
		GuestInterval:    15 * time.Second,
		GuestTimeout:     5 * time.Second,
		RateWindow:       9 * launcherCache,
		MaxSampleAge:     60 * time.Second,
		Warmups:          inventory.DefaultWarmups,
		MinKnownFraction: 0.5,
		Logging:          logsapi.NewLoggingConfiguration(),
		Serving:          serving,
	}
}

// Flags returns a flag for each option, in sections.
func (o *Options) Flags() cliflag.NamedFlagSets {
	var sections cliflag.NamedFlagSets
	o.addFlags(sections.FlagSet("guest metrics"))
	logsapi.AddFlags(o.Logging, sections.FlagSet("logging"))
	o.Serving.AddFlags(sections.FlagSet("API server"))
	return sections
}

func (o *Options) addFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.ScrapeInterval, "scrape-interval", o.ScrapeInterval, "Time between two scrapes of a node's virt-handler, 3.25s or more. Take an odd multiple of 3.25s, as 9.75s and 16.25s are: virt-launcher keeps its guest's statistics for 3.25s, and at such an interval they are mostly equally old at both ends of a rate, so that their age cancels out.")
	fs.DurationVar(&o.ScrapeTimeout, "scrape-timeout", o.ScrapeTimeout, "Time for one scrape with its retries, 1s or more. virt-handler may need more than 5s when one VMI's launcher hangs.")
	fs.DurationVar(&o.GuestInterval, "guest-scrape-interval", o.GuestInterval, "Time between two scrapes of a guest's own status page, 1s or more.")
	fs.DurationVar(&o.GuestTimeout, "guest-scrape-timeout", o.GuestTimeout, "Time for one scrape of a guest's own status page, 100ms or more.")
	fs.StringSliceVar(&o.GuestAllowedCIDRs, "guest-allowed-cidrs", o.GuestAllowedCIDRs, "Address ranges in which guests are scraped although they are loopback, link-local or a node's addresses, such as 127.0.0.0/8 on a local cluster. Leave it empty elsewhere.")
	fs.DurationVar(&o.RateWindow, "rate-window", o.RateWindow, "Time that a rate reaches back, --scrape-interval and --guest-scrape-interval or more. A longer one is smoother and follows more slowly. A rate spans whole intervals, so take a multiple of --scrape-interval.")
	fs.DurationVar(&o.MaxSampleAge, "max-sample-age", o.MaxSampleAge, "Age at which a sample is no longer used and the value becomes unknown, more than --scrape-interval and --guest-scrape-interval.")
	fs.DurationVar(&o.Warmups.Standard, "warmup", o.Warmups.Standard, "Time that a VMI must have been Ready before its values count, 0s or more. The annotation "+inventory.WarmupAnnotation+" of a VMI overrides it.")
	fs.DurationVar(&o.Warmups.WithProbe, "warmup-with-probe", o.Warmups.WithProbe, "The same for VMIs with a readiness probe of type httpGet, tcpSocket or exec, whose Ready means that their application serves, 0s or more. Less than --rate-window gains nothing.")
	fs.Float64Var(&o.MinKnownFraction, "min-known-fraction", o.MinKnownFraction, "Fraction of a group's members whose value must be known for the group to have one, above 0 and up to 1.")
	fs.StringVar(&o.KubeVirtNamespace, "kubevirt-namespace", o.KubeVirtNamespace, "Namespace of KubeVirt's own pods; when empty, that of the KubeVirt object that is deployed.")
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "File that says how to reach the Kubernetes API; the pod's service account when empty. Also used for authentication and authorization where their own flags are empty.")
	fs.BoolVar(&o.Version, "version", o.Version, "Print the version and exit.")
}

// Complete fills in options that depend on others.
func (o *Options) Complete() error {
	o.Serving.Authentication.RemoteKubeConfigFile = cmp.Or(o.Serving.Authentication.RemoteKubeConfigFile, o.Kubeconfig)
	o.Serving.Authorization.RemoteKubeConfigFile = cmp.Or(o.Serving.Authorization.RemoteKubeConfigFile, o.Kubeconfig)
	err := o.Serving.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.ParseIP("127.0.0.1")})
	if err != nil {
		return fmt.Errorf("make a self-signed certificate in --cert-dir %s: %w", o.Serving.SecureServing.ServerCert.CertDirectory, err)
	}
	return nil
}

// Validate returns everything that is wrong with the options, a line each.
func (o *Options) Validate() error {
	var errs []error
	check := func(ok bool, flag string, value any, allowed string) {
		if !ok {
			errs = append(errs, fmt.Errorf("--%s is %v: it must be %s", flag, value, allowed))
		}
	}
	check(o.ScrapeInterval >= launcherCache, "scrape-interval", o.ScrapeInterval,
		fmt.Sprintf("%s or more: virt-launchers answer the same for so long, and a busy guest would seem idle", launcherCache))
	check(o.ScrapeTimeout >= time.Second, "scrape-timeout", o.ScrapeTimeout, "1s or more")
	check(o.GuestInterval >= time.Second, "guest-scrape-interval", o.GuestInterval, "1s or more")
	check(o.GuestTimeout >= 100*time.Millisecond, "guest-scrape-timeout", o.GuestTimeout, "100ms or more")
	_, err := o.guestAllowed()
	check(err == nil, "guest-allowed-cidrs", o.GuestAllowedCIDRs, fmt.Sprintf("a list of address ranges such as 127.0.0.0/8: %v", err))
	longest := max(o.ScrapeInterval, o.GuestInterval)
	check(o.RateWindow >= longest, "rate-window", o.RateWindow,
		fmt.Sprintf("at least --scrape-interval and --guest-scrape-interval (%s), since a rate needs two samples", longest))
	check(o.MaxSampleAge > longest, "max-sample-age", o.MaxSampleAge,
		fmt.Sprintf("more than --scrape-interval and --guest-scrape-interval (%s), or values would come and go", longest))
	check(o.Warmups.Standard >= 0, "warmup", o.Warmups.Standard, "0s or more")
	check(o.Warmups.WithProbe >= 0, "warmup-with-probe", o.Warmups.WithProbe, "0s or more")
	check(o.MinKnownFraction > 0 && o.MinKnownFraction <= 1, "min-known-fraction", o.MinKnownFraction, "above 0 and up to 1")
	if o.KubeVirtNamespace != "" {
		problems := validation.IsDNS1123Label(o.KubeVirtNamespace)
		check(len(problems) == 0, "kubevirt-namespace", fmt.Sprintf("%q", o.KubeVirtNamespace),
			"the name of a namespace: "+strings.Join(problems, "; "))
	}
	for _, err := range logsapi.Validate(o.Logging, nil, field.NewPath("logging")) {
		errs = append(errs, err)
	}
	errs = append(errs, o.Serving.Validate()...)
	return errors.Join(errs...)
}

// warnings returns what is allowed and costs more than it needs to, a sentence or
// a few each.
func (o *Options) warnings() []string {
	// Timers are less exact than this anyway.
	const slack = 10 * time.Millisecond
	multiple := max(3, int64(o.ScrapeInterval/launcherCache))
	below := time.Duration(multiple-(multiple+1)%2) * launcherCache
	above := below + 2*launcherCache
	if off := min((o.ScrapeInterval - below).Abs(), (o.ScrapeInterval - above).Abs()); off <= slack {
		return nil
	}
	return []string{fmt.Sprintf("--scrape-interval is %s, which does not cancel the age of virt-launcher's cached statistics: rates of a guest with a steady load of 50 %% "+
		"are off by up to 3 points (root mean square) instead of 0.3 to 1. Choose an odd multiple of %s, such as %s or %s, and a multiple of it as --rate-window.", o.ScrapeInterval, launcherCache, below, above)}
}

// guestAllowed returns what --guest-allowed-cidrs says.
func (o *Options) guestAllowed() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range o.GuestAllowedCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

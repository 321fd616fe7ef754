package source

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"guest-metrics-server/pkg/guesthttp"
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/pkg/scrape"
	"guest-metrics-server/pkg/series"
)

const (
	maxStatusPage     = 4 << 20
	statusPageSlots   = 256 // Scrapes of guests at a time, and as many again of slow ones.
	guestDialTimeout  = 2 * time.Second
	guestLogVerbosity = 2 // Guests come and go, and some only mean to fill our log.
)

// statusPageLayout is that of every guest's samples.
var statusPageLayout = &series.Layout{Keys: []series.Key{{Family: series.HTTPRequests}, {Family: series.HTTPConnections}}}

// StatusPages is the source of HTTP metrics: the status pages of the guests' web
// servers. Call Run once, the other methods at any time.
type StatusPages struct {
	inventory *inventory.Store
	guestCAs  *inventory.GuestCAs
	history   *history.Store
	scraper   *scrape.Scraper[inventory.Guest]
	status    statusFunc
	detected  func(v *inventory.VMI, counter string)
	origins   atomic.Uint64

	mayDial   func(netip.Addr) error
	plainHTTP *http.Client

	scrapes  *prometheus.CounterVec
	duration prometheus.Histogram
}

// StatusPagesConfig says how guests are scraped.
type StatusPagesConfig struct {
	Inventory         *inventory.Store
	GuestCAs          *inventory.GuestCAs
	NodeAddresses     *inventory.NodeAddresses // Guests are never looked for at one of them.
	RateWindow        time.Duration            // How far rates reach back.
	Interval, Timeout time.Duration            // Of scrapes.
	Replica           string                   // See scrape.Settings.
	Allowed           []netip.Prefix           // Addresses at which guests are scraped whatever they are.

	// Detected is told which counter is read of a VMI, at first and when it changes.
	Detected func(v *inventory.VMI, counter string)
}

// NewStatusPages returns a StatusPages.
func NewStatusPages(c StatusPagesConfig) *StatusPages {
	mayDial := scrape.AddressPolicy{Allowed: c.Allowed, IsNode: c.NodeAddresses.Contains}.Check
	s := &StatusPages{
		inventory: c.Inventory,
		guestCAs:  c.GuestCAs,
		history:   history.NewStore(c.RateWindow),
		detected:  c.Detected,
		mayDial:   mayDial,
		plainHTTP: scrape.NewClient(scrape.ClientConfig{MayDial: mayDial, DialTimeout: guestDialTimeout}),
		scrapes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guest_metrics_server_guest_scrapes_total",
			Help: "Scrapes of guests' status pages by how they ended.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "guest_metrics_server_guest_scrape_duration_seconds",
			Help:    "How long scrapes of guests' status pages took.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 2, 5},
		}),
	}
	s.scraper = scrape.New(scrape.Config[inventory.Guest]{
		Settings: scrape.Settings{
			Interval:  c.Interval,
			Timeout:   c.Timeout,
			MaxBytes:  maxStatusPage,
			Slots:     statusPageSlots,
			Verbosity: guestLogVerbosity,
			Replica:   c.Replica,
			Done: func(outcome scrape.Outcome, took time.Duration) {
				s.scrapes.WithLabelValues(string(outcome)).Inc()
				s.duration.Observe(took.Seconds())
			},
		},
		Target: func(g inventory.Guest) scrape.Target {
			return scrape.Target{
				Name:  guestName(g.Namespace, g.Name),
				URL:   g.Endpoint.URL(g.IP),
				Group: g.Namespace,
				Host:  g.Endpoint.ServerName,
			}
		},
		Client:  s.client,
		Decoder: s.decoder,
	})
	s.status = s.scraper.Status
	return s
}

// guestName is the name of a guest's target.
func guestName(namespace, name string) string { return namespace + "/" + name }

// client returns what a guest is fetched with: one for all that speak plain HTTP,
// one for each that must prove itself.
func (s *StatusPages) client(guest inventory.Guest) *http.Client {
	if guest.Endpoint.Scheme == "http" {
		return s.plainHTTP
	}
	trust := func() scrape.Trust {
		return scrape.Trust{
			CABundle:   s.guestCAs.Of(guest.Namespace),
			CASource:   "key " + inventory.GuestCAKey + " of ConfigMap " + guest.Namespace + "/" + inventory.GuestCAConfigMap,
			ServerName: guest.Endpoint.ServerName,
			SkipVerify: guest.Endpoint.SkipVerify,
		}
	}
	return scrape.NewClient(scrape.ClientConfig{Trust: trust, MayDial: s.mayDial, DialTimeout: guestDialTimeout})
}

// Run scrapes until the context ends.
func (s *StatusPages) Run(ctx context.Context) {
	s.scraper.Run(ctx, s.inventory.Guests, s.inventory.GuestsChanged())
}

// decoder returns what takes in the status pages of a guest.
func (s *StatusPages) decoder(guest inventory.Guest) scrape.DecodeFunc {
	decoder, err := guesthttp.NewDecoder(guest.Endpoint)
	if err != nil {
		return func(context.Context, time.Time, io.Reader) error { return err }
	}
	origin, counter := "", ""
	return func(_ context.Context, at time.Time, r io.Reader) error {
		counts, err := decoder.Decode(r)
		if err != nil {
			return err
		}
		if counts.Anew {
			origin = strconv.FormatUint(s.origins.Add(1), 10) // No rate reaches back over it.
		}
		v := s.inventory.VMI(guest.Namespace, guest.Name)
		if v == nil || v.UID != guest.UID || v.Paused {
			return nil // It has just changed, and this decoder is about to be stopped.
		}
		if counter != counts.Source {
			counter = counts.Source
			s.detected(v, counter)
		}
		s.history.Append(string(v.UID), origin, history.Sample{
			At: at, Layout: statusPageLayout, Values: []float64{counts.Requests, counts.Connections},
		})
		return nil
	}
}

var noEndpoint = reason.Errorf(reason.NoEndpoint, "no annotation %sport says where its status page is", guesthttp.AnnotationPrefix)

// Window returns the recent samples of a VMI, or why there are none.
func (s *StatusPages) Window(v *inventory.VMI) (history.Window, *reason.Error) {
	if v.Endpoint == nil {
		if problem, ok := v.EndpointProblem(); ok {
			return history.Window{}, reason.Errorf(reason.BadEndpoint, "annotation %s: %s", problem.Annotation, problem.Why)
		}
		return history.Window{}, noEndpoint
	}
	w, ok := window(s.history, v)
	if !ok {
		return w, reason.Errorf(reason.NoSample, "no sample yet: %s", s.Silence(v))
	}
	return w, nil
}

// Silence says what keeps newer samples of a VMI away.
func (s *StatusPages) Silence(v *inventory.VMI) *reason.Error {
	status, ok := s.status(guestName(v.Namespace, v.Name))
	switch {
	case !ok:
		return reason.Errorf(reason.Stale, "the active launcher pod has no address yet")
	case status.Err != nil:
		return reason.Errorf(reason.Stale, "the guest's status page: %s", status.Err)
	case status.LastSuccess.IsZero():
		return reason.Errorf(reason.Stale, "the guest's status page has not been scraped yet")
	case status.LastSuccess.Before(v.Resumed):
		return reason.Errorf(reason.Stale, "the guest's status page has not been scraped since the VMI runs")
	default:
		return reason.Errorf(reason.Stale, "the guest's status page is read")
	}
}

// Missing says that a status page does not have a series.
func (s *StatusPages) Missing(_ *inventory.VMI, series string) *reason.Error {
	return reason.Errorf(reason.NotReported, "the guest's status page does not have its %s", series)
}

// Ready returns nil: the server does not wait for guests.
func (s *StatusPages) Ready() error { return nil }

// Prune forgets the VMIs that are gone.
func (s *StatusPages) Prune() {
	s.history.Prune(func(uid string) bool { return s.inventory.HasVMI(types.UID(uid)) })
}

// Samples returns the number of samples held.
func (s *StatusPages) Samples() int {
	_, samples := s.history.Size()
	return samples
}

// Describe implements prometheus.Collector.
func (s *StatusPages) Describe(ch chan<- *prometheus.Desc) {
	s.scrapes.Describe(ch)
	s.duration.Describe(ch)
}

// Collect implements prometheus.Collector.
func (s *StatusPages) Collect(ch chan<- prometheus.Metric) {
	s.scrapes.Collect(ch)
	s.duration.Collect(ch)
}

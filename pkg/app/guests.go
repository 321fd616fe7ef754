package app

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guest-metrics-server/pkg/ingest"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

const (
	maxGuestPageBytes = 4 << 20
	guestPlaces       = 256 // Scrapes of guests at a time, and as many again of slow ones. A namespace has a quarter of them.
	guestDialTimeout  = 2 * time.Second
	guestVerbosity    = 2 // Guests come and go, and some only mean to fill our log.
)

// guestClients makes the clients that guests are fetched with.
type guestClients struct {
	inventory *inventory.Store
	mayDial   func(netip.Addr) error
	plain     *http.Client
}

func newGuestClients(store *inventory.Store, allowed []netip.Prefix) *guestClients {
	policy := scrape.AddressPolicy{Allowed: allowed, IsNode: store.IsNodeAddress}
	return &guestClients{
		inventory: store,
		mayDial:   policy.Check,
		plain:     scrape.NewClient(scrape.ClientConfig{MayDial: policy.Check, DialTimeout: guestDialTimeout}),
	}
}

// client returns what a guest is fetched with: one for all that speak plain
// HTTP, one for each that must prove itself.
func (c *guestClients) client(t scrape.Target) *http.Client {
	guest := t.Spec.(inventory.Guest)
	if guest.Endpoint.Scheme == "http" {
		return c.plain
	}
	trust := func() scrape.Trust {
		return scrape.Trust{
			CABundle:   c.inventory.GuestCA(guest.Namespace),
			CASource:   "key " + inventory.GuestCAKey + " of ConfigMap " + guest.Namespace + "/" + inventory.GuestCAConfigMap,
			ServerName: guest.Endpoint.ServerName,
			SkipVerify: guest.Endpoint.SkipVerify,
		}
	}
	return scrape.NewClient(scrape.ClientConfig{Trust: trust, MayDial: c.mayDial, DialTimeout: guestDialTimeout})
}

// newGuestPool returns what scrapes the guests' status pages, and its metrics.
func newGuestPool(o *Options, clients *guestClients, pages *ingest.GuestPages) (*scrape.Pool, []prometheus.Collector) {
	scrapes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guest_metrics_server_guest_scrapes_total",
		Help: "Scrapes of guests' status pages by how they ended.",
	}, []string{"outcome"})
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "guest_metrics_server_guest_scrape_duration_seconds",
		Help:    "How long scrapes of guests' status pages took.",
		Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 2, 5},
	})
	pool := scrape.NewPool(scrape.Config{
		Interval:  o.GuestInterval,
		Timeout:   o.GuestTimeout,
		MaxBytes:  maxGuestPageBytes,
		Places:    guestPlaces,
		Verbosity: guestVerbosity,
		Replica:   replicaName(),
		Client:    clients.client,
		Pages:     func(t scrape.Target) scrape.PageFunc { return pages.Pages(t.Spec.(inventory.Guest)) },
		Done: func(outcome scrape.Outcome, took time.Duration) {
			scrapes.WithLabelValues(string(outcome)).Inc()
			duration.Observe(took.Seconds())
		},
	})
	return pool, []prometheus.Collector{scrapes, duration}
}

func guestTargets(store *inventory.Store) []scrape.Target {
	guests := store.Guests()
	targets := make([]scrape.Target, 0, len(guests))
	for _, g := range guests {
		targets = append(targets, scrape.Target{
			Name:  g.Namespace + "/" + g.Name,
			URL:   g.Endpoint.URL(g.IP),
			Group: g.Namespace,
			Host:  g.Endpoint.ServerName,
			Spec:  g,
		})
	}
	return targets
}

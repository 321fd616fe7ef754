package app

import (
	"net"
	"net/http"
	"strconv"

	"guest-metrics-server/pkg/ingest"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

const (
	// maxPageBytes bounds a decompressed response. An ordinary VMI has 10 kB of it,
	// one with as many labels as Kubernetes allows 100 MB. It is decoded as it comes,
	// and virt-handler cannot write more within the timeout.
	maxPageBytes = 1 << 30

	// busyRetries is how often a virt-handler is asked again whose places all
	// other scrapers hold.
	busyRetries = 4
)

// newNodePool returns what scrapes each node's virt-handler.
func newNodePool(o *Options, store *inventory.Store, pages *ingest.Ingester) *scrape.Pool {
	client := scrape.NewClient(scrape.ClientConfig{
		Trust: func() scrape.Trust { return trust(store) },
		Idle:  4 * o.ScrapeInterval,
	})
	return scrape.NewPool(scrape.Config{
		Interval:    o.ScrapeInterval,
		Timeout:     o.ScrapeTimeout,
		MaxBytes:    maxPageBytes,
		Gzip:        true,
		Replica:     replicaName(),
		BusyRetries: busyRetries,
		Client:      func(scrape.Target) *http.Client { return client },
		Pages:       func(t scrape.Target) scrape.PageFunc { return pages.Pages(t.Name) },
	})
}

// trust says how virt-handler proves itself: KubeVirt's own authority, and a
// name that holds for every node.
func trust(store *inventory.Store) scrape.Trust {
	return scrape.Trust{
		CABundle:   store.CABundle(),
		CASource:   "key ca-bundle of ConfigMap kubevirt-ca in KubeVirt's namespace",
		ServerName: "virt-handler." + store.KubeVirtNamespace() + ".svc",
	}
}

func nodeTargets(store *inventory.Store) []scrape.Target {
	var targets []scrape.Target
	for _, t := range store.Targets() {
		address := net.JoinHostPort(t.IP, strconv.Itoa(int(t.Port)))
		targets = append(targets, scrape.Target{Name: t.Node, URL: "https://" + address + "/metrics"})
	}
	return targets
}

package source

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/pkg/scrape"
)

const (
	// maxNodeResponse bounds a node's decompressed response. What takes longer than
	// the scrape's timeout ends before; docs/limits.md has the figures.
	maxNodeResponse = 1 << 30

	// busyRetries is how often a virt-handler is asked again while other scrapers
	// hold all of its slots.
	busyRetries = 4
)

// VirtHandlers is the source of domain stats: each node's virt-handler. Call Run
// once, the other methods at any time.
type VirtHandlers struct {
	inventory *inventory.Store
	kubevirt  *inventory.KubeVirt
	history   *history.Store
	scraper   *scrape.Scraper[inventory.Target]
	status    statusFunc

	malformed prometheus.Counter
	unmatched prometheus.Counter
	oversized oversized
	responses responses
}

// statusFunc returns how the scrapes of a target went, false if there is none of
// the name.
type statusFunc func(target string) (scrape.Status, bool)

// VirtHandlersConfig says how virt-handlers are scraped.
type VirtHandlersConfig struct {
	Inventory         *inventory.Store
	KubeVirt          *inventory.KubeVirt
	RateWindow        time.Duration // How far rates reach back.
	Interval, Timeout time.Duration // Of scrapes.
	Replica           string        // See scrape.Settings.
}

// NewVirtHandlers returns a VirtHandlers.
func NewVirtHandlers(c VirtHandlersConfig) *VirtHandlers {
	s := &VirtHandlers{
		inventory: c.Inventory,
		kubevirt:  c.KubeVirt,
		history:   history.NewStore(c.RateWindow),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_malformed_series_total",
			Help: "Series in virt-handlers' responses that could not be read.",
		}),
		unmatched: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_unmatched_samples_total",
			Help: "Samples of VMIs that the Kubernetes API does not have on the response's node, as around a migration.",
		}),
	}
	client := scrape.NewClient(scrape.ClientConfig{Trust: s.trust, Idle: 4 * c.Interval})
	s.scraper = scrape.New(scrape.Config[inventory.Target]{
		Settings: scrape.Settings{
			Interval:    c.Interval,
			Timeout:     c.Timeout,
			MaxBytes:    maxNodeResponse,
			Gzip:        true,
			Replica:     c.Replica,
			BusyRetries: busyRetries,
			BusyMeans:   "too many scrapers at a time, virt-handler allows 3 (--max-metric-requests)",
		},
		Target: func(t inventory.Target) scrape.Target {
			return scrape.Target{Name: t.Node, URL: urlOf(t)}
		},
		Client:  func(inventory.Target) *http.Client { return client },
		Decoder: func(t inventory.Target) scrape.DecodeFunc { return s.decoder(t.Node) },
	})
	s.status = s.scraper.Status
	return s
}

// trust says how virt-handler proves itself: KubeVirt's own authority, and a name
// that holds for every node.
func (s *VirtHandlers) trust() scrape.Trust {
	return scrape.Trust{
		CABundle:   s.kubevirt.CABundle(),
		CASource:   "key ca-bundle of ConfigMap kubevirt-ca in KubeVirt's namespace",
		ServerName: "virt-handler." + s.kubevirt.Namespace() + ".svc",
	}
}

// Run scrapes until the context ends.
func (s *VirtHandlers) Run(ctx context.Context) {
	s.scraper.Run(ctx, s.kubevirt.Targets, s.kubevirt.TargetsChanged())
}

// decoder returns what takes in the responses of a node's virt-handler.
func (s *VirtHandlers) decoder(node string) scrape.DecodeFunc {
	anyOversized := false // In the response before.
	return func(ctx context.Context, at time.Time, r io.Reader) error {
		response, err := domainstats.Decode(r)
		if err != nil {
			return err
		}
		s.responses.take(node, response)
		for _, sample := range response.Samples {
			// The response has a name, which may be that of another VMI by now, or of
			// one that runs elsewhere; the API says which VMI is meant.
			v := s.inventory.VMI(sample.Namespace, sample.Name)
			if v == nil || v.Node != node {
				s.unmatched.Inc()
				continue
			}
			if v.Paused {
				continue // Its counters stand still.
			}
			s.history.Append(string(v.UID), v.Stay, history.Sample{At: at, Layout: sample.Layout, Values: sample.Values})
		}
		if anyOversized || len(response.Oversized) > 0 {
			anyOversized = len(response.Oversized) > 0
			s.takeOversized(ctx, node, response.Oversized)
		}
		if response.Malformed > 0 {
			s.malformed.Add(float64(response.Malformed))
			klog.FromContext(ctx).V(2).Info("Part of the response could not be read", "series", response.Malformed, "first", response.Problem)
		}
		return nil
	}
}

// Window returns the recent samples of a VMI, or why there are none.
func (s *VirtHandlers) Window(v *inventory.VMI) (history.Window, *reason.Error) {
	w, ok := window(s.history, v)
	if !ok {
		err := s.Silence(v)
		if err.Code == reason.Stale {
			err.Code = reason.NoSample
		}
		err.Detail = "no sample yet: " + err.Detail
		return w, err
	}
	return w, nil
}

// Silence says what keeps newer samples of a VMI away.
func (s *VirtHandlers) Silence(v *inventory.VMI) *reason.Error {
	who := "virt-handler on node " + v.Node
	status, ok := s.status(v.Node)
	switch {
	case !ok:
		return reason.Errorf(reason.Stale, "no virt-handler pod runs on node %s", v.Node)
	case status.Err != nil:
		return reason.Errorf(reason.Stale, "%s: %s", who, status.Err)
	case status.LastSuccess.IsZero():
		return reason.Errorf(reason.Stale, "%s has not been scraped yet", who)
	case status.LastSuccess.Before(v.RunningSince), status.LastSuccess.Before(v.Resumed):
		return reason.Errorf(reason.Stale, "%s has not been scraped since the VMI runs", who)
	}
	if why, ok := s.tooLarge(v, ""); ok {
		return reason.Errorf(reason.TooLarge, "%s", why)
	}
	return reason.Errorf(reason.Stale, "%s answers, but without this VMI: its launcher may hang", who)
}

// Missing says why a series is not among a VMI's samples.
func (s *VirtHandlers) Missing(v *inventory.VMI, series string) *reason.Error {
	if status, _ := s.status(v.Node); status.Err == nil {
		if why, ok := s.tooLarge(v, series); ok {
			return reason.Errorf(reason.TooLarge, "%s", why)
		}
	}
	return reason.Errorf(reason.NotReported, "virt-handler's response has no usable %s of this VMI", series)
}

// Ready returns nil when each node has been tried twice, since a rate needs two
// samples. A dead node does not hold that up.
func (s *VirtHandlers) Ready() error {
	targets := s.kubevirt.Targets()
	waiting := 0
	for _, t := range targets {
		if status, ok := s.status(t.Node); !ok || status.Tries() < 2 {
			waiting++
		}
	}
	if waiting > 0 {
		return fmt.Errorf("waiting for the first two scrapes of %d of %d nodes", waiting, len(targets))
	}
	return nil
}

// Prune forgets the VMIs that are gone.
func (s *VirtHandlers) Prune() {
	keep := func(uid string) bool { return s.inventory.HasVMI(types.UID(uid)) }
	s.history.Prune(keep)
	s.oversized.prune(keep)
	s.responses.prune(s.kubevirt.Targets())
}

// Samples returns the number of samples held.
func (s *VirtHandlers) Samples() int {
	_, samples := s.history.Size()
	return samples
}

// Describe implements prometheus.Collector.
func (s *VirtHandlers) Describe(ch chan<- *prometheus.Desc) {
	s.scraper.Describe(ch)
	s.malformed.Describe(ch)
	s.unmatched.Describe(ch)
	ch <- oversizedDesc
}

// Collect implements prometheus.Collector.
func (s *VirtHandlers) Collect(ch chan<- prometheus.Metric) {
	s.scraper.Collect(ch)
	s.malformed.Collect(ch)
	s.unmatched.Collect(ch)
	ch <- prometheus.MustNewConstMetric(oversizedDesc, prometheus.GaugeValue, float64(s.oversized.count()))
}

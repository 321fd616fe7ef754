// Package ingest takes pages into the history: it joins what a page says of a
// name with what the Kubernetes API says of the VMI of that name. In goes a
// page of a node or of a guest, out go samples under the VMI's UID. It does not
// fetch pages and computes nothing.
package ingest

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"guest-metrics-server/pkg/domainstats"
	"guest-metrics-server/pkg/history"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/scrape"
)

// Ingester takes pages into the history. It is safe for concurrent use.
type Ingester struct {
	inventory *inventory.Store
	history   *history.Store
	malformed prometheus.Counter
	strangers prometheus.Counter
	oversized oversized
}

// New returns an Ingester.
func New(store *inventory.Store, samples *history.Store) *Ingester {
	return &Ingester{
		inventory: store,
		history:   samples,
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_malformed_series_total",
			Help: "Series on virt-handlers' pages that could not be read.",
		}),
		strangers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "guest_metrics_server_strange_samples_total",
			Help: "Samples of VMIs that the Kubernetes API does not place on the page's node, as around a migration.",
		}),
	}
}

// Pages returns what takes in the pages of a node's virt-handler.
func (in *Ingester) Pages(node string) scrape.PageFunc {
	anyOversized := false // On the page before.
	return func(ctx context.Context, at time.Time, r io.Reader) error {
		page, err := domainstats.Decode(r)
		if err != nil {
			return err
		}
		for _, s := range page.Samples {
			// The page tells a name, which may be that of another VMI by now, or of
			// one that runs elsewhere; the API tells which VMI is meant.
			v := in.inventory.VMI(s.Namespace, s.Name)
			if v == nil || v.Node != node {
				in.strangers.Inc()
				continue
			}
			if v.Paused {
				in.history.Forget(string(v.UID)) // Its counters stand still: no rate may reach over that.
				continue
			}
			in.history.Append(string(v.UID), node, history.Sample{At: at, Layout: s.Layout, Values: s.Values})
		}
		if anyOversized || len(page.Oversized) > 0 {
			anyOversized = len(page.Oversized) > 0
			in.takeOversized(ctx, node, page.Oversized)
		}
		if page.Malformed > 0 {
			in.malformed.Add(float64(page.Malformed))
			klog.FromContext(ctx).V(2).Info("Part of the page could not be read", "series", page.Malformed, "first", page.Problem)
		}
		return nil
	}
}

// Describe implements prometheus.Collector.
func (in *Ingester) Describe(ch chan<- *prometheus.Desc) {
	in.malformed.Describe(ch)
	in.strangers.Describe(ch)
	ch <- oversizedDesc
}

// Collect implements prometheus.Collector.
func (in *Ingester) Collect(ch chan<- prometheus.Metric) {
	in.malformed.Collect(ch)
	in.strangers.Collect(ch)
	ch <- prometheus.MustNewConstMetric(oversizedDesc, prometheus.GaugeValue, float64(in.oversized.count()))
}

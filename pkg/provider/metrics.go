package provider

import (
	"github.com/prometheus/client_golang/prometheus"
	cmprovider "sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/unknown"
)

const stateKnown = "known"

// A signal is what VMIs are known by.
type signal struct {
	metric     *metric.Metric
	vmis, ages *prometheus.Desc
}

var signals = []signal{
	{
		metric: metric.Lookup(metric.CPUUsage),
		vmis: prometheus.NewDesc("guest_metrics_server_vmis",
			"VMIs by whether their CPU load is known, and if not, why.", []string{"state"}, nil),
		ages: prometheus.NewDesc("guest_metrics_server_sample_age_seconds",
			"Age of the newest sample of each VMI whose CPU load is known.", nil, nil),
	},
	{
		metric: metric.Lookup(metric.HTTPRequests),
		vmis: prometheus.NewDesc("guest_metrics_server_http_vmis",
			"VMIs by whether their request rate is known, and if not, why.", []string{"state"}, nil),
		ages: prometheus.NewDesc("guest_metrics_server_http_sample_age_seconds",
			"Age of the newest sample of each VMI whose request rate is known.", nil, nil),
	},
}

var samplesDesc = prometheus.NewDesc("guest_metrics_server_samples",
	"Samples of VMIs held in memory.", nil, nil)

var ageBuckets = []float64{5, 10, 15, 20, 30, 45, 60, 120}

// requests counts the questions asked.
type requests struct {
	total *prometheus.CounterVec
}

func newRequests() requests {
	return requests{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guest_metrics_server_requests_total",
		Help: "Requests by metric, resource and result; error means that no value was answered.",
	}, []string{"metric", "resource", "result"})}
}

// count counts a request. What is not served counts as "other": its names come
// from clients.
func (r requests) count(info cmprovider.CustomMetricInfo, err error) {
	name, resource, result := "other", "other", "ok"
	if metric.Lookup(info.Metric) != nil {
		name = info.Metric
	}
	for _, kind := range inventory.Kinds() {
		if kind.GroupResource == info.GroupResource {
			resource = kind.GroupResource.String()
		}
	}
	if err != nil {
		result = "error"
	}
	r.total.WithLabelValues(name, resource, result).Inc()
}

// Describe implements prometheus.Collector.
func (p *Provider) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range signals {
		ch <- s.vmis
		ch <- s.ages
	}
	ch <- samplesDesc
	p.requests.total.Describe(ch)
}

// Collect implements prometheus.Collector.
func (p *Provider) Collect(ch chan<- prometheus.Metric) {
	for _, s := range signals {
		p.collect(ch, s)
	}
	_, samples := p.VirtHandlers.History.Size()
	_, guests := p.Guests.History.Size()
	ch <- prometheus.MustNewConstMetric(samplesDesc, prometheus.GaugeValue, float64(samples+guests))
	p.requests.total.Collect(ch)
}

func (p *Provider) collect(ch chan<- prometheus.Metric, s signal) {
	states := map[string]int{stateKnown: 0}
	for _, reason := range unknown.Reasons() {
		states[string(reason)] = 0
	}
	buckets := make(map[float64]uint64, len(ageBuckets))
	for _, le := range ageBuckets {
		buckets[le] = 0
	}
	var ages float64
	now := p.Now()
	for m := range p.Inventory.All() {
		reading, err := p.assess(m, s.metric, metric.Every)
		if err != nil {
			states[string(err.Reason)]++
			continue
		}
		states[stateKnown]++
		age := now.Sub(reading.At).Seconds()
		ages += age
		for _, le := range ageBuckets {
			if age <= le {
				buckets[le]++
			}
		}
	}
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(s.vmis, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstHistogram(s.ages, uint64(states[stateKnown]), ages, buckets)
}

package evaluate

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
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

var ageBuckets = []float64{5, 10, 15, 20, 30, 45, 60, 120}

// Describe implements prometheus.Collector.
func (e *Evaluator) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range signals {
		ch <- s.vmis
		ch <- s.ages
	}
}

// Collect implements prometheus.Collector.
func (e *Evaluator) Collect(ch chan<- prometheus.Metric) {
	for _, s := range signals {
		e.collect(ch, s)
	}
}

// States counts the VMIs by whether a metric of theirs is known ("known"), and
// if not, why.
func (e *Evaluator) States(m *metric.Metric) map[string]int {
	states, _ := e.states(m)
	return states
}

// states returns the same, and when the newest samples of the known ones were
// taken.
func (e *Evaluator) states(served *metric.Metric) (states map[string]int, sampled []time.Time) {
	states = map[string]int{stateKnown: 0}
	for _, code := range reason.Codes() {
		states[string(code)] = 0
	}
	for m := range e.Inventory.All() {
		reading, err := e.assess(m, served, metric.Every)
		if err != nil {
			states[string(err.Code)]++
			continue
		}
		states[stateKnown]++
		sampled = append(sampled, reading.At)
	}
	return states, sampled
}

func (e *Evaluator) collect(ch chan<- prometheus.Metric, s signal) {
	states, sampled := e.states(s.metric)
	buckets := make(map[float64]uint64, len(ageBuckets))
	for _, le := range ageBuckets {
		buckets[le] = 0
	}
	var ages float64
	now := e.Now()
	for _, at := range sampled {
		age := now.Sub(at).Seconds()
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

package scrape

import "github.com/prometheus/client_golang/prometheus"

var (
	durationDesc = prometheus.NewDesc("guest_metrics_server_scrape_duration_seconds",
		"How long the last scrape of a target took, with retries.", []string{"target"}, nil)
	scrapesDesc = prometheus.NewDesc("guest_metrics_server_scrapes_total",
		"Scrapes of a target by how they ended.", []string{"target", "outcome"}, nil)
	lastSuccessDesc = prometheus.NewDesc("guest_metrics_server_scrape_last_success_timestamp_seconds",
		"When the last page of a target was asked for.", []string{"target"}, nil)
)

// Describe implements prometheus.Collector.
func (p *Pool) Describe(ch chan<- *prometheus.Desc) {
	ch <- durationDesc
	ch <- scrapesDesc
	ch <- lastSuccessDesc
}

// Collect implements prometheus.Collector.
func (p *Pool) Collect(ch chan<- prometheus.Metric) {
	for name, s := range p.Statuses() {
		ch <- prometheus.MustNewConstMetric(durationDesc, prometheus.GaugeValue, s.Duration.Seconds(), name)
		ch <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(s.Succeeded), name, "ok")
		for outcome, n := range s.Failed {
			ch <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(n), name, string(outcome))
		}
		if !s.LastSuccess.IsZero() {
			ch <- prometheus.MustNewConstMetric(lastSuccessDesc, prometheus.GaugeValue, float64(s.LastSuccess.UnixMilli())/1000, name)
		}
	}
}

package scrape

import "github.com/prometheus/client_golang/prometheus"

var (
	durationDesc = prometheus.NewDesc("guest_metrics_server_scrape_duration_seconds",
		"How long the last scrape of a target took, with retries.", []string{"target"}, nil)
	scrapesDesc = prometheus.NewDesc("guest_metrics_server_scrapes_total",
		"Scrapes of a target by how they ended.", []string{"target", "outcome"}, nil)
	lastSuccessDesc = prometheus.NewDesc("guest_metrics_server_scrape_last_success_timestamp_seconds",
		"When the last response of a target was asked for.", []string{"target"}, nil)
)

// Describe implements prometheus.Collector.
func (s *Scraper[T]) Describe(ch chan<- *prometheus.Desc) {
	ch <- durationDesc
	ch <- scrapesDesc
	ch <- lastSuccessDesc
}

// Collect implements prometheus.Collector.
func (s *Scraper[T]) Collect(ch chan<- prometheus.Metric) {
	for name, status := range s.Statuses() {
		ch <- prometheus.MustNewConstMetric(durationDesc, prometheus.GaugeValue, status.Duration.Seconds(), name)
		ch <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(status.Succeeded), name, "ok")
		for outcome, n := range status.Failed {
			ch <- prometheus.MustNewConstMetric(scrapesDesc, prometheus.CounterValue, float64(n), name, string(outcome))
		}
		if !status.LastSuccess.IsZero() {
			ch <- prometheus.MustNewConstMetric(lastSuccessDesc, prometheus.GaugeValue, float64(status.LastSuccess.UnixMilli())/1000, name)
		}
	}
}

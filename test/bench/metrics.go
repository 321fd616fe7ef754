package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics is what the server tells of itself.
type metrics struct {
	heapBytes, allocatedBytes float64
	scraped, failed           float64 // Responses.
	known, vmis               float64
}

func (s *server) metrics(ctx context.Context) (metrics, error) {
	var m metrics
	text, _, err := s.get(ctx, "/metrics", "")
	if err != nil {
		return m, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return m, fmt.Errorf("read the server's metrics: %w", err)
	}
	m.heapBytes = families["go_memstats_heap_inuse_bytes"].GetMetric()[0].GetGauge().GetValue()
	m.allocatedBytes = families["go_memstats_alloc_bytes_total"].GetMetric()[0].GetCounter().GetValue()
	for _, series := range families["guest_metrics_server_scrapes_total"].GetMetric() {
		for _, label := range series.GetLabel() {
			switch {
			case label.GetName() != "outcome":
			case label.GetValue() == "ok":
				m.scraped += series.GetCounter().GetValue()
			default:
				m.failed += series.GetCounter().GetValue()
			}
		}
	}
	for _, series := range families["guest_metrics_server_vmis"].GetMetric() {
		m.vmis += series.GetGauge().GetValue()
		if series.GetLabel()[0].GetValue() == "known" {
			m.known = series.GetGauge().GetValue()
		}
	}
	return m, nil
}

package scrape

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetricsTellHowScrapesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t.Context(), map[string]answer{"n1": nth(healthy, takes(2*time.Second)), "n2": hang}, func(c *Config[Target]) { c.Interval = time.Minute })
		f.pass(4 * time.Minute)
		f.stop()
		const want = `
# HELP guest_metrics_server_scrapes_total Scrapes of a target by how they ended.
# TYPE guest_metrics_server_scrapes_total counter
guest_metrics_server_scrapes_total{outcome="ok",target="n1"} 4
guest_metrics_server_scrapes_total{outcome="ok",target="n2"} 0
guest_metrics_server_scrapes_total{outcome="timeout",target="n2"} 4
# HELP guest_metrics_server_scrape_duration_seconds How long the last scrape of a target took, with retries.
# TYPE guest_metrics_server_scrape_duration_seconds gauge
guest_metrics_server_scrape_duration_seconds{target="n1"} 2
guest_metrics_server_scrape_duration_seconds{target="n2"} 13
`
		err := testutil.CollectAndCompare(f, strings.NewReader(want),
			"guest_metrics_server_scrapes_total", "guest_metrics_server_scrape_duration_seconds")
		if err != nil {
			t.Error(err)
		}
	})
}

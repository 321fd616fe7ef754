package guestmetrics_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guest-metrics-server/pkg/apiserver/servertest"
)

func TestObjects(t *testing.T) {
	s := cluster(t)
	for _, test := range []struct {
		name, path, want string
	}{
		{
			"a VMI that counts", "namespaces/shop/vmimetrics/web-0",
			`{"kind":"VirtualMachineInstanceMetrics","apiVersion":"guestmetrics.io/v1alpha1",` +
				`"metadata":{"name":"web-0","namespace":"shop","uid":"web-0-uid","labels":{"app":"web"}},` +
				`"node":"n1","pod":"virt-launcher-web-0","countsSince":"2026-07-01T11:02:00Z","vcpus":2,` +
				`"metrics":[{"name":"guest_cpu_usage_cores","value":"1254m","timestamp":"2026-07-01T11:59:48Z","window":"29.25s"},` +
				`{"name":"guest_cpu_utilization_percent","value":"62700m","timestamp":"2026-07-01T11:59:48Z","window":"29.25s"},` +
				`{"name":"guest_memory_used_bytes","value":"805306368","timestamp":"2026-07-01T11:59:48Z"}],` +
				`"unknown":[{"name":"guest_http_requests_per_second","reason":"no_endpoint","message":"no annotation"}]}`,
		},
		{
			"a VMI that does not count", "namespaces/shop/vmimetrics/young",
			`{"kind":"VirtualMachineInstanceMetrics","apiVersion":"guestmetrics.io/v1alpha1",` +
				`"metadata":{"name":"young","namespace":"shop","uid":"young-uid","labels":{"app":"young"}},` +
				`"node":"n1","pod":"virt-launcher-young","excluded":{"reason":"not_ready","message":"not Ready yet"},` +
				`"metrics":[],"unknown":[` +
				`{"name":"guest_cpu_usage_cores","reason":"not_ready","message":"not Ready yet"},` +
				`{"name":"guest_cpu_utilization_percent","reason":"not_ready","message":"not Ready yet"},` +
				`{"name":"guest_memory_used_bytes","reason":"not_ready","message":"not Ready yet"},` +
				`{"name":"guest_http_requests_per_second","reason":"no_endpoint","message":"no annotation"}]}`,
		},
		{
			"a target that is up", "scrapetargets/n1",
			`{"kind":"ScrapeTarget","apiVersion":"guestmetrics.io/v1alpha1","metadata":{"name":"n1"},"replica":"server-1","url":"https://192.0.2.1:8443/metrics",` +
				`"health":"up","lastScrape":"2026-07-01T11:59:57Z","lastSuccess":"2026-07-01T11:59:57Z","lastScrapeDuration":"1.234s","vmis":4}`,
		},
		{
			"a target that is down, with the error of now", "scrapetargets/n2",
			`{"kind":"ScrapeTarget","apiVersion":"guestmetrics.io/v1alpha1","metadata":{"name":"n2"},"replica":"server-1","url":"https://192.0.2.2:8443/metrics",` +
				`"health":"down","lastScrape":"2026-07-01T11:59:55Z","lastSuccess":"2026-07-01T11:59:00Z","lastScrapeDuration":"1ms","vmis":1,"lastError":"connection refused"}`,
		},
		{
			"a target that was not scraped yet", "scrapetargets/n3",
			`{"kind":"ScrapeTarget","apiVersion":"guestmetrics.io/v1alpha1","metadata":{"name":"n3"},"replica":"server-1","url":"https://192.0.2.3:8443/metrics","health":"unknown","vmis":0}`,
		},
		{
			"a target whose response could be read in part", "scrapetargets/n4",
			`{"kind":"ScrapeTarget","apiVersion":"guestmetrics.io/v1alpha1","metadata":{"name":"n4"},"replica":"server-1","url":"https://192.0.2.4:8443/metrics",` +
				`"health":"up","lastScrape":"2026-07-01T12:00:00Z","lastSuccess":"2026-07-01T12:00:00Z","lastScrapeDuration":"0s","vmis":2,"lastError":"a line could not be read"}`,
		},
		{
			"an empty list", "namespaces/nobody/vmimetrics",
			`{"kind":"VirtualMachineInstanceMetricsList","apiVersion":"guestmetrics.io/v1alpha1","metadata":{},"items":[]}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A client that would rather have protobuf gets JSON.
			for _, accept := range []string{"application/json", "application/vnd.kubernetes.protobuf,application/json"} {
				code, body := servertest.Get(t, s.URL+root+test.path, accept)
				var got bytes.Buffer
				if err := json.Compact(&got, []byte(body)); err != nil {
					t.Fatalf("%v: %s", err, body)
				}
				if diff := cmp.Diff(test.want, got.String()); code != http.StatusOK || diff != "" {
					t.Errorf("status %d; -want +got:\n%s", code, diff)
				}
			}
		})
	}
}

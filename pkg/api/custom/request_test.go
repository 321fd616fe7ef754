package custom_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"guest-metrics-server/pkg/api/custom"
	"guest-metrics-server/pkg/apiserver/servertest"
)

// What cannot be understood is the client's error, and says what is allowed.
func TestBadRequests(t *testing.T) {
	s := servertest.Open(t, custom.NewHandler(answers{}).API())
	const pods = "namespaces/shop/pods/*/guest_load_1m"
	selector := func(parameter, text string) string { return pods + "?" + parameter + "=" + url.QueryEscape(text) }
	for _, test := range []struct {
		name, path string
		code       int
		want       string
	}{
		{"a metric.selector that is malformed", selector("metricLabelSelector", "==="), http.StatusBadRequest, "metricLabelSelector: "},
		{"a metric.selector with a long value", selector("metricLabelSelector", "a="+strings.Repeat("b", 64)), http.StatusBadRequest, "must be no more than 63"},
		{"a labelSelector that is malformed", selector("labelSelector", "==="), http.StatusBadRequest, "labelSelector: "},
		{"a labelSelector that is long", selector("labelSelector", strings.Repeat("b", 9000)), http.StatusBadRequest, "allowed are 8192"},
		{"a labelSelector of many requirements", selector("labelSelector", strings.Repeat("a,", 64)+"a"), http.StatusBadRequest, "allowed are 64 with 256"},
		{"a labelSelector of many values", selector("labelSelector", "a in ("+numbers(257)+")"), http.StatusBadRequest, "allowed are 64 with 256"},
		{"a fieldSelector", selector("fieldSelector", "metadata.name=web-0"), http.StatusBadRequest, "no fields"},
		{"a URI that is too long", selector("labelSelector", strings.Repeat("b", 700_000)), http.StatusRequestURITooLong, "allowed are 16384"},
		{"a metric that is not served", "namespaces/shop/pods/web-0/guest_heat", http.StatusNotFound, "only guest_cpu_usage_cores, "},
		{"a kind that is not served", "namespaces/shop/nodes/n1/guest_load_1m", http.StatusNotFound, "only of pods, "},
		{"a namespace as an object in itself", "namespaces/shop/namespaces/shop/guest_load_1m", http.StatusNotFound, "namespaces/NAMESPACE/metrics/METRIC"},
		{"an object without its namespace", "pods/web-0/guest_load_1m", http.StatusNotFound, "in a namespace"},
		{"no metric", "namespaces/shop/pods/web-0", http.StatusNotFound, "nothing at this path"},
		{"more than a metric", "namespaces/shop/pods/web-0/guest_load_1m/more", http.StatusNotFound, "nothing at this path"},
		{"a doubled slash", "namespaces/shop/pods//guest_load_1m", http.StatusNotFound, "nothing at this path"},
		{"a watch", "watch/namespaces/shop/pods/web-0", http.StatusNotFound, "nothing at this path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, version := range []string{"v1beta1/", "v1beta2/"} {
				code, body := servertest.Get(t, s.URL+prefix+version+test.path, "application/json")
				if code != test.code || !strings.Contains(body, test.want) || !strings.Contains(body, `"kind":"Status"`) {
					t.Errorf("%s: got %d, want %d with %q: %s", version, code, test.code, test.want, body)
				}
			}
		})
	}
}

// numbers returns different values for a selector.
func numbers(n int) string {
	var text strings.Builder
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strings.Repeat("x", i%20) + string(rune('a'+i%26)) + strings.Repeat("y", i/26))
	}
	return text.String()
}

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd/options"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// answers is a provider that knows the value of one pod, and puts the question
// into the answer.
type answers struct{}

func (answers) ListAllMetrics() []provider.CustomMetricInfo {
	var all []provider.CustomMetricInfo
	for _, resource := range []string{"pods", "virtualmachinepools.pool.kubevirt.io"} {
		for _, metric := range []string{"guest_heat", "guest_load"} {
			all = append(all, provider.CustomMetricInfo{GroupResource: schema.ParseGroupResource(resource), Namespaced: true, Metric: metric})
		}
	}
	return all
}

func (answers) GetMetricByName(_ context.Context, name types.NamespacedName, info provider.CustomMetricInfo, selector labels.Selector) (*custom_metrics.MetricValue, error) {
	if name.Name == "cold" {
		return nil, apierrors.NewNotFound(info.GroupResource, "cold: it is paused")
	}
	return new(value(name.Namespace, name.Name, fmt.Sprintf("%s of %s, selector %q", info.Metric, info.GroupResource, selector))), nil
}

func (answers) GetMetricBySelector(_ context.Context, namespace string, selector labels.Selector, info provider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValueList, error) {
	asked := fmt.Sprintf("%s of %s that match %q, selector %q", info.Metric, info.GroupResource, selector, metricSelector)
	return &custom_metrics.MetricValueList{Items: []custom_metrics.MetricValue{value(namespace, "web-0", asked)}}, nil
}

func value(namespace, name, asked string) custom_metrics.MetricValue {
	return custom_metrics.MetricValue{
		DescribedObject: custom_metrics.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name},
		Metric:          custom_metrics.MetricIdentifier{Name: asked},
		Timestamp:       metav1.NewTime(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)),
		WindowSeconds:   new(int64(30)),
		Value:           *resource.NewMilliQuantity(1500, resource.DecimalSI),
	}
}

// serve returns a server without a cluster behind it, which therefore lets in
// the groups that are named and nobody else.
func serve(t *testing.T, ready func() error, groups ...string) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	o := options.NewCustomMetricsAdapterServerOptions()
	o.SecureServing.Listener = listener
	o.SecureServing.ServerCert.CertDirectory = t.TempDir()
	o.Authentication.RemoteKubeConfigFileOptional = true
	o.Authorization.RemoteKubeConfigFileOptional = true
	o.Authorization.AlwaysAllowGroups = groups
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "own_metric", Help: "One."}, func() float64 { return 1 }))
	server, err := New(Config{
		Options:  o,
		Client:   &rest.Config{Host: "http://127.0.0.1:1"},
		Provider: answers{},
		Gatherer: registry,
		Ready:    ready,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.generic.PrepareRun()
	t.Cleanup(server.generic.Destroy)
	// The handlers as they are, behind another listener.
	s := httptest.NewServer(server.generic.Handler)
	t.Cleanup(s.Close)
	return s
}

// open serves everybody, and is ready.
func open(t *testing.T) *httptest.Server {
	t.Helper()
	return serve(t, func() error { return nil }, user.AllUnauthenticated)
}

// get returns the status and the body of an answer.
func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

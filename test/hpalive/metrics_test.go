//go:build e2e

package hpalive

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	custommetrics "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalmetrics "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	resourcemetrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"guest-metrics-server/pkg/hpa"
)

// metricsAPIs answers as adapters of all three metrics APIs do, from readings.
type metricsAPIs struct {
	mu   sync.Mutex
	hpas map[string]*answers // by the HPA's name
}

// answers are those for one HPA.
type answers struct {
	metrics []autoscalingv2.MetricSpec
	phases  [2][]hpa.Reading
	wanted  int // the phase from the next sync on
	phase   int // the phase of this sync
	// syncs are the times at which syncs of the wanted phase began: the controller
	// reads an HPA's metrics in their order.
	syncs []time.Time
}

func (m *metricsAPIs) add(name string, a *answers) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hpas[name] = a
}

// change goes on to the second phase.
func (m *metricsAPIs) change() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.hpas {
		a.wanted, a.syncs = 1, nil
	}
}

// syncsSince counts the HPA's syncs in the phase, among those that began after a time.
func (m *metricsAPIs) syncsSince(name string, since time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := 0
	for _, began := range m.hpas[name].syncs {
		if began.After(since) {
			count++
		}
	}
	return count
}

// read returns a metric and its reading in the sync that asks.
func (m *metricsAPIs) read(name string, i int) (metric autoscalingv2.MetricSpec, reading hpa.Reading, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.hpas[name]
	if a == nil || i >= len(a.metrics) {
		return metric, reading, fmt.Errorf("there is no metric %d of %q", i, name)
	}
	if i == 0 {
		a.phase = a.wanted
		a.syncs = append(a.syncs, time.Now())
	}
	reading = a.phases[a.phase][i]
	return a.metrics[i], reading, reading.Err
}

// readResource finds the one metric of a resource.
func (m *metricsAPIs) readResource(name string) (metric autoscalingv2.MetricSpec, reading hpa.Reading, err error) {
	m.mu.Lock()
	i := 0
	if a := m.hpas[name]; a != nil {
		for i < len(a.metrics) && a.metrics[i].Resource == nil && a.metrics[i].ContainerResource == nil {
			i++
		}
	}
	m.mu.Unlock()
	return m.read(name, i)
}

// readNamed takes the metric's name, as draw makes it.
func (m *metricsAPIs) readNamed(metric string) (hpa.Reading, error) {
	name, index, _ := strings.Cut(metric, ".")
	i, err := strconv.Atoi(index)
	if err != nil {
		return hpa.Reading{}, err
	}
	_, reading, err := m.read(name, i)
	return reading, err
}

func (m *metricsAPIs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := m.answer(r)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		answer = metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
			Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: err.Error(),
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // Who has gone is not told.
}

// answer serves /apis/GROUP/VERSION, and below it namespaces/NAMESPACE/ with
// pods/*/METRIC and replicasets.apps/NAME/METRIC (custom), METRIC (external), or
// pods (resource).
func (m *metricsAPIs) answer(r *http.Request) (any, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) == 3 {
		return metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "APIResourceList"}, GroupVersion: parts[1] + "/" + parts[2], APIResources: []metav1.APIResource{},
		}, nil
	}
	if len(parts) < 6 {
		return nil, fmt.Errorf("no such path: %s", r.URL.Path)
	}
	switch rest := parts[5:]; {
	case parts[1] == externalmetrics.GroupName && len(rest) == 1:
		reading, err := m.readNamed(rest[0])
		return external(rest[0], reading), err
	case parts[1] == custommetrics.GroupName && len(rest) == 3:
		reading, err := m.readNamed(rest[2])
		return custom(rest[2], reading), err
	case parts[1] == resourcemetrics.GroupName && len(rest) == 1:
		name := strings.TrimPrefix(r.URL.Query().Get("labelSelector"), "app=")
		metric, reading, err := m.readResource(name)
		return resources(metric, reading), err
	}
	return nil, fmt.Errorf("no such path: %s", r.URL.Path)
}

func milli(value int64) resource.Quantity {
	return *resource.NewMilliQuantity(value, resource.DecimalSI)
}

func external(metric string, reading hpa.Reading) externalmetrics.ExternalMetricValueList {
	list := externalmetrics.ExternalMetricValueList{TypeMeta: metav1.TypeMeta{APIVersion: externalmetrics.SchemeGroupVersion.String(), Kind: "ExternalMetricValueList"}}
	for _, value := range reading.ValuesMilli {
		list.Items = append(list.Items, externalmetrics.ExternalMetricValue{MetricName: metric, Timestamp: metav1.Now(), Value: milli(value)})
	}
	return list
}

func custom(metric string, reading hpa.Reading) custommetrics.MetricValueList {
	list := custommetrics.MetricValueList{TypeMeta: metav1.TypeMeta{APIVersion: custommetrics.SchemeGroupVersion.String(), Kind: "MetricValueList"}}
	add := func(kind, name string, value int64) {
		list.Items = append(list.Items, custommetrics.MetricValue{
			DescribedObject: corev1.ObjectReference{Kind: kind, Name: name}, Metric: custommetrics.MetricIdentifier{Name: metric}, Timestamp: metav1.Now(), Value: milli(value),
		})
	}
	for _, value := range reading.ValuesMilli {
		name, _, _ := strings.Cut(metric, ".")
		add("ReplicaSet", name, value)
	}
	for pod, value := range reading.Pods {
		add("Pod", pod, value.ValueMilli)
	}
	return list
}

// resources has a pod's usage as that of two containers, unless one is asked for.
func resources(metric autoscalingv2.MetricSpec, reading hpa.Reading) resourcemetrics.PodMetricsList {
	list := resourcemetrics.PodMetricsList{TypeMeta: metav1.TypeMeta{APIVersion: resourcemetrics.SchemeGroupVersion.String(), Kind: "PodMetricsList"}}
	for pod, value := range reading.Pods {
		var name corev1.ResourceName
		main, sidecar := value.ValueMilli, int64(12_345)
		if metric.Resource != nil {
			name, sidecar = metric.Resource.Name, value.ValueMilli/3
			main -= sidecar
		} else {
			name = metric.ContainerResource.Name
		}
		list.Items = append(list.Items, resourcemetrics.PodMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: pod}, Timestamp: metav1.NewTime(value.Timestamp), Window: metav1.Duration{Duration: value.Window},
			Containers: []resourcemetrics.ContainerMetrics{
				{Name: container, Usage: corev1.ResourceList{name: milli(main)}},
				{Name: "sidecar", Usage: corev1.ResourceList{name: milli(sidecar)}},
			},
		})
	}
	return list
}

// registered makes the API server ask a Service of this name. It wants to see an
// endpoint, but connects to the cluster's IP.
const registered = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics, namespace: %[1]s, labels: {kubernetes.io/service-name: metrics}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: https, port: 443, protocol: TCP}]
`

const apiService = `---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[2]s.%[3]s, labels: {app: metrics}}
spec:
  group: %[3]s
  version: %[2]s
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: %[1]s, name: metrics, port: 443}
`

// serve registers the metrics APIs and returns once they are used.
func (m *metricsAPIs) serve(t *testing.T, namespace string) {
	t.Helper()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "metrics"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}}}
	service, err := kubeClient(t).CoreV1().Services(namespace).Create(t.Context(), service, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(service.Spec.ClusterIP, "443"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(m)
	_ = server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)

	yaml := fmt.Sprintf(registered, namespace)
	for group, version := range map[string]string{
		custommetrics.GroupName: "v1beta2", externalmetrics.GroupName: "v1beta1", resourcemetrics.GroupName: "v1beta1",
	} {
		yaml += fmt.Sprintf(apiService, namespace, version, group)
	}
	if _, err := cluster.Kubectl(t.Context(), strings.NewReader(yaml), "apply", "--server-side", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Kubectl(t.Context(), nil, "wait", "--for=condition=Available", "--timeout=60s", "apiservice", "-l", "app=metrics"); err != nil {
		t.Fatal(err)
	}
}

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
	"guest-metrics-server/pkg/reason"
	"guest-metrics-server/test/web"
)

const webPool = `
apiVersion: pool.kubevirt.io/v1beta1
kind: VirtualMachinePool
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  virtualMachineTemplate:
    metadata: {labels: {app: web}}
    spec:
      runStrategy: Always
      template:
        metadata:
          labels: {app: web}
          annotations: {script.guestmetrics.io/cpu-percent: "50", guestmetrics.io/http-port: "` + web.StatusPort + `", guestmetrics.io/http-path: /stub_status}
        spec:
          domain:
            memory: {guest: 64Mi}
            devices: {}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`

// Every metric of the catalogue is answered for every kind of object. kubectl is
// asked for one of each kind: to start it for every metric takes most of a minute.
func TestEveryMetricOfEveryKind(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	apply(t, namespace, webPool)
	apply(t, namespace, replicaSet("api", 1, statusPage(web.Nginx)))
	serve(t, namespace, "", web.Nginx).SetRate(20)
	pods := func() (string, error) {
		return cluster.Kubectl(t.Context(), nil, "get", "pods", "-n", namespace, "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")
	}
	eventually(t, patience, func(ctx context.Context) string {
		for _, path := range []string{
			metricPath("v1beta2", namespace, "services", "web", usage, ""),
			metricPath("v1beta2", namespace, inventory.ReplicaSets.GroupResource.String(), "api", usage, ""),
			metricPath("v1beta2", namespace, "services", "web", requests, ""),
			metricPath("v1beta2", namespace, inventory.ReplicaSets.GroupResource.String(), "api", requests, ""),
		} {
			if _, err := ask(ctx, cluster.RESTConfig(), path); err != nil {
				return err.Error()
			}
		}
		return ""
	})
	pod, err := pods()
	if err != nil {
		t.Fatal(err)
	}
	names := map[inventory.Kind]string{
		inventory.Pods: pod, inventory.VMIs: "web-0", inventory.VMs: "web-0", inventory.Pools: "web",
		inventory.ReplicaSets: "api", inventory.Services: "web",
	}
	for _, kind := range inventory.Kinds() {
		path := func(metric string) string {
			if kind == inventory.Namespaces {
				return fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/metrics/%s", namespace, metric)
			}
			return metricPath("v1beta2", namespace, kind.GroupResource.String(), names[kind], metric, "")
		}
		for _, m := range metric.All() {
			values, err := ask(t.Context(), cluster.RESTConfig(), path(m.Name))
			if err != nil || len(values) != 1 || values[0].Metric.Name != m.Name {
				t.Errorf("%s of a %s: %v %v", m.Name, kind.Kind, values, err)
			}
		}
		answer := kubectl(t, "get", "--raw", path(requests))
		t.Logf("kubectl get --raw %s\n%s", path(requests), answer)
		if !strings.Contains(answer, `"value":"`) || !strings.Contains(answer, requests) {
			t.Errorf("kubectl does not show the requests to a %s", kind.Kind)
		}
	}
}

// A selector picks, and one that cannot be understood says what there is.
func TestMetricSelector(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("web", 2, `script.guestmetrics.io/network-receive-bytes-per-second: "1000"`))
	const received = "guest_network_receive_bytes_per_second"
	path := metricPath("v1beta2", namespace, inventory.ReplicaSets.GroupResource.String(), "web", received, "")
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), path+"?metricLabelSelector=interface%3Ddefault%2Caggregate%3Davg")
		if err != nil {
			return err.Error()
		}
		if got := values[0].Value.AsApproximateFloat64(); got < 600 || got > 1400 {
			return fmt.Sprintf("an average of %g bytes per second, want about 1000", got)
		}
		return ""
	})
	for selector, want := range map[string]string{
		"interface%3Dnone":   "(" + string(reason.TooFewKnown) + ")",
		"nic%3Ddefault":      "the keys are aggregate (for groups), interface",
		"aggregate%3Dmedian": "aggregate must equal one of",
	} {
		_, err := ask(t.Context(), cluster.RESTConfig(), path+"?metricLabelSelector="+selector)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("metricLabelSelector=%s: %v, want %q", selector, err, want)
		}
	}
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"

	"guest-metrics-server/test/workload"
)

const (
	utilization = "guest_cpu_utilization_percent"
	usage       = "guest_cpu_usage_cores"
)

// kubectl runs the real kubectl as the administrator.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies YAML to a namespace.
func apply(t *testing.T, namespace, yaml string) {
	t.Helper()
	if _, err := cluster.Kubectl(t.Context(), strings.NewReader(yaml), "apply", "--server-side", "-n", namespace, "-f", "-"); err != nil {
		t.Fatal(err)
	}
}

// newNamespace makes a namespace for the test alone.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	createNamespace(t, name)
	return name
}

func createNamespace(t *testing.T, name string) {
	t.Helper()
	kubectl(t, "create", "namespace", name)
	t.Cleanup(func() {
		// The test's context has ended by now.
		_, err := cluster.Kubectl(context.WithoutCancel(t.Context()), nil, "delete", "namespace", name, "--wait=false")
		if err != nil {
			t.Error(err)
		}
	})
}

func kubeClient(t *testing.T) kubernetes.Interface {
	t.Helper()
	config := cluster.RESTConfig()
	config.QPS = -1 // Polling is limited by itself.
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// work gives work to the guests that the selector finds, until the test ends.
func work(t *testing.T, namespace, selector string) *workload.Workload {
	t.Helper()
	w, err := workload.New(cluster.RESTConfig(), namespace, selector)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// metricPath is where a metric of an object, or of all ("*"), is asked for.
func metricPath(version, namespace, resource, name, metric, selector string) string {
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/%s/namespaces/%s/%s/%s/%s", version, namespace, resource, name, metric)
	if selector != "" {
		path += "?labelSelector=" + url.QueryEscape(selector)
	}
	return path
}

// ask asks as the user of the configuration.
func ask(ctx context.Context, config *rest.Config, path string) ([]v1beta2.MetricValue, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	result := client.CoreV1().RESTClient().Get().RequestURI(path).Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err // With the server's message, which Raw would lose.
	}
	body, err := result.Raw()
	if err != nil {
		return nil, err
	}
	var list v1beta2.MetricValueList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	return list.Items, nil
}

// serverClient is the administrator's, of the servers themselves.
func serverClient(t *testing.T) *http.Client {
	t.Helper()
	config := cluster.RESTConfig()
	config.ServerName = "guest-metrics-server.guest-metrics-server.svc"
	return clientOf(t, config)
}

// serverMetrics returns what reads the page with the server's own metrics.
func serverMetrics(t *testing.T) func() string {
	t.Helper()
	service, err := kubeClient(t).CoreV1().Services("guest-metrics-server").Get(t.Context(), "guest-metrics-server", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return metricsAt(t, service.Spec.ClusterIP)
}

func metricsAt(t *testing.T, address string) func() string {
	t.Helper()
	client := serverClient(t)
	return func() string {
		page, err := fetch(t.Context(), client, "https://"+address+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
}

// patience is how long a test waits for what must come. It bounds a hang, and
// says nothing of how quick things are: a busy machine may take minutes.
const patience = 5 * time.Minute

// eventually polls until the condition returns "", and fails with what it
// returned last.
func eventually(t *testing.T, limit time.Duration, condition func(ctx context.Context) string) {
	t.Helper()
	last := "nothing was seen"
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		if err := cluster.Check(); err != nil {
			return false, err
		}
		// A client refuses to begin what the deadline would cut off.
		if now := condition(ctx); ctx.Err() == nil && !strings.Contains(now, "would exceed context deadline") {
			last = now
		}
		return last == "", nil
	})
	if err != nil {
		t.Fatalf("not within %s: %s (%v)", limit, last, err)
	}
}

// replicaSet is a VirtualMachineInstanceReplicaSet of scripted guests.
func replicaSet(name string, replicas int, annotations string) string {
	return fmt.Sprintf(`
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstanceReplicaSet
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      annotations: {%[3]s}
    spec:
      terminationGracePeriodSeconds: 0
      domain:
        memory: {guest: 64Mi}
        devices: {}
`, name, replicas, annotations)
}

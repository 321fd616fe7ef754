//go:build e2e

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"guest-metrics-server/pkg/metric"
)

// repository is the way to the repository's root.
const repository = "../../"

func TestDiscovery(t *testing.T) {
	resources := kubectl(t, "api-resources", "--api-group=custom.metrics.k8s.io")
	t.Logf("kubectl api-resources --api-group=custom.metrics.k8s.io\n%s", resources)
	for _, m := range metric.All() {
		if !strings.Contains(resources, m.Name) {
			t.Errorf("kubectl api-resources does not list %s", m.Name)
		}
	}
	for _, version := range []string{"v1beta1", "v1beta2"} {
		list := kubectl(t, "get", "--raw", "/apis/custom.metrics.k8s.io/"+version)
		if !strings.Contains(list, `"name":"pods/`+utilization+`"`) {
			t.Errorf("%s does not list pods/%s: %s", version, utilization, list)
		}
		if !strings.Contains(kubectl(t, "get", "--raw", "/apis/custom.metrics.k8s.io"), `"version":"`+version+`"`) {
			t.Errorf("the group does not list %s", version)
		}
	}
}

// The walk-throughs are valid for the real API server.
func TestManifestsAreValid(t *testing.T) {
	namespace := newNamespace(t)
	for _, name := range []string{"rocky-web-pool", "cirros-replicaset", "fedora-nginx-pool", "fedora-nginx-pool/requests", "minimal-replicaset"} {
		kubectl(t, "apply", "--server-side", "--validate=strict", "--dry-run=server", "-n", namespace, "-k", repository+"manifests/"+name)
	}
}

// Two idle guests and two at half load, two of them migration leftovers' owners:
// only active launcher pods are answered, with true timestamps and values.
func TestValues(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("idle", 2, ""))
	apply(t, namespace, replicaSet("busy", 2, `script.guestmetrics.io/cpu-percent: "50"`))
	leftover(t, namespace, "busy")
	for _, app := range []string{"idle", "busy"} {
		eventually(t, patience, func(ctx context.Context) string {
			values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, "app="+app))
			if err != nil {
				return err.Error()
			}
			if len(values) != 2 {
				return fmt.Sprintf("%d values of 2", len(values))
			}
			for _, v := range values {
				if v.WindowSeconds == nil || *v.WindowSeconds < int64(rateWindow.Seconds())-1 {
					return "the window is not full yet"
				}
			}
			return ""
		})
	}
	raw := kubectl(t, "get", "--raw", metricPath("v1beta2", namespace, "pods", "*", utilization, "app=busy"))
	t.Log(raw)
	active := activePods(t, namespace)
	for _, version := range []string{"v1beta1", "v1beta2"} {
		values, err := ask(t.Context(), cluster.RESTConfig(), metricPath(version, namespace, "pods", "*", utilization, ""))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range values {
			names = append(names, v.DescribedObject.Name)
			if age := time.Since(v.Timestamp.Time); age < 0 || age > maxSampleAge {
				t.Errorf("%s: %s is %s old", version, v.DescribedObject.Name, age)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, active) {
			t.Errorf("%s answers the pods %v, active are %v", version, names, active)
		}
	}
	// A launcher's values may be 3.25 s old at either end of the 19.5 s window.
	for _, c := range []struct {
		resource, name, metric string
		want, tolerance        float64
	}{
		{"virtualmachineinstancereplicasets.kubevirt.io", "busy", usage, 1, 0.3},
		{"virtualmachineinstancereplicasets.kubevirt.io", "busy", utilization, 50, 15},
		{"virtualmachineinstancereplicasets.kubevirt.io", "busy", "guest_cpu_demand_percent", 50, 15},
		{"virtualmachineinstancereplicasets.kubevirt.io", "busy", "guest_cpu_steal_percent", 0, 0.1},
		{"virtualmachineinstancereplicasets.kubevirt.io", "idle", usage, 0, 0.01},
	} {
		values, err := ask(t.Context(), cluster.RESTConfig(), metricPath("v1beta2", namespace, c.resource, c.name, c.metric, ""))
		if err != nil {
			t.Error(err)
			continue
		}
		got := values[0].Value.AsApproximateFloat64()
		if got < c.want-c.tolerance || got > c.want+c.tolerance {
			t.Errorf("%s of %s is %g, want %g", c.metric, c.name, got, c.want)
		}
	}
}

// leftover makes a finished launcher pod such as a live migration leaves behind
// on the source node: of a VMI that runs, with its labels.
func leftover(t *testing.T, namespace, app string) {
	t.Helper()
	pods := kubeClient(t).CoreV1().Pods(namespace)
	eventually(t, patience, func(ctx context.Context) string {
		list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil || len(list.Items) == 0 {
			return fmt.Sprintf("no launcher pod of %s: %v", app, err)
		}
		pod := list.Items[0].DeepCopy()
		pod.ObjectMeta = metav1.ObjectMeta{
			Name: "virt-launcher-" + app + "-source", Namespace: namespace,
			Labels: pod.Labels, Annotations: pod.Annotations, OwnerReferences: pod.OwnerReferences,
		}
		pod.Spec.NodeName = "node-of-before"
		if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err.Error()
		}
		finished := []byte(`{"status":{"phase":"Succeeded"}}`)
		if _, err := pods.Patch(ctx, pod.Name, types.MergePatchType, finished, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
		return ""
	})
}

// activePods returns the names of the running launcher pods.
func activePods(t *testing.T, namespace string) []string {
	t.Helper()
	list, err := kubeClient(t).CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "kubevirt.io=virt-launcher"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range list.Items {
		if p.Status.Phase == "Running" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestWhoMayRead(t *testing.T) {
	namespace := newNamespace(t)
	kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=viewer", "-n", namespace)
	path := metricPath("v1beta2", namespace, "pods", "*", utilization, "")
	anonymous := rest.AnonymousClientConfig(cluster.RESTConfig())
	viewer, err := cluster.UserConfig("viewer")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := cluster.UserConfig("stranger")
	if err != nil {
		t.Fatal(err)
	}
	for name, user := range map[string]*rest.Config{"anonymous": anonymous, "stranger": stranger} {
		if _, err := ask(t.Context(), user, path); !apierrors.IsForbidden(err) {
			t.Errorf("%s got %v, want 403", name, err)
		}
	}
	// The role's aggregation to view is the controller manager's work.
	eventually(t, 20*time.Second, func(ctx context.Context) string {
		_, err := ask(ctx, viewer, path)
		if apierrors.IsNotFound(err) && strings.Contains(err.Error(), "no running launcher pod") {
			return "" // May ask; there is nothing.
		}
		return fmt.Sprint(err)
	})
	if _, err := ask(t.Context(), viewer, metricPath("v1beta2", "default", "pods", "*", utilization, "")); !apierrors.IsForbidden(err) {
		t.Errorf("the viewer of another namespace got %v, want 403", err)
	}
}

// The server refuses by itself what does not come through the API server.
func TestDirectAccess(t *testing.T) {
	service, err := kubeClient(t).CoreV1().Services("guest-metrics-server").Get(t.Context(), "guest-metrics-server", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // Only the status matters here.
	}}
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/livez", "", http.StatusOK},
		{"/readyz", "", http.StatusOK},
		{"/metrics", "", http.StatusForbidden},
		{"/apis/custom.metrics.k8s.io/v1beta2", "", http.StatusForbidden},
		{"/apis/custom.metrics.k8s.io/v1beta2", "no-token", http.StatusUnauthorized},
	} {
		eventually(t, patience, func(ctx context.Context) string {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+service.Spec.ClusterIP+c.path, nil)
			if err != nil {
				return err.Error()
			}
			if c.token != "" {
				request.Header.Set("Authorization", "Bearer "+c.token)
			}
			response, err := client.Do(request)
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			if response.StatusCode != c.want {
				body, _ := io.ReadAll(response.Body)
				return fmt.Sprintf("%s with the token %q: %s, want %d: %s", c.path, c.token, response.Status, c.want, body)
			}
			return ""
		})
	}
}

// Of TLS 1.2 only suites with forward secrecy and authenticated encryption are
// accepted.
func TestOldCipherSuitesAreRefused(t *testing.T) {
	address := serverAddress(t) + ":443"
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		// Without ECDHE there is no forward secrecy.
		modern := strings.HasPrefix(suite.Name, "TLS_ECDHE_") && (strings.Contains(suite.Name, "_GCM_") || strings.Contains(suite.Name, "_CHACHA20_"))
		conn, err := tls.Dial("tcp", address, &tls.Config{
			InsecureSkipVerify: true, // Only the suite matters here.
			MaxVersion:         tls.VersionTLS12, CipherSuites: []uint16{suite.ID},
		})
		if err == nil {
			err = conn.Close()
		}
		if (err == nil) != modern {
			t.Errorf("%s: %v, want it accepted: %v", suite.Name, err, modern)
		}
	}
}

// A hundred guests fit into less than 100 MiB, of which the API-server library
// alone takes most.
func TestMemory(t *testing.T) {
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("many", 100, `script.guestmetrics.io/cpu-percent: "10"`))
	eventually(t, patience, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, "app=many"))
		if len(values) == 100 {
			return ""
		}
		return fmt.Sprintf("%d of 100 guests known: %v", len(values), err)
	})
	dir := filepath.Dir(cluster.Kubeconfig())
	resident := memoryMiB(t, dir, "VmRSS")
	t.Logf("the server holds %d MiB resident with 100 VMIs: %d of its own and %d of files, as its program",
		resident, memoryMiB(t, dir, "RssAnon"), memoryMiB(t, dir, "RssFile"))
	if resident >= 100 {
		t.Errorf("%d MiB, want less than 100", resident)
	}
}

// pidOf returns the process id of a server that was started in a directory.
func pidOf(t *testing.T, dir, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// memoryMiB reads how much memory the server holds that was started in a directory:
// VmRSS now, VmHWM at most; VmRSS is RssAnon, which is its own, and RssFile.
func memoryMiB(t *testing.T, dir, field string) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pidOf(t, dir, "guest-metrics-server")))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == field+":" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatalf("no %s in the status of the process", field)
	return 0
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/metric"
)

const guestMetricsPath = "/apis/guestmetrics.io/v1alpha1/"

// A user with the role view in a namespace sees what is known of its VMIs, in all
// the forms that kubectl has, and nothing else.
func TestVMIMetrics(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	other := namespace + "-other"
	createNamespace(t, other)
	apply(t, namespace, replicaSet("web", 3, `script.guestmetrics.io/cpu-percent: "50"`))
	apply(t, namespace, replicaSet("db", 1, ""))
	apply(t, other, replicaSet("vault", 1, ""))
	kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=observer", "-n", namespace)
	observer, err := cluster.UserConfig("observer")
	if err != nil {
		t.Fatal(err)
	}

	var list v1alpha1.VirtualMachineInstanceMetricsList
	eventually(t, patience, func(ctx context.Context) string {
		list, err = read[v1alpha1.VirtualMachineInstanceMetricsList](ctx, observer, "namespaces/"+namespace+"/vmimetrics?labelSelector=app%3Dweb")
		if err != nil {
			return err.Error()
		}
		if len(list.Items) != 3 {
			return fmt.Sprintf("%d VMIs of 3", len(list.Items))
		}
		for _, v := range list.Items {
			if v.VCPUs == nil || len(v.Metrics) == 0 {
				return fmt.Sprintf("%s: %+v", v.Name, v.Unknown)
			}
		}
		return ""
	})

	t.Run("objects", func(t *testing.T) {
		pods := activePods(t, namespace)
		for _, v := range list.Items {
			if n := len(v.Metrics) + len(v.Unknown); n != len(metric.All()) {
				t.Errorf("%s has %d metrics, want %d", v.Name, n, len(metric.All()))
			}
			if v.Namespace != namespace || v.Labels["app"] != "web" || v.UID == "" || v.Node == "" || v.Excluded != nil || !slices.Contains(pods, v.Pod) {
				t.Errorf("%+v", v)
			}
			single, err := read[v1alpha1.VirtualMachineInstanceMetrics](t.Context(), observer, "namespaces/"+namespace+"/vmimetrics/"+v.Name)
			if err != nil || single.UID != v.UID {
				t.Errorf("%s by name: %v, %v", v.Name, single, err)
			}
			for _, m := range v.Metrics {
				if m.Name == utilization && (m.Value.AsApproximateFloat64() < 30 || m.Value.AsApproximateFloat64() > 70 || m.Window == nil) {
					t.Errorf("%s of %s is %v over %v, want 50", m.Name, v.Name, m.Value, m.Window)
				}
			}
		}
	})

	t.Run("pages", func(t *testing.T) {
		var names []string
		next := ""
		for {
			page, err := read[v1alpha1.VirtualMachineInstanceMetricsList](t.Context(), observer, fmt.Sprintf("namespaces/%s/vmimetrics?limit=3&continue=%s", namespace, next))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Items {
				names = append(names, v.Name)
			}
			if next = page.Continue; next == "" {
				break
			}
			if len(page.Items) != 3 {
				t.Errorf("a page has %d VMIs, want 3", len(page.Items))
			}
		}
		if len(names) != 4 || !slices.IsSorted(names) {
			t.Errorf("pages have %v, want all 4 VMIs in order", names)
		}
	})

	t.Run("others are forbidden", func(t *testing.T) {
		for _, path := range []string{"namespaces/" + other + "/vmimetrics", "vmimetrics", "scrapetargets", "scrapetargets/node-1"} {
			if _, err := read[metav1.PartialObjectMetadataList](t.Context(), observer, path); !apierrors.IsForbidden(err) {
				t.Errorf("%s: %v, want it forbidden", path, err)
			}
		}
	})

	t.Run("kubectl get", func(t *testing.T) {
		table := printed(t, "get", "vmimetrics", "-n", namespace, "-l", "app=web", "--as=observer", "--chunk-size=2")
		if n := len(regexp.MustCompile(`(?m)^web\S+ +[01]\.\d\d/1 +\d+% +\d+% .* \d+s +OK *$`).FindAllString(table, -1)); !strings.HasPrefix(table, "NAME ") || n != 3 {
			t.Errorf("%d rows of VMIs that are known, want 3", n)
		}
		wide := printed(t, "get", "vmimetrics", "-n", namespace, "-o", "wide")
		for _, want := range append([]string{"COUNTS SINCE", "NODE", "POD"}, activePods(t, namespace)...) {
			if !strings.Contains(wide, want) {
				t.Errorf("-o wide lacks %s", want)
			}
		}
		if all := printed(t, "get", "vmimetrics", "-A"); !strings.Contains(all, other) || !strings.Contains(all, namespace) {
			t.Error("-A lacks a namespace")
		}
		printed(t, "get", "vmimetrics", "-n", namespace, list.Items[0].Name, "-o", "yaml")
	})

	t.Run("kubectl explain", func(t *testing.T) {
		for object, want := range map[string]string{
			"vmimetrics":                  "countsSince is when the warm-up ended or will end",
			"vmimetrics.metrics":          "window is the span of time before the timestamp",
			"vmimetrics.excluded.message": "message says what is wrong",
			"scrapetargets":               "lastSuccess is when the last scrape that succeeded began",
		} {
			if text := strings.Join(strings.Fields(printed(t, "explain", object)), " "); !strings.Contains(text, want) {
				t.Errorf("kubectl explain %s lacks %q", object, want)
			}
		}
	})

	t.Run("scrapetargets", func(t *testing.T) {
		printed(t, "get", "scrapetargets", "-o", "wide")
		targets, err := read[v1alpha1.ScrapeTargetList](t.Context(), cluster.RESTConfig(), "scrapetargets")
		if err != nil {
			t.Fatal(err)
		}
		var nodes []string
		for _, target := range targets.Items {
			nodes = append(nodes, target.Name)
		}
		for _, v := range list.Items {
			if !slices.Contains(nodes, v.Node) {
				t.Errorf("node %s of %s is not among the targets %v", v.Node, v.Name, nodes)
			}
		}
	})

	t.Run("nothing can be changed", func(t *testing.T) {
		for verb, args := range map[string][]string{
			"delete": {"delete", "vmimetrics", "-n", namespace, list.Items[0].Name},
			"patch":  {"patch", "vmimetrics", "-n", namespace, list.Items[0].Name, "--type=merge", "-p", "{}"},
		} {
			if _, err := cluster.Kubectl(t.Context(), nil, args...); err == nil || !strings.Contains(err.Error(), "does not allow this method") {
				t.Errorf("%s: %v", verb, err)
			}
		}
	})
}

// printed runs kubectl and logs what it prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	out := kubectl(t, args...)
	t.Logf("kubectl %s\n%s", strings.Join(args, " "), out)
	return out
}

// read gets an object or a list of guestmetrics.io as the user of the
// configuration.
func read[T any](ctx context.Context, config *rest.Config, path string) (T, error) {
	var object T
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return object, err
	}
	result := client.CoreV1().RESTClient().Get().RequestURI(guestMetricsPath + path).Do(ctx)
	if err := result.Error(); err != nil {
		return object, err
	}
	body, err := result.Raw()
	if err != nil {
		return object, err
	}
	return object, json.Unmarshal(body, &object)
}

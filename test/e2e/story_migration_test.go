//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"
)

// The launcher pods that live migrations leave behind are Succeeded, match the
// HPA's selector, and have no value. An HPA on an Object metric does not count
// them and follows the work exactly, with AverageValue as with Value. One on a
// Pods metric takes each leftover for an idle guest when it would scale up, and
// for one at the target when it would scale down, and so stands still.
func TestMigrationsAndTheirLeftovers(t *testing.T) {
	t.Parallel()
	t.Run("work comes", func(t *testing.T) {
		t.Parallel()
		workBesideLeftovers(t, 1.75, func(utilization float64) bool { return utilization > 1.5*percentPerReplica })
	})
	t.Run("work goes", func(t *testing.T) {
		t.Parallel()
		workBesideLeftovers(t, 0.3, func(utilization float64) bool { return utilization < 0.5*percentPerReplica })
	})
}

// workBesideLeftovers migrates pools of two guests and gives them work.
// Contradicted reports whether their utilization then asks for another number of
// guests.
func workBesideLeftovers(t *testing.T, cores float64, contradicted func(utilization float64) bool) {
	const before, percent = 2, 30
	namespace := newNamespace(t)
	script := fmt.Sprintf(`, script.guestmetrics.io/cpu-percent: "%d"`, percent)
	metrics := map[string]string{"by-object": objectMetric("by-object"), "by-value": valueMetric("by-value"), "by-pods": podsMetric()}
	for name := range metrics {
		apply(t, namespace, pool(name, before, exactWarmup, script))
	}
	// The story begins with guests that count: one that starts later than the other
	// is no load while it warms up.
	eventually(t, patience, func(ctx context.Context) string {
		return windowsAreFull(ctx, namespace, "", len(metrics)*before)
	})
	lines := make(map[string]*timeline)
	still := make(map[*timeline]int)
	for name, metric := range metrics {
		apply(t, namespace, autoscaler(name, 1, 6, metric))
		lines[name] = watchReplicas(t, namespace, name)
		still[lines[name]] = before
	}
	byObject, byValue, byPods := lines["by-object"], lines["by-value"], lines["by-pods"]
	note := func(format string, args ...any) {
		for line := range still {
			line.note("-- "+format, args...)
		}
	}

	for line := range still {
		line.wait(t, fmt.Sprintf("guests at %d %%", percent), before)
	}
	hold(t, time.Second, still, func(ctx context.Context) string {
		return windowsAreFull(ctx, namespace, "", len(lines)*before)
	})
	note("all guests migrate")
	migrateAll(t, namespace, percent, still)
	note("every guest has left a pod behind")

	for name := range lines {
		work(t, namespace, "app="+name).Set(cores)
	}
	needed := int(math.Ceil(cores / coresPerReplica))
	note("work for %d guests: %g cores", needed, cores)
	// While the others follow, the Pods metric stays where it was.
	eventually(t, patience, func(ctx context.Context) string {
		if current, _, _ := byPods.look(t, ctx); current != before {
			t.Fatalf("the Pods metric has scaled to %d replicas beside leftovers: tell it in docs/pods-or-object.md", current)
		}
		var problems []string
		for _, line := range []*timeline{byObject, byValue} {
			current, desired, problem := line.look(t, ctx)
			if int(line.most) > max(before, needed) {
				t.Fatalf("%s has scaled from %d to %d replicas, %d are needed", line.hpa, before, line.most, needed)
			}
			if int(current) != needed || int(desired) != needed {
				problems = append(problems, fmt.Sprintf("%s has scaled to %d replicas and wants %d, %d are needed; %s",
					line.hpa, current, desired, needed, problem))
			}
		}
		return strings.Join(problems, "\n")
	})
	var value float64
	followed := map[*timeline]int{byObject: needed, byValue: needed, byPods: before}
	hold(t, 4*time.Second, followed, func(ctx context.Context) string {
		var err error
		if value, err = poolMetric(ctx, namespace, "by-pods", utilization); err != nil {
			return err.Error()
		}
		if !contradicted(value) {
			return fmt.Sprintf("the guests of by-pods are at %.0f %%: that needs no other size", value)
		}
		return windowsAreFull(ctx, namespace, "app in (by-object,by-value)", 2*needed)
	})
	byPods.note("   the %d guests are at %.0f %%, the target is %d %%", before, value, percentPerReplica)

	kubectl(t, "delete", "pods", "-n", namespace, "-l", "app=by-pods", "--field-selector=status.phase=Succeeded", "--wait=false")
	byPods.wait(t, "the leftovers are deleted", needed)
}

// migrateAll migrates every VMI of the namespace to another node, and watches its
// value from before to long after.
func migrateAll(t *testing.T, namespace string, percent float64, still map[*timeline]int) {
	t.Helper()
	client, err := kubevirt.NewForConfig(cluster.RESTConfig())
	if err != nil {
		t.Fatal(err)
	}
	vmis, err := client.KubevirtV1().VirtualMachineInstances(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vmis.Items {
		apply(t, namespace, fmt.Sprintf(`
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstanceMigration
metadata: {name: %[1]s}
spec: {vmiName: %[1]s}
`, v.Name))
	}
	lowest, highest, unknown, polls := math.Inf(1), math.Inf(-1), 0, 0
	fewest, most := math.MaxInt, 0 // Ready pods of a VMI.
	// By then the new launchers' counters tell all of a window.
	const after = rateWindow + 2*scrapeInterval
	hold(t, after, still, func(ctx context.Context) string {
		values := guestValues(t, ctx, namespace, percent)
		polls++
		unknown += len(vmis.Items) - len(values)
		for _, v := range vmis.Items {
			if _, known := values[v.Name]; !known {
				_, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, vmiResources, v.Name, utilization, ""))
				t.Logf("%s has no value: %v", v.Name, err)
			}
		}
		for _, value := range values {
			lowest, highest = min(lowest, value), max(highest, value)
		}
		ready := readyPods(t, ctx, namespace)
		for _, v := range vmis.Items {
			fewest, most = min(fewest, ready[v.Name]), max(most, ready[v.Name])
		}
		for _, v := range vmis.Items {
			if problem := migrated(ctx, client, &v); problem != "" {
				return problem
			}
		}
		return ""
	})
	hold(t, 0, still, func(ctx context.Context) string { return windowsAreFull(ctx, namespace, "", len(vmis.Items)) })
	t.Logf("%d migrations at %g %%: read %.1f to %.1f %% in %d polls, %d of %d values unknown; %d to %d pods of a VMI were Ready",
		len(vmis.Items), percent, lowest, highest, polls, unknown, polls*len(vmis.Items), fewest, most)
	checkLeftovers(t, namespace, len(vmis.Items))
}

// readyPods counts the launcher pods of each VMI that run and are Ready.
func readyPods(t *testing.T, ctx context.Context, namespace string) map[string]int {
	t.Helper()
	pods, err := kubeClient(t).CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubevirt.io=virt-launcher"})
	if err != nil {
		t.Fatal(err)
	}
	ready := make(map[string]int)
	for _, p := range pods.Items {
		for _, c := range p.Status.Conditions {
			if p.Status.Phase == corev1.PodRunning && c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				ready[p.Annotations[kubevirtv1.DomainAnnotation]]++
			}
		}
	}
	return ready
}

// migrated is "" once a VMI that was as given is on another node.
func migrated(ctx context.Context, client kubevirt.Interface, before *kubevirtv1.VirtualMachineInstance) string {
	migration, err := client.KubevirtV1().VirtualMachineInstanceMigrations(before.Namespace).Get(ctx, before.Name, metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	after, err := client.KubevirtV1().VirtualMachineInstances(before.Namespace).Get(ctx, before.Name, metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	if migration.Status.Phase == kubevirtv1.MigrationSucceeded && after.Status.NodeName != before.Status.NodeName {
		return ""
	}
	return fmt.Sprintf("%s is on %s, its migration is %s", after.Name, after.Status.NodeName, migration.Status.Phase)
}

// guestValues reads the value of every VMI, as a VMI and as a pod, and fails the
// test when one has two values or one that the script rules out. A VMI may be
// missing.
func guestValues(t *testing.T, ctx context.Context, namespace string, percent float64) map[string]float64 {
	t.Helper()
	// Seconds: of the launcher's cache, where a rate's two ends are of another age, and
	// of a scrape on a busy machine.
	const staleness = 3.25 + 1.5
	values := make(map[string]float64)
	for _, resource := range []string{"pods", "virtualmachineinstances.kubevirt.io"} {
		list, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, resource, "*", utilization, ""))
		if err != nil {
			t.Logf("no %s is known: %v", resource, err)
			continue
		}
		once := make(map[string]string)
		for _, v := range list {
			name, value := v.DescribedObject.Name, v.Value.AsApproximateFloat64()
			guest := name
			if resource == "pods" {
				pod, err := kubeClient(t).CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
				if err != nil {
					t.Fatalf("%s has a value: %v", name, err)
				}
				guest = pod.Annotations[kubevirtv1.DomainAnnotation]
			}
			if other, twice := once[guest]; twice {
				t.Fatalf("%s has two values, one of %s and one of %s", guest, name, other)
			}
			once[guest] = name
			values[guest] = value
			tolerance := percent*staleness/float64(*v.WindowSeconds) + 2
			if value <= 0 || math.Abs(value-percent) > tolerance {
				t.Fatalf("%s reads %g %% over %d s, its guest is at %g %%", name, value, *v.WindowSeconds, percent)
			}
		}
	}
	return values
}

// checkLeftovers fails the test unless every VMI has a finished pod, without a
// value, beside the one whose value is its own.
func checkLeftovers(t *testing.T, namespace string, guests int) {
	t.Helper()
	pods, err := kubeClient(t).CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "kubevirt.io=virt-launcher"})
	if err != nil {
		t.Fatal(err)
	}
	leftovers, targets := make(map[string]bool), make(map[string]bool)
	for _, p := range pods.Items {
		switch p.Status.Phase {
		case corev1.PodSucceeded:
			leftovers[p.Annotations[kubevirtv1.DomainAnnotation]] = true
			_, err := ask(t.Context(), cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", p.Name, utilization, ""))
			if err == nil || !strings.Contains(err.Error(), "not the active launcher pod") {
				t.Errorf("%s has finished; its value: %v", p.Name, err)
			}
		case corev1.PodRunning:
			targets[p.Name] = p.Labels[kubevirtv1.MigrationJobLabel] != ""
		}
	}
	values, err := ask(t.Context(), cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if !targets[v.DescribedObject.Name] {
			t.Errorf("%s has a value and is no migration's target", v.DescribedObject.Name)
		}
	}
	if len(leftovers) != guests || len(values) != guests {
		t.Errorf("%d values and finished pods of %v, want both of %d guests", len(values), slices.Sorted(maps.Keys(leftovers)), guests)
	}
}

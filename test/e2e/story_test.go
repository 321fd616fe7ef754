//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"kubevirt.io/client-go/kubevirt"
)

// percentPerReplica is the stories' target, and coresPerReplica the work that
// brings a guest with one vCPU there.
const (
	percentPerReplica = 50
	coresPerReplica   = percentPerReplica / 100.
)

// exactWarmup keeps a new guest out of the numbers until the rates of the others
// have forgotten the work that it took over from them. That takes them a rate
// window; a new guest counts two samples after its warm-up.
const exactWarmup = "10s"

// pool is a VirtualMachinePool of scripted guests with one vCPU.
func pool(name string, replicas int, warmup, script string) string {
	return fmt.Sprintf(`
apiVersion: pool.kubevirt.io/v1beta1
kind: VirtualMachinePool
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  virtualMachineTemplate:
    metadata: {labels: {app: %[1]s}}
    spec:
      runStrategy: Always
      template:
        metadata:
          labels: {app: %[1]s}
          annotations: {guestmetrics.io/warmup: %[3]s%[4]s}
        spec:
          terminationGracePeriodSeconds: 0
          domain:
            memory: {guest: 64Mi}
            devices: {}
`, name, replicas, warmup, script)
}

// autoscaler is an HPA of the pool of the same name. It scales down slowly enough
// not to follow the dip while new guests warm up.
func autoscaler(pool string, low, high int, metric string) string {
	return fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %[1]s}
spec:
  scaleTargetRef: {apiVersion: pool.kubevirt.io/v1beta1, kind: VirtualMachinePool, name: %[1]s}
  minReplicas: %[2]d
  maxReplicas: %[3]d
  behavior: {scaleDown: {stabilizationWindowSeconds: 45}}
  metrics:
  - %[4]s
`, pool, low, high, metric)
}

// objectMetric is the metric that we recommend: the pool's sum, divided by the
// target.
func objectMetric(pool string) string {
	return objectOn(pool, utilization+", selector: {matchLabels: {aggregate: sum}}",
		fmt.Sprintf(`type: AverageValue, averageValue: "%d"`, percentPerReplica))
}

// valueMetric has the HPA compare the pool's mean with the target, and multiply
// the ratio by the pods that are Ready.
func valueMetric(pool string) string {
	return objectOn(pool, utilization, fmt.Sprintf(`type: Value, value: "%d"`, percentPerReplica))
}

func objectOn(pool, metric, target string) string {
	return fmt.Sprintf(`{type: Object, object: {metric: {name: %s}, target: {%s},
    describedObject: {apiVersion: pool.kubevirt.io/v1beta1, kind: VirtualMachinePool, name: %s}}}`,
		metric, target, pool)
}

// podsMetric has the HPA average the pods that the pool's labels find.
func podsMetric() string {
	return fmt.Sprintf(`{type: Pods, pods: {metric: {name: %s}, target: {type: AverageValue, averageValue: "%d"}}}`,
		utilization, percentPerReplica)
}

// poolMetric reads a metric of a pool as a whole.
func poolMetric(ctx context.Context, namespace, pool, metric string) (float64, error) {
	values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "virtualmachinepools.pool.kubevirt.io", pool, metric, ""))
	if err != nil {
		return 0, err
	}
	return values[0].Value.AsApproximateFloat64(), nil
}

// windowsAreFull is "" once a number of guests has a rate over the whole window.
func windowsAreFull(ctx context.Context, namespace, selector string, guests int) string {
	values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, selector))
	if err != nil {
		return err.Error()
	}
	for _, v := range values {
		if v.WindowSeconds == nil || *v.WindowSeconds < int64(rateWindow.Seconds())-1 {
			return fmt.Sprintf("the window of %s is not full", v.DescribedObject.Name)
		}
	}
	if len(values) != guests {
		return fmt.Sprintf("%d of %d guests are known", len(values), guests)
	}
	return ""
}

// members returns the VMIs of a pool.
func members(ctx context.Context, namespace, pool string) ([]kubevirtv1.VirtualMachineInstance, error) {
	client, err := kubevirt.NewForConfig(cluster.RESTConfig())
	if err != nil {
		return nil, err
	}
	list, err := client.KubevirtV1().VirtualMachineInstances(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + pool})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// hold fails the test when one of the HPAs leaves its number of replicas while
// the story goes on: until the condition has returned "" for as long as stated.
func hold(t *testing.T, period time.Duration, replicas map[*timeline]int, condition func(ctx context.Context) string) {
	t.Helper()
	var since time.Time
	eventually(t, 2*time.Minute+period, func(ctx context.Context) string {
		for line, want := range replicas {
			current, desired, problem := line.look(t, ctx)
			if int(current) != want || int(desired) != want {
				t.Fatalf("%s has %d replicas and wants %d, must hold %d; %s", line.hpa, current, desired, want, problem)
			}
		}
		if problem := condition(ctx); problem != "" {
			since = time.Time{}
			return problem
		}
		if since.IsZero() {
			since = time.Now()
		}
		if held := time.Since(since); held < period {
			return fmt.Sprintf("held for %s of %s", held.Round(time.Second), period)
		}
		return ""
	})
}

// always is a condition for hold.
func always(context.Context) string { return "" }

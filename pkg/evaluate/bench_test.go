package evaluate_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/evaluate"
	"guest-metrics-server/pkg/inventory"
	"guest-metrics-server/pkg/metric"
)

// BenchmarkPods answers what an HPA of type Pods asks, of a pool in a namespace
// with as many VMIs again.
func BenchmarkPods(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w := benchWorld(b, size)
			q := evaluate.Query{
				Kind: inventory.Pods, Namespace: defaultNamespace, Selector: labels.SelectorFromSet(labels.Set{"app": "pool-0"}),
				Metric: metric.Lookup("guest_cpu_utilization_percent"), MetricSelector: labels.Everything(),
			}
			b.ReportAllocs()
			for b.Loop() {
				values, err := w.evaluator.Answer(q)
				if err != nil || len(values) != size {
					b.Fatalf("%d values, %v", len(values), err)
				}
			}
		})
	}
}

// benchWorld returns two pools of as many VMIs each, all of them known.
func benchWorld(b *testing.B, size int) *world {
	w := newWorld(&testing.T{})
	for i := range 2 * size {
		pool := fmt.Sprint("pool-", i%2)
		name := fmt.Sprintf("%s-%d", pool, i)
		for _, line := range []string{"vmi " + name + " labels=app:" + pool, "guest " + name + " busy=50"} {
			if err := w.step(line); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.step("run 45s"); err != nil {
		b.Fatal(err)
	}
	return w
}

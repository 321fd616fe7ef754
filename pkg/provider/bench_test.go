package provider

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	cmprovider "sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"guest-metrics-server/pkg/inventory"
)

// BenchmarkPods answers what an HPA of type Pods asks, of a pool in a namespace
// with as many VMIs again.
func BenchmarkPods(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
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
			selector := labels.SelectorFromSet(labels.Set{"app": "pool-0"})
			info := cmprovider.CustomMetricInfo{GroupResource: inventory.Pods.GroupResource, Namespaced: true, Metric: "guest_cpu_utilization_percent"}
			b.ReportAllocs()
			for b.Loop() {
				list, err := w.provider.GetMetricBySelector(b.Context(), defaultNamespace, selector, info, labels.Everything())
				if err != nil || len(list.Items) != size {
					b.Fatalf("%d values, %v", len(list.Items), err)
				}
			}
		})
	}
}

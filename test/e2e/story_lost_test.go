//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"guest-metrics-server/test/workload"
)

// Sources are lost at peak load: first one node's, then all. What cannot be asked
// any more must not look idle: its VMIs become unknown, with a reason and never
// 0, and the replicas hold. Not parallel while it takes the source away from
// everyone.
func TestLostSourcesHoldTheReplicas(t *testing.T) {
	const cores, low = 1.75, 2
	high := int(math.Ceil(cores / coresPerReplica))
	namespace := newNamespace(t)
	peak := make(map[*timeline]int)
	var works []*workload.Workload
	metrics := map[string]string{"by-object": objectMetric("by-object"), "by-pods": podsMetric()}
	for name := range metrics {
		apply(t, namespace, pool(name, high, warmup.String(), ""))
		peak[watchReplicas(t, namespace, name)] = high
		works = append(works, work(t, namespace, "app="+name))
	}
	note := func(what string) {
		for line := range peak {
			line.note("-- %s", what)
		}
	}
	for _, w := range works {
		w.Set(cores)
	}
	eventually(t, patience, func(ctx context.Context) string { return windowsAreFull(ctx, namespace, "", 2*high) })
	for line := range peak {
		apply(t, namespace, autoscaler(line.hpa, low, 6, metrics[line.hpa]))
		line.wait(t, fmt.Sprintf("at %g cores", cores), high)
	}

	note("the exporter of node02 is killed")
	start02 := stopExporter(t, "node02")
	watchLostNode(t, namespace, "node02", works, peak)

	note("the exporter of node01 is killed too")
	start01 := stopExporter(t, "node01")
	hold(t, 15*time.Second, peak, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, ""))
		if err == nil {
			return fmt.Sprintf("%d guests are known still", len(values))
		}
		return ""
	})
	for line := range peak {
		_, err := poolMetric(t.Context(), namespace, line.hpa, usage)
		if err == nil || !strings.Contains(err.Error(), "(too_few_known)") {
			t.Errorf("%s as a whole reads %v, want an error with the reason", line.hpa, err)
		}
		_, _, problem := line.look(t, t.Context())
		line.note("   the HPA says: %s", problem)
	}

	note("both are started again")
	start01()
	start02()
	t.Parallel()
	hold(t, 0, peak, func(ctx context.Context) string { return windowsAreFull(ctx, namespace, "", 2*high) })
	note("work goes")
	for _, w := range works {
		w.Set(0)
	}
	for line := range peak {
		line.wait(t, "the pool follows", low)
	}
}

// stopExporter stops a node's exporter. The result starts it again, which happens
// at the latest when the test ends.
func stopExporter(t *testing.T, node string) (start func()) {
	t.Helper()
	if err := cluster.StopExporter(node); err != nil {
		t.Fatal(err)
	}
	start = sync.OnceFunc(func() {
		if err := cluster.StartExporter(context.WithoutCancel(t.Context()), node); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(start)
	return start
}

// watchLostNode watches until the guests of a node that was lost just now have
// been unknown for a while, and those of the others never.
func watchLostNode(t *testing.T, namespace, lost string, works []*workload.Workload, peak map[*timeline]int) {
	t.Helper()
	everyone := metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", "*", utilization, "")
	reasons := make(map[string]string)
	hold(t, maxSampleAge+10*time.Second, peak, func(ctx context.Context) string {
		values, err := ask(ctx, cluster.RESTConfig(), everyone)
		if err != nil {
			t.Fatal(err)
		}
		known := make(map[string]bool)
		for _, v := range values {
			known[v.DescribedObject.Name] = true
			if v.Value.AsApproximateFloat64() < 20 {
				t.Fatalf("%s reads %s: the guest does more", v.DescribedObject.Name, v.Value.String())
			}
			if age := time.Since(v.Timestamp.Time); age > maxSampleAge+time.Second {
				t.Fatalf("%s is served at an age of %s", v.DescribedObject.Name, age)
			}
		}
		for _, w := range works {
			guests, err := w.Guests(ctx)
			if err != nil {
				return err.Error()
			}
			for _, g := range guests {
				if known[g.Name] {
					continue
				}
				if g.Node != lost {
					t.Fatalf("%s on %s is unknown, whose virt-handler is well", g.Name, g.Node)
				}
				_, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", g.Name, utilization, ""))
				if err == nil {
					t.Fatalf("%s is known again", g.Name)
				}
				reasons[g.Name] = err.Error()
			}
		}
		return ""
	})
	if len(reasons) == 0 {
		t.Fatalf("no VMI of %s became unknown", lost)
	}
	for name, reason := range reasons {
		t.Logf("%s: %s", name, reason)
		if !strings.Contains(reason, "(stale)") || !strings.Contains(reason, "virt-handler on node "+lost) {
			t.Errorf("%s is unknown without the reason: %s", name, reason)
		}
	}
}

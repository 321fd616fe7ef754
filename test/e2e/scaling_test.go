//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A scaling story: work comes, the pool grows; it goes, the pool shrinks.
type scaling struct {
	manifest string // Below the repository's root.
	hpa      string
	selector string  // Of the guests.
	cores    float64 // The work at the peak.
	low      int     // Replicas without work.
	high     int     // Replicas that carry the work at the HPA's target.
}

func TestScaling(t *testing.T) {
	for name, story := range map[string]scaling{
		"pool on an Object metric":     {"manifests/rocky-web-pool/fast", "rocky-web", "kubevirt.io/vmpool=rocky-web", 1.7, 2, 4},
		"pool on a Pods metric":        {"test/demo", "fedora-nginx", "kubevirt.io/vmpool=fedora-nginx", 1.7, 2, 4},
		"replica set on a Pods metric": {"manifests/cirros-replicaset/fast", "cirros", "app=cirros", 1.7, 1, 2},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			story.run(t)
		})
	}
}

func (s scaling) run(t *testing.T) {
	namespace := newNamespace(t)
	line := watchReplicas(t, namespace, s.hpa)
	kubectl(t, "apply", "--server-side", "-n", namespace, "-k", repository+s.manifest)
	work := work(t, namespace, s.selector)
	line.wait(t, "start", s.low)
	work.Set(s.cores)
	line.wait(t, "work comes", s.high)
	work.Set(0)
	line.wait(t, "work goes", s.low)
}

// timeline is the replicas of an HPA over time.
type timeline struct {
	namespace, hpa string
	began          time.Time
	text           strings.Builder
	last           int32
}

// watchReplicas starts a timeline, which is printed when the test ends.
func watchReplicas(t *testing.T, namespace, hpa string) *timeline {
	line := &timeline{namespace: namespace, hpa: hpa, began: time.Now(), last: -1}
	t.Cleanup(func() { t.Logf("replicas of %s: %s", hpa, line.text.String()) })
	return line
}

func (l *timeline) note(format string, args ...any) {
	fmt.Fprintf(&l.text, "\n  %5.1fs  ", time.Since(l.began).Seconds())
	fmt.Fprintf(&l.text, format, args...)
}

// wait waits until the HPA sees and wants the number of replicas.
func (l *timeline) wait(t *testing.T, why string, replicas int) {
	t.Helper()
	l.note("-- %s", why)
	eventually(t, 2*time.Minute, func(ctx context.Context) string {
		current, desired, problem := l.look(t, ctx)
		if int(current) == replicas && int(desired) == replicas {
			return ""
		}
		return fmt.Sprintf("%d replicas of %s, wants %d, expected %d; %s", current, l.hpa, desired, replicas, problem)
	})
}

// look reads the HPA and notes a change of its replicas.
func (l *timeline) look(t *testing.T, ctx context.Context) (current, desired int32, problem string) {
	hpa, err := kubeClient(t).AutoscalingV2().HorizontalPodAutoscalers(l.namespace).Get(ctx, l.hpa, metav1.GetOptions{})
	if err != nil {
		return -1, -1, err.Error()
	}
	for _, c := range hpa.Status.Conditions {
		if c.Status == "False" {
			problem += c.Message + " "
		}
	}
	if hpa.Status.CurrentReplicas != l.last {
		l.last = hpa.Status.CurrentReplicas
		l.note("%d %s", l.last, strings.Repeat("#", int(l.last)))
	}
	return hpa.Status.CurrentReplicas, hpa.Status.DesiredReplicas, problem
}

// A node that cannot be asked any more must not look idle: its VMIs become
// unknown, with a reason and never 0, the others stay fresh, and the HPA holds.
func TestALostNodeHoldsTheReplicas(t *testing.T) {
	namespace := newNamespace(t)
	const selector = "kubevirt.io/vmpool=fedora-nginx"
	line := watchReplicas(t, namespace, "fedora-nginx")
	kubectl(t, "apply", "--server-side", "-n", namespace, "-k", repository+"test/demo")
	w := work(t, namespace, selector)
	w.Set(1.7)
	line.wait(t, "work comes", 4)

	const lost = "node02"
	line.note("-- the exporter of %s is killed", lost)
	if err := cluster.StopExporter(lost); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.StartExporter(context.Background(), lost); err != nil {
			t.Error(err)
		}
	})
	killed := time.Now()
	everyone := metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", "*", utilization, selector)
	reasons := make(map[string]string)
	eventually(t, time.Minute, func(ctx context.Context) string {
		guests, err := w.Guests(ctx)
		if err != nil {
			return err.Error()
		}
		values, err := ask(ctx, cluster.RESTConfig(), everyone)
		if err != nil {
			return err.Error()
		}
		known := make(map[string]bool)
		for _, v := range values {
			known[v.DescribedObject.Name] = true
			age := time.Since(v.Timestamp.Time)
			if v.Value.AsApproximateFloat64() < 20 {
				t.Fatalf("%s reads %s: the guest does more", v.DescribedObject.Name, v.Value.String())
			}
			if age > maxSampleAge+time.Second {
				t.Fatalf("%s is served at an age of %s", v.DescribedObject.Name, age)
			}
		}
		if current, _, _ := line.look(t, ctx); current != 4 {
			t.Fatalf("%d replicas: the HPA did not hold still", current)
		}
		for _, g := range guests {
			if g.Node != lost && !known[g.Name] {
				t.Fatalf("%s on %s is unknown, whose virt-handler is well", g.Name, g.Node)
			}
			if g.Node == lost && !known[g.Name] {
				_, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "virtualmachineinstances.kubevirt.io", g.Name, utilization, ""))
				if err == nil {
					return g.Name + " is known again"
				}
				reasons[g.Name] = err.Error()
			}
		}
		if time.Since(killed) < maxSampleAge+20*time.Second {
			return "the lost node is not yet watched for long enough"
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

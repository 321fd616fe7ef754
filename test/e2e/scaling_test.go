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
	t.Parallel()
	for name, story := range map[string]scaling{
		"pool":                         {"manifests/rocky-web-pool/fast", "rocky-web", "kubevirt.io/vmpool=rocky-web", 1.7, 2, 4},
		"pool of the demo":             {"test/demo", "fedora-nginx", "kubevirt.io/vmpool=fedora-nginx", 1.7, 2, 4},
		"replica set":                  {"test/e2e/testdata/minimal", "minimal", "app=minimal", 1.75, 3, 4},
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
	last, most     int32
	seen           float64 // What the HPA saw last, per replica.
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
	eventually(t, patience, func(ctx context.Context) string {
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
		if c.Status == "False" && c.Type != "ScalingLimited" { // That one is no problem.
			problem += c.Message + " "
		}
	}
	for _, m := range hpa.Status.CurrentMetrics {
		switch {
		case m.Pods != nil:
			l.seen = m.Pods.Current.AverageValue.AsApproximateFloat64()
		case m.Object != nil && m.Object.Current.AverageValue != nil:
			l.seen = m.Object.Current.AverageValue.AsApproximateFloat64()
		case m.Object != nil && m.Object.Current.Value != nil: // The mean.
			l.seen = m.Object.Current.Value.AsApproximateFloat64()
		}
	}
	if hpa.Status.LastScaleTime == nil && hpa.Status.CurrentReplicas == 0 {
		return 0, 0, "the controller has not looked at the HPA yet"
	}
	if hpa.Status.CurrentReplicas != l.last {
		l.last = hpa.Status.CurrentReplicas
		l.most = max(l.most, l.last)
		l.note("%d %-7s sees %.3g each", l.last, strings.Repeat("#", int(l.last)), l.seen)
	}
	return hpa.Status.CurrentReplicas, hpa.Status.DesiredReplicas, problem
}

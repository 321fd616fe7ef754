//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// An overloaded guest often fails its own readiness probe, and that is when its
// load matters most. An HPA on an Object metric with Value does not follow it: it
// multiplies by the pods that are Ready, and none is.
func TestAnOverloadedPoolThatIsNotReadyScalesUp(t *testing.T) {
	t.Parallel()
	const percent, before = 90, 2
	needed := int(math.Ceil(percent / 100. * before / coresPerReplica))
	namespace := newNamespace(t)
	lines := make(map[string]*timeline)
	for name, metric := range map[string]string{
		"by-object": objectMetric("by-object"), "by-value": valueMetric("by-value"), "by-pods": podsMetric(),
	} {
		apply(t, namespace, pool(name, before, exactWarmup, ""))
		apply(t, namespace, autoscaler(name, before, 6, metric))
		lines[name] = watchReplicas(t, namespace, name)
	}
	for name, line := range lines {
		line.wait(t, "idle", before)
		eventually(t, patience, func(ctx context.Context) string {
			values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, "app="+name))
			if len(values) == before {
				return ""
			}
			return fmt.Sprintf("%d guests of %s are warm: %v", len(values), name, err)
		})
	}
	for name, line := range lines {
		line.note("-- the guests are at %d %% and fail their probes", percent)
		kubectl(t, "annotate", "vmi", "-n", namespace, "-l", "app="+name,
			"script.guestmetrics.io/ready=false", fmt.Sprintf("script.guestmetrics.io/cpu-percent=%d", percent))
	}
	for name, line := range lines {
		eventually(t, patience, func(ctx context.Context) string {
			line.look(t, ctx)
			return failProbes(ctx, namespace, name, before)
		})
	}
	replicas := map[*timeline]int{lines["by-object"]: needed, lines["by-pods"]: needed, lines["by-value"]: before}
	for line, want := range replicas {
		line.wait(t, "they are not Ready", want)
	}
	for line, want := range replicas {
		if int(line.most) > want {
			t.Errorf("%s had %d replicas, %d are expected", line.hpa, line.most, want)
		}
	}
	hold(t, 5*time.Second, replicas, func(context.Context) string {
		if seen := lines["by-value"].seen; seen < 1.5*percentPerReplica {
			return fmt.Sprintf("by-value sees %.0f %% and has no reason to grow", seen)
		}
		return ""
	})
}

// failProbes is "" once a number of a pool's guests are not Ready.
func failProbes(ctx context.Context, namespace, pool string, want int) string {
	vmis, err := members(ctx, namespace, pool)
	if err != nil {
		return err.Error()
	}
	unready := 0
	for _, v := range vmis {
		for _, c := range v.Status.Conditions {
			if c.Type == kubevirtv1.VirtualMachineInstanceReady && c.Status == corev1.ConditionFalse {
				unready++
			}
		}
	}
	if unready < want {
		return fmt.Sprintf("%d of %d guests of %s fail their probes", unready, want, pool)
	}
	return ""
}

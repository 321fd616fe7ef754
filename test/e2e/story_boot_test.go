//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Two pools get the same work, for which two guests are right. Their guests are
// Ready at once, as without a readiness probe, and burn CPU while they boot. The
// pool with a warm-up is not moved by that; the one without takes boot load for
// work, starts guests because of it, which boot, and ends at its maximum.
func TestBootLoadDoesNotScale(t *testing.T) {
	t.Parallel()
	const (
		high    = 6
		needed  = 2
		booting = `, script.guestmetrics.io/boot-seconds: "12", script.guestmetrics.io/boot-cpu-percent: "100"`
	)
	namespace := newNamespace(t)
	// Longer than a boot and the rate window after it.
	apply(t, namespace, pool("patient", 1, "36s", booting))
	apply(t, namespace, pool("hasty", 1, "0s", booting))
	patient, hasty := watchReplicas(t, namespace, "patient"), watchReplicas(t, namespace, "hasty")
	patientWork, hastyWork := work(t, namespace, "app=patient"), work(t, namespace, "app=hasty")
	patientWork.Set(0.4)
	hastyWork.Set(0.4)
	for _, name := range []string{"patient", "hasty"} {
		eventually(t, patience, func(ctx context.Context) string {
			value, err := poolMetric(ctx, namespace, name, utilization)
			if err != nil {
				return err.Error()
			}
			if value < 25 || value > 52 {
				return fmt.Sprintf("%s reads %.0f %%: its first guest still boots", name, value)
			}
			return ""
		})
		apply(t, namespace, autoscaler(name, 1, high, podsMetric()))
	}
	patient.wait(t, "the first guest has booted", 1)
	hasty.wait(t, "the first guest has booted", 1)

	for _, line := range []*timeline{patient, hasty} {
		line.note("-- work comes, for %d guests", needed)
	}
	patientWork.Set(0.8)
	hastyWork.Set(0.8)
	eventually(t, patience, func(ctx context.Context) string {
		current, desired, problem := patient.look(t, ctx)
		hasty.look(t, ctx)
		if current > needed || desired > needed {
			t.Fatalf("with a warm-up: %d replicas, wants %d: boot load has scaled it", current, desired)
		}
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", namespace, "pods", "*", utilization, "app=patient"))
		switch {
		case err != nil:
			return err.Error()
		case current != needed || desired != needed || len(values) != needed:
			return fmt.Sprintf("with a warm-up: %d replicas, wants %d, %d of them known; %s", current, desired, len(values), problem)
		case hasty.most != high:
			return fmt.Sprintf("without a warm-up: at most %d replicas: boot load has not run away with it", hasty.most)
		default:
			return ""
		}
	})
	patient.note("-- both guests count")
	hold(t, 10*time.Second, map[*timeline]int{patient: needed}, func(ctx context.Context) string {
		hasty.look(t, ctx)
		return ""
	})
}

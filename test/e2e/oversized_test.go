//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A tenant's VMI has so many labels that its lines in the exporter's response are
// longer than what is read. Another tenant's VMIs on the same node stay fresh, and
// the offender's answer says what is wrong.
func TestAnOversizedVMI(t *testing.T) {
	// Not in parallel: the exporters are slow with so many labels.
	neighbours := newNamespace(t)
	offenders := neighbours + "-offenders"
	createNamespace(t, offenders)
	apply(t, neighbours, replicaSet("web", len(cluster.Nodes()), `script.guestmetrics.io/cpu-percent: "50"`))
	// oldest returns the age of the oldest of the neighbours' values.
	oldest := func(ctx context.Context) (time.Duration, string) {
		values, err := ask(ctx, cluster.RESTConfig(), metricPath("v1beta2", neighbours, vmiResources, "*", utilization, ""))
		if err != nil {
			return 0, err.Error()
		}
		if len(values) != len(cluster.Nodes()) {
			return 0, fmt.Sprintf("%d neighbours of %d are known", len(values), len(cluster.Nodes()))
		}
		var age time.Duration
		for _, v := range values {
			age = max(age, time.Since(v.Timestamp.Time))
		}
		return age, ""
	}
	eventually(t, patience, func(ctx context.Context) string {
		_, problem := oldest(ctx)
		return problem
	})

	// One on each node, whatever else runs there.
	var labels strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&labels, ", l%04d: v", i)
	}
	yaml := replicaSet("large", len(cluster.Nodes()), "")
	at := strings.LastIndex(yaml, "labels: {app: large") + len("labels: {app: large")
	apply(t, offenders, yaml[:at]+labels.String()+yaml[at:])
	path := metricPath("v1beta2", offenders, vmiResources, "*", utilization, "")
	said := ""
	eventually(t, patience, func(ctx context.Context) string {
		_, err := ask(ctx, cluster.RESTConfig(), path)
		if err == nil {
			t.Fatal("the offenders have values")
		}
		if said = err.Error(); !strings.Contains(said, fmt.Sprintf("%d too_large", len(cluster.Nodes()))) {
			return said
		}
		return ""
	})
	t.Log(said)
	if !strings.Contains(said, "more than the 262144 that are read: remove labels from the VirtualMachineInstance") {
		t.Error("the reason lacks the cure")
	}
	if metrics := serverMetrics(t)(); !strings.Contains(metrics, fmt.Sprintf("guest_metrics_server_oversized_vmis %d\n", len(cluster.Nodes()))) {
		t.Error("the offenders are not counted")
	}
	var worst time.Duration
	hold(t, 2*maxSampleAge, nil, func(ctx context.Context) string {
		age, problem := oldest(ctx)
		if worst = max(worst, age); problem == "" && age > maxSampleAge {
			problem = fmt.Sprintf("a neighbour's value is %s old", age)
		}
		if problem != "" {
			t.Fatal(problem)
		}
		return ""
	})
	t.Logf("beside the offenders a neighbour's value is at most %s old", worst.Round(100*time.Millisecond))
}

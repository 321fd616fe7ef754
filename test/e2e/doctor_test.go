//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	kubectlplugin "guest-metrics-server/pkg/plugin"
	"guest-metrics-server/pkg/plugin/diagnosis"
	"guest-metrics-server/pkg/plugin/findings"
)

// hpaOf is an HPA of a pool or another kind.
func hpaOf(name, apiVersion, kind, target, metric string) string {
	return fmt.Sprintf(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s}
spec:
  scaleTargetRef: {apiVersion: %s, kind: %s, name: %s}
  maxReplicas: 3
  metrics:
  - %s
`, name, apiVersion, kind, target, metric)
}

func hpaOn(metric string) string {
	return hpaOf("web", "pool.kubevirt.io/v1beta1", "VirtualMachinePool", "web", metric)
}

// onPool is a metric of the pool web with an AverageValue.
func onPool(metric, average string) string {
	return objectOn("web", metric, fmt.Sprintf(`type: AverageValue, averageValue: "%s"`, average))
}

const sumOf = ", selector: {matchLabels: {aggregate: sum}}"

// broken is a set-up with a fault, in a namespace of its own.
type broken struct {
	objects string
	then    func(t *testing.T, namespace string) // What cannot be applied.
	want    []findings.Code                      // Found in the namespace, notices left out unless they are here.
}

// replaced replaces what must be there.
func replaced(text, old, new string) string {
	if !strings.Contains(text, old) {
		panic(fmt.Sprintf("%q is not in %s", old, text))
	}
	return strings.ReplaceAll(text, old, new)
}

var (
	doctorsPool = pool("web", 1, "0s", "")
	doctorsHPA  = hpaOn(objectMetric("web"))
)

// setUps are what tenants do to themselves.
func setUps() map[string]broken {
	withoutLabels := replaced(doctorsPool, "          labels: {app: web}\n", "")
	scaleIn := func(strategy string) string {
		return replaced(doctorsPool, "  replicas: 1", "  replicas: 1\n  scaleInStrategy: {"+strategy+"}")
	}
	return map[string]broken{
		"labels missing":       {withoutLabels + "---" + hpaOn(podsMetric()), nil, []findings.Code{"GM0404"}},
		"labels with value":    {withoutLabels + "---" + hpaOn(valueMetric("web")), nil, []findings.Code{"GM0404"}},
		"leftover pods":        {doctorsPool + "---" + hpaOn(podsMetric()), leaveAPod, []findings.Code{"GM0405"}},
		"pods metric":          {doctorsPool + "---" + hpaOn(podsMetric()), nil, []findings.Code{"GM0406"}},
		"value of a percent":   {doctorsPool + "---" + hpaOn(valueMetric("web")), nil, []findings.Code{"GM0406"}},
		"mean":                 {doctorsPool + "---" + hpaOn(onPool(utilization, "50")), nil, []findings.Code{"GM0408"}},
		"sum with value":       {doctorsPool + "---" + hpaOn(objectOn("web", usage, `type: Value, value: "1"`)), nil, []findings.Code{"GM0409"}},
		"unmanaged":            {scaleIn("unmanaged: {}") + "---" + doctorsHPA, nil, []findings.Code{"GM0501"}},
		"opportunistic":        {scaleIn("opportunistic: {}") + "---" + doctorsHPA, nil, []findings.Code{"GM0501"}},
		"paused pool":          {replaced(doctorsPool, "  replicas: 1", "  replicas: 1\n  paused: true") + "---" + doctorsHPA, nil, []findings.Code{"GM0503"}},
		"switched off":         {pool("web", 0, "0s", "") + "---" + doctorsHPA, nil, []findings.Code{"GM0420"}},
		"no target":            {doctorsHPA, nil, []findings.Code{"GM0401"}},
		"two hpas":             {doctorsPool + "---" + doctorsHPA + "---" + replaced(doctorsHPA, "metadata: {name: web}", "metadata: {name: old}"), nil, []findings.Code{"GM0402"}},
		"misspelt":             {doctorsPool + "---" + hpaOn(onPool("guest_cpu_utilisation_percent"+sumOf, "50")), nil, []findings.Code{"GM0403"}},
		"long warmup":          {pool("web", 1, "10m", "") + "---" + doctorsHPA, nil, []findings.Code{"GM0303", "GM0410", "GM0419"}},
		"nothing wakes":        {doctorsPool + "---" + replaced(doctorsHPA, "  maxReplicas: 3", "  minReplicas: 0\n  maxReplicas: 3"), nil, []findings.Code{"GM0411"}},
		"too many cores":       {doctorsPool + "---" + hpaOn(onPool(usage, "2")), nil, []findings.Code{"GM0412"}},
		"too many percent":     {doctorsPool + "---" + hpaOn(onPool(utilization+sumOf, "150")), nil, []findings.Code{"GM0413"}},
		"described object":     {doctorsPool + "---" + replaced(doctorsHPA, "describedObject: {apiVersion: pool.kubevirt.io/v1beta1, kind: VirtualMachinePool, name: web}", "describedObject: {apiVersion: pool.kubevirt.io/v1beta1, kind: VirtualMachinePool, name: wep}"), nil, []findings.Code{"GM0414"}},
		"no annotation":        {doctorsPool + "---" + hpaOn(onPool(requests, "100")), nil, []findings.Code{"GM0416"}},
		"bad annotation":       {pool("web", 1, "0s", `, guestmetrics.io/http-port: "http"`) + "---" + doctorsHPA, nil, []findings.Code{"GM0304"}},
		"status page":          {pool("web", 1, "0s", `, guestmetrics.io/http-port: "8008"`) + "---" + doctorsHPA, nil, []findings.Code{"GM0305"}},
		"no agent":             {pool("web", 1, "0s", `, script.guestmetrics.io/agent: "false"`) + "---" + hpaOn(onPool("guest_load_1m", "1")), nil, []findings.Code{"GM0417", "GM0418"}},
		"paused vm":            {pool("web", 1, "0s", `, script.guestmetrics.io/paused: "true"`) + "---" + doctorsHPA, nil, []findings.Code{"GM0301", "GM0419"}},
		"launcher pods metric": {doctorsPool + "---" + hpaOn(`{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}`), nil, []findings.Code{"GM0407", "GM0419"}},
		"another adapters metric": {doctorsPool + "---" + hpaOf("frontend", "apps/v1", "Deployment", "frontend",
			`{type: Pods, pods: {metric: {name: queue_length}, target: {type: AverageValue, averageValue: "10"}}}`), nil, []findings.Code{"GM0012"}},
	}
}

// leaveAPod makes what a live migration leaves behind.
func leaveAPod(t *testing.T, namespace string) {
	apply(t, namespace, `{apiVersion: v1, kind: Pod, metadata: {name: migrated, labels: {app: web, kubevirt.io: virt-launcher}}, spec: {containers: [{name: compute, image: none}]}}`)
	kubectl(t, "patch", "pod", "migrated", "-n", namespace, "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Succeeded"}}`)
}

// doctor runs the verb in a namespace as the administrator with more arguments.
func doctor(t *testing.T, namespace string, args ...string) (report diagnosis.Report, output string, code int) {
	t.Helper()
	streams, _, out, problems := genericiooptions.NewTestIOStreams()
	code = kubectlplugin.Run(streams, append([]string{"doctor", "--kubeconfig=" + cluster.Kubeconfig(), "-n", namespace, "-o", "json"}, args...))
	output = out.String()
	if err := json.NewDecoder(bytes.NewReader(out.Bytes())).Decode(&report); err != nil {
		t.Fatalf("doctor %v ends with %d: %v\n%s%s", args, code, err, output, problems)
	}
	return report, output, code
}

// codesIn returns the codes that are found in a namespace. Of notices only those that
// are wanted count: guests warm up at any time.
func codesIn(report *diagnosis.Report, namespace string, wanted []findings.Code) []findings.Code {
	var codes []findings.Code
	for _, f := range report.Findings() {
		isNoise := f.Severity == findings.Notice && !slices.Contains(wanted, f.Code)
		if f.Object.Namespace == namespace && !isNoise {
			codes = append(codes, f.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// eventuallyFinds waits until doctor finds exactly what is wanted in the namespace.
func eventuallyFinds(t *testing.T, namespace string, want []findings.Code, args ...string) {
	t.Helper()
	slices.Sort(want)
	eventually(t, patience, func(context.Context) string {
		report, output, code := doctor(t, namespace, args...)
		if diff := cmp.Diff(want, codesIn(&report, namespace, want)); diff != "" {
			return fmt.Sprintf("doctor %v, -want +got:\n%s\n%s", args, diff, output)
		}
		if len(want) > 0 && code == 0 {
			return fmt.Sprintf("doctor %v ends with 0 in spite of %v", args, want)
		}
		return ""
	})
}

// Each fault is named by its code, and nothing else is found in its namespace; a
// tenant with view in the namespace finds the same.
func TestDoctorNamesFaults(t *testing.T) {
	for name, c := range setUps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=doctors-viewer", "-n", namespace)
			apply(t, namespace, kubevirtView)
			kubectl(t, "create", "rolebinding", "viewer-of-kubevirt", "--role=kubevirt-view", "--user=doctors-viewer", "-n", namespace)
			apply(t, namespace, c.objects)
			if c.then != nil {
				c.then(t, namespace)
			}
			eventuallyFinds(t, namespace, c.want)
			eventuallyFinds(t, namespace, c.want, "--as=doctors-viewer")
		})
	}
}

// An HPA in another namespace than its pool, which only who sees both is told of.
func TestDoctorFindsThePoolOfAnHPAElsewhere(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	createNamespace(t, namespace+"-pools")
	apply(t, namespace, doctorsHPA)
	apply(t, namespace+"-pools", doctorsPool)
	eventually(t, patience, func(context.Context) string {
		_, output, _ := doctor(t, namespace, "-A")
		if want := "there is no VirtualMachinePool web in namespace " + namespace + "; there is one in namespace "; !strings.Contains(output, want) {
			return fmt.Sprintf("want %q in\n%s", want, output)
		}
		return ""
	})
}

// A healthy cluster has no finding, and the way there can be waited for. Not in
// parallel: other tests break the cluster.
func TestDoctorFindsNothingInAHealthyCluster(t *testing.T) {
	namespace := newNamespace(t)
	apply(t, namespace, doctorsPool+"---"+doctorsHPA)
	apply(t, namespace, replicaSet("api", 2, `guestmetrics.io/warmup: 0s`)+"---"+hpaOf("api", "kubevirt.io/v1", "VirtualMachineInstanceReplicaSet", "api",
		`{type: Object, object: {metric: {name: guest_cpu_usage_cores}, target: {type: AverageValue, averageValue: 500m},
    describedObject: {apiVersion: kubevirt.io/v1, kind: VirtualMachineInstanceReplicaSet, name: api}}}`))
	eventually(t, patience, func(context.Context) string {
		report, output, code := doctor(t, namespace, "--wait=1m")
		if code != 0 || len(report.Findings()) > 0 {
			return fmt.Sprintf("it ends with %d:\n%s", code, output)
		}
		return ""
	})
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	if code := kubectlplugin.Run(streams, []string{"doctor", "--kubeconfig=" + cluster.Kubeconfig(), "-n", namespace}); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	t.Logf("\n%s", out)
}

// A user without any right in the namespace learns that, and what was not seen.
func TestDoctorOfAUserWithoutRights(t *testing.T) {
	namespace := newNamespace(t)
	report, output, code := doctor(t, namespace, "--as=nobody-in-particular")
	if diff := cmp.Diff([]findings.Code{"GM0103"}, codesIn(&report, namespace, nil)); diff != "" || code != 2 {
		t.Errorf("it ends with %d, want 2; -want +got:\n%s\n%s", code, diff, output)
	}
}

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"guest-metrics-server/pkg/plugin/findings"
)

// Faults of the cluster itself, one after the other and not in parallel, since they
// are everybody's. Each is mended before the next one begins.
func TestDoctorNamesFaultsOfTheCluster(t *testing.T) {
	namespace := newNamespace(t)
	hpaController := []string{"clusterrolebinding", "guest-metrics-reader:horizontal-pod-autoscaler"}
	bootstrap := []string{"clusterrolebinding", "system:controller:horizontal-pod-autoscaler"}
	for _, c := range []struct {
		name    string
		breakIt func(t *testing.T)
		want    []findings.Code
	}{
		{"the HPA controller has no rights", func(t *testing.T) {
			patchUntilEnd(t, hpaController, "subjects", `[]`)
			patchUntilEnd(t, bootstrap, "subjects", `[]`)
		}, []findings.Code{"GM0101"}},
		{"view has no rights", func(t *testing.T) {
			kubectl(t, "label", "clusterrole", "guest-metrics-reader", "rbac.authorization.k8s.io/aggregate-to-view-")
			t.Cleanup(func() {
				mend(t, "label", "clusterrole", "guest-metrics-reader", "rbac.authorization.k8s.io/aggregate-to-view=true")
			})
		}, []findings.Code{"GM0102"}},
		{"KubeVirt's CA cannot be read", func(t *testing.T) {
			patchUntilEnd(t, []string{"role", "guest-metrics-server:kubevirt-ca", "-n", "kubevirt"}, "rules", `[]`)
		}, []findings.Code{"GM0104"}},
		{"half of the API is taken over by a server that is not there", func(t *testing.T) {
			patchUntilEnd(t, []string{"apiservice", "v1beta1.custom.metrics.k8s.io"}, "spec", `{"service":{"namespace":"default","name":"prometheus-adapter"}}`)
		}, []findings.Code{"GM0002", "GM0004"}},
		{"nobody verifies the server", func(t *testing.T) {
			patchUntilEnd(t, []string{"apiservice", "v1beta1.custom.metrics.k8s.io"}, "spec", `{"insecureSkipTLSVerify":true,"caBundle":null}`)
		}, []findings.Code{"GM0007"}},
		{"a node is dead", func(t *testing.T) {
			if err := cluster.StopExporter(cluster.Nodes()[0]); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := cluster.StartExporter(context.WithoutCancel(t.Context()), cluster.Nodes()[0]); err != nil {
					t.Error(err)
				}
			})
		}, []findings.Code{"GM0206"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eventuallyFindsOfTheCluster(t, namespace, nil)
			c.breakIt(t)
			eventuallyFindsOfTheCluster(t, namespace, c.want)
		})
	}
	eventuallyFindsOfTheCluster(t, namespace, nil)
}

// eventuallyFindsOfTheCluster waits until doctor finds exactly what is wanted of the
// cluster. A slow scrape is a matter of this machine.
func eventuallyFindsOfTheCluster(t *testing.T, namespace string, want []findings.Code) {
	t.Helper()
	eventually(t, patience, func(context.Context) string {
		report, output, code := doctor(t, namespace, "--ignore=GM0207")
		var got []findings.Code
		for _, f := range report.Findings() {
			got = append(got, f.Code)
		}
		slices.Sort(got)
		if got = slices.Compact(got); !slices.Equal(got, want) || (code == 0) != (len(want) == 0) {
			return fmt.Sprintf("want %v, got %v and exit code %d:\n%s", want, got, code, output)
		}
		return ""
	})
}

// patchUntilEnd merges a field into an object, and gives it its former value in the
// end.
func patchUntilEnd(t *testing.T, object []string, field, value string) {
	t.Helper()
	var before map[string]json.RawMessage
	if err := json.Unmarshal([]byte(kubectl(t, append([]string{"get", "-o", "json"}, object...)...)), &before); err != nil {
		t.Fatal(err)
	}
	patch := func(value string) []string {
		return append([]string{"patch", "--type=merge", "-p", fmt.Sprintf(`{%q:%s}`, field, value)}, object...)
	}
	kubectl(t, patch(value)...)
	former := string(before[field])
	if field == "spec" { // A merge keeps what the patch has added.
		former = `{"insecureSkipTLSVerify":null,` + former[1:]
	}
	t.Cleanup(func() { mend(t, patch(former)...) })
}

// mend runs kubectl after the test's context has ended.
func mend(t *testing.T, args ...string) {
	if _, err := cluster.Kubectl(context.WithoutCancel(t.Context()), nil, args...); err != nil {
		t.Error(err)
	}
}

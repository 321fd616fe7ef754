//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
)

// impostor is what a tenant could make to look like KubeVirt: an object in a
// namespace that sorts before the right one, a pod with virt-handler's labels, and
// an authority of his own.
const impostor = `
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata: {name: kubevirt}
spec: {}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubevirt-ca}
data: {ca-bundle: none}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
---
apiVersion: v1
kind: Pod
metadata:
  name: virt-handler-impostor
  labels: {kubevirt.io: virt-handler}
spec:
  nodeName: nowhere
  containers:
  - name: virt-handler
    image: none
`

// A second KubeVirt object, whatever stands beside it, changes nothing for a
// server that runs and nothing for one that starts then.
func TestASecondKubeVirtObject(t *testing.T) {
	const namespace = "aaa"
	kubectl(t, "create", "namespace", namespace)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, args := range [][]string{
			{"delete", "kubevirt", "kubevirt", "-n", namespace},
			{"delete", "namespace", namespace, "--wait=false"},
		} {
			if _, err := cluster.Kubectl(ctx, nil, args...); err != nil {
				t.Error(err)
			}
		}
	})
	apply(t, namespace, impostor)
	kubectl(t, "patch", "pod", "virt-handler-impostor", "-n", namespace, "--subresource=status", "--type=merge",
		"-p", `{"status":{"phase":"Running","podIP":"127.0.0.1"}}`)

	address, server := startServer(t, "beside-an-impostor", serverFlags()...)
	client := serverClient(t)
	eventually(t, patience, func(ctx context.Context) string {
		if _, err := fetch(ctx, client, "https://"+address+"/readyz"); err != nil {
			return fmt.Sprint("the server that starts now is not ready: ", err)
		}
		return ""
	})
	page := metricsAt(t, address)()
	for _, node := range cluster.Nodes() {
		if !strings.Contains(page, fmt.Sprintf(`guest_metrics_server_scrapes_total{outcome="ok",target=%q}`, node)) {
			t.Errorf("%s was not scraped", node)
		}
	}
	if strings.Contains(page, `target="nowhere"`) {
		t.Error("the impostor was scraped")
	}
	log, err := os.ReadFile(server.LogPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`chosen="kubevirt"`, `why="no other one is deployed"`, "aaa (phase not set", "--kubevirt-namespace"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the log does not say %s:\n%s", want, log)
		}
	}
}

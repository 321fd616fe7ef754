//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"guest-metrics-server/pkg/plugin/explain"
	"guest-metrics-server/pkg/plugin/top"
	"guest-metrics-server/test/local"
)

// kubevirtView is what KubeVirt adds to the role view. virt-operator, which makes
// it, is not in the cluster.
const kubevirtView = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kubevirt-view}
rules:
- apiGroups: [kubevirt.io]
  resources: [virtualmachineinstances, virtualmachines, virtualmachineinstancereplicasets]
  verbs: [get, list, watch]
- apiGroups: [pool.kubevirt.io]
  resources: [virtualmachinepools]
  verbs: [get, list, watch]
`

// webHPA has the form that we recommend.
const webHPA = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: kubevirt.io/v1, kind: VirtualMachineInstanceReplicaSet, name: web}
  minReplicas: 2
  maxReplicas: 4
  metrics:
  - type: Object
    object:
      describedObject: {apiVersion: kubevirt.io/v1, kind: VirtualMachineInstanceReplicaSet, name: web}
      metric: {name: guest_cpu_utilization_percent, selector: {matchLabels: {aggregate: sum}}}
      target: {type: AverageValue, averageValue: "50"}
`

// plugin runs kubectl guest-metrics as a user.
type plugin struct{ binary, kubeconfig, namespace string }

// newPlugin builds the plugin for a user.
func newPlugin(t *testing.T, user, namespace string) plugin {
	t.Helper()
	dir := t.TempDir()
	binary, err := local.BuildPlugin(t.Context(), dir, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	config, err := cluster.UserConfig(user)
	if err != nil {
		t.Fatal(err)
	}
	p := plugin{binary, filepath.Join(dir, "kubeconfig"), namespace}
	kubeconfig := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"local": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{user: {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"local": {Cluster: "local", AuthInfo: user, Namespace: namespace}},
		CurrentContext: "local",
	}
	if err := clientcmd.WriteToFile(kubeconfig, p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return p
}

// run returns what the plugin prints.
func (p plugin) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--kubeconfig", p.kubeconfig, "--cache-dir", p.kubeconfig+"-cache")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	if stderr.Len() > 0 {
		return stdout.String(), fmt.Errorf("%s: %s", strings.Join(args, " "), bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

// A user who may view a namespace, and nothing else, sees the load of its guests and
// why its HPA scales.
func TestPlugin(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	apply(t, namespace, replicaSet("web", 2, `script.guestmetrics.io/cpu-percent: "80"`))
	apply(t, namespace, webHPA)
	apply(t, namespace, kubevirtView)
	apply(t, namespace, `{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80}]}}`)
	kubectl(t, "create", "rolebinding", "viewer", "--clusterrole=view", "--user=watcher", "-n", namespace)
	kubectl(t, "create", "rolebinding", "viewer-of-kubevirt", "--role=kubevirt-view", "--user=watcher", "-n", namespace)
	p := newPlugin(t, "watcher", namespace)

	// Until the controller has scaled and the newcomers' rates are in. Rates are
	// inexact over windows as short as here, so all bands are wide.
	member := regexp.MustCompile(`\n +web\S+ +virt-launcher-web\S+ +[1-9][\d.]+ +\d+s +\d+s\n`)
	text := ""
	eventually(t, patience, func(ctx context.Context) string {
		var err error
		if text, err = p.run(ctx, "explain", "hpa/web"); err != nil {
			return err.Error()
		}
		for _, want := range []string{
			"in namespace " + namespace + ": 4 replicas now, estimated next: 4\n",
			"observed   4 VMIs: 4 count, and of these 4 have a value\n",
			"estimated  TooManyReplicas: the maximum is 4: ",
			"observed   ScalingLimited is True (TooManyReplicas): ",
			"SuccessfulRescale: New size: 4; ",
		} {
			if !strings.Contains(text, want) {
				return fmt.Sprintf("explain does not say %q:\n%s", want, text)
			}
		}
		if !member.MatchString(text) || strings.Contains(text, "could not be seen") {
			return "explain does not show what each VMI answers, or not all was seen:\n" + text
		}
		return ""
	})
	t.Logf("explain hpa/web:\n%s", text)
	out, err := p.run(t.Context(), "explain", "hpa/web", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var report explain.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if want := (&explain.Decision{Current: 4, Desired: 4}); !cmp.Equal(report.Decision, want) || len(report.Unseen) > 0 {
		t.Errorf("the report is %+v", report)
	}

	name := ""
	for subject, rows := range map[string]int{"vmis": 4, "replicasets": 1, "services": 1, "pools": 0} {
		out, err := p.run(t.Context(), "top", subject, "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Items []top.Row }
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != rows {
			t.Errorf("top %s has %d rows, want %d: %s", subject, len(list.Items), rows, out)
		}
		for _, row := range list.Items {
			if row.Status != "OK" || row.UtilizationPercent == nil || *row.UtilizationPercent < 50 || *row.UtilizationPercent > 110 {
				t.Errorf("top %s: %+v", subject, row)
			}
			if row.Known != nil && (*row.Known != 4 || *row.Counting != 4) {
				t.Errorf("top %s: %d of %d are known, want 4 of 4", subject, *row.Known, *row.Counting)
			}
			if subject == "vmis" {
				name = row.Name
			}
		}
		if table, err := p.run(t.Context(), "top", subject); err == nil {
			t.Logf("top %s:\n%s", subject, table)
		}
	}
	for _, object := range []string{"vmi/" + name, "vmirs/web"} {
		text, err := p.run(t.Context(), "explain", object)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("explain %s:\n%s", object, text)
		if strings.Contains(text, "could not be seen") || !strings.Contains(text, "\nhpa/web\n") {
			t.Errorf("explain %s does not name its HPA, or not all was seen", object)
		}
	}
	if out, err := p.run(t.Context(), "top", "vmis", "-n", "kube-system"); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("the load of another namespace is shown: %v %s", err, out)
	}
}

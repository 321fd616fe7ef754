package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	kubevirtNamespace = "kubevirt"
	virtHandlerPort   = 8443

	// virtHandlerServerName is a name in virt-handler's certificate. It has no
	// addresses, so clients must know the name.
	virtHandlerServerName = "virt-handler." + kubevirtNamespace + ".svc"
)

// installation is what virt-operator would create, as far as the local cluster
// needs it. %s is the CA's certificate, indented as a block.
const installation = `
apiVersion: v1
kind: Namespace
metadata:
  name: kubevirt
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: kubevirt-ca
  namespace: kubevirt
data:
  ca-bundle: |
    %s
---
apiVersion: kubevirt.io/v1
kind: KubeVirt
metadata:
  name: kubevirt
  namespace: kubevirt
spec: {}
`

// writeKubeVirtCredentials writes the certificates that virt-operator would issue.
func (c *Cluster) writeKubeVirtCredentials() error {
	var names []string
	for _, suffix := range []string{"", ".kubevirt", ".kubevirt.svc", ".kubevirt.svc.cluster.local"} {
		names = append(names, "virt-handler"+suffix)
	}
	virtHandler, err := c.kubevirtCA.Server("kubevirt.io:system:node:virt-handler", names)
	if err != nil {
		return err
	}
	virtController, err := c.kubevirtCA.Server("kubevirt.io:system:virt-controller", []string{"virt-controller"})
	if err != nil {
		return err
	}
	return errors.Join(
		c.state.writeIdentity("virt-handler", virtHandler),
		c.state.writeIdentity("virt-controller", virtController))
}

// installCRDs applies KubeVirt's CRDs. Controllers start only afterwards: one
// that misses a CRD looks for it again after 20 s.
func (c *Cluster) installCRDs(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.binaries["crds"])
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	crds, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("generate KubeVirt's CRDs: %w: %s", err, &stderr)
	}
	// Server-side: they are too large for the annotation of a client-side apply.
	if _, err := c.Kubectl(ctx, bytes.NewReader(crds), "apply", "--server-side", "-f", "-"); err != nil {
		return fmt.Errorf("apply KubeVirt's CRDs: %w", err)
	}
	// Not by kubectl wait, which looks at one after the other and takes 2 s.
	if err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, c.crdsEstablished); err != nil {
		return fmt.Errorf("wait for KubeVirt's CRDs to be established: %w", err)
	}
	return nil
}

// crdsEstablished reports whether objects of every CRD can be created.
func (c *Cluster) crdsEstablished(ctx context.Context) (bool, error) {
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	text, err := c.kube.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Raw()
	if err != nil {
		return false, err
	}
	var list struct {
		Items []struct {
			Status struct{ Conditions []metav1.Condition }
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return false, err
	}
	for _, crd := range list.Items {
		if !meta.IsStatusConditionTrue(crd.Status.Conditions, "Established") {
			return false, nil
		}
	}
	return true, nil
}

func (c *Cluster) installKubeVirt(ctx context.Context) error {
	bundle := strings.ReplaceAll(strings.TrimSpace(string(c.kubevirtCA.PEM)), "\n", "\n    ")
	objects := strings.NewReader(fmt.Sprintf(installation, bundle))
	if _, err := c.Kubectl(ctx, objects, "apply", "--server-side", "-f", "-"); err != nil {
		return fmt.Errorf("install KubeVirt: %w", err)
	}
	// As virt-operator says once all runs.
	if _, err := c.Kubectl(ctx, nil, "patch", "kubevirt", "kubevirt", "-n", kubevirtNamespace,
		"--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Deployed"}}`); err != nil {
		return fmt.Errorf("let KubeVirt be deployed: %w", err)
	}
	return nil
}

func (c *Cluster) startVirtController(ctx context.Context) error {
	virtController, err := c.start("virt-controller", c.binaries["virt-controller"],
		"--kubeconfig", c.state.path("kubevirt.kubeconfig"),
		"--listen", c.block.controlPlane().String(),
		"--port", fmt.Sprint(virtControllerPort),
		"--prom-cert-file", c.state.path("pki", "virt-controller.crt"),
		"--prom-key-file", c.state.path("pki", "virt-controller.key"))
	if err != nil {
		return err
	}
	return virtController.Await(ctx, func(ctx context.Context) error {
		lease, err := c.kube.CoordinationV1().Leases(kubevirtNamespace).Get(ctx, "virt-controller", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return errors.New("nobody leads yet")
		}
		return nil
	})
}

// startFakeNode starts the stand-in for machines, and waits until pods can run.
func (c *Cluster) startFakeNode(ctx context.Context) error {
	args := []string{
		"--kubeconfig=" + c.state.path("kubevirt.kubeconfig"),
		"--kubevirt-namespace=" + kubevirtNamespace,
		fmt.Sprintf("--metrics-port=%d", virtHandlerPort),
		"--pod-cidr=" + c.block.pods().String(),
	}
	for number, name := range c.nodes() {
		args = append(args, fmt.Sprintf("--node=%s=%s", name, c.block.node(number+1)))
	}
	fakeNode, err := c.start("fake-node", c.binaries["fake-node"], args...)
	if err != nil {
		return err
	}
	return fakeNode.Await(ctx, func(ctx context.Context) error {
		pods, err := c.kube.CoreV1().Pods(kubevirtNamespace).List(ctx, metav1.ListOptions{
			LabelSelector: "kubevirt.io=virt-handler", FieldSelector: "status.phase=Running"})
		if err != nil {
			return err
		}
		if len(pods.Items) < len(c.nodes()) {
			return fmt.Errorf("%d of %d virt-handler pods run", len(pods.Items), len(c.nodes()))
		}
		// Without it no launcher pod is admitted.
		_, err = c.kube.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// StartExporter starts the exporter of a node, as node01. Guests go on where they
// were: real ones outlive virt-handler too.
func (c *Cluster) StartExporter(ctx context.Context, node string) error {
	for number, name := range c.nodes() {
		if name != node {
			continue
		}
		address := hostPort(c.block.node(number+1), virtHandlerPort)
		exporter, err := c.start(exporterName(node), c.binaries["virt-handler-exporter"],
			"--kubeconfig="+c.state.path("kubevirt.kubeconfig"),
			"--node-name="+node,
			"--pods-dir="+c.block.podsDir,
			"--listen="+address,
			"--tls-cert-file="+c.state.path("pki", "virt-handler.crt"),
			"--tls-private-key-file="+c.state.path("pki", "virt-handler.key"))
		if err != nil {
			return err
		}
		return exporter.Await(ctx, func(ctx context.Context) error {
			return get(ctx, "https://"+address+"/healthz", c.kubevirtCA, virtHandlerServerName)
		})
	}
	return fmt.Errorf("start an exporter: there is no node %s: the nodes are %s", node, strings.Join(c.nodes(), ", "))
}

// StopExporter stops the exporter of a node. Its guests run on, unseen.
func (c *Cluster) StopExporter(node string) error {
	return c.stop(exporterName(node))
}

func exporterName(node string) string { return "virt-handler-" + node }

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

const (
	// heartbeatInterval is virt-handler's. virt-controller fails the VMIs of a
	// node that it has not heard of for five minutes.
	heartbeatInterval = time.Minute

	// admissionTimeout is how long a namespace may take to get the service
	// account without which no pod is admitted to it.
	admissionTimeout = 30 * time.Second
)

// infrastructure is what is there before any guest: nodes and their virt-handlers.
type infrastructure struct {
	kube        kubernetes.Interface
	namespace   string
	metricsPort int32
}

func (i *infrastructure) create(ctx context.Context, n node) error {
	if err := i.createNode(ctx, n); err != nil {
		return fmt.Errorf("create node %s: %w", n.name, err)
	}
	if err := i.createVirtHandler(ctx, n); err != nil {
		return fmt.Errorf("create the virt-handler pod of node %s: %w", n.name, err)
	}
	return nil
}

func (i *infrastructure) createNode(ctx context.Context, n node) error {
	nodes := i.kube.CoreV1().Nodes()
	created, err := nodes.Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: n.name,
			Labels: map[string]string{
				corev1.LabelHostname:       n.name,
				corev1.LabelOSStable:       "linux",
				corev1.LabelArchStable:     "amd64",
				kubevirtv1.NodeSchedulable: "true",
			},
			Annotations: map[string]string{kubevirtv1.VirtHandlerHeartbeat: heartbeat()},
		},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		created, err = nodes.Get(ctx, n.name, metav1.GetOptions{})
	}
	if err != nil {
		return err
	}
	created.Status.Capacity = corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods:   resource.MustParse("500"),
	}
	created.Status.Allocatable = created.Status.Capacity
	created.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.address.String()}}
	created.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "FakeNode",
		LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
	}}
	_, err = nodes.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	return err
}

// createVirtHandler creates the pod that tells scrapers where a node's page is.
func (i *infrastructure) createVirtHandler(ctx context.Context, n node) error {
	pods := i.kube.CoreV1().Pods(i.namespace)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:   "virt-handler-" + n.name,
			Labels: map[string]string{kubevirtv1.AppLabel: "virt-handler"},
		},
		Spec: corev1.PodSpec{
			NodeName: n.name,
			Containers: []corev1.Container{{
				Name:  "virt-handler",
				Image: "quay.io/kubevirt/virt-handler:v1.8.0",
				Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: i.metricsPort, Protocol: corev1.ProtocolTCP}},
			}},
		},
	}
	var created *corev1.Pod
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, admissionTimeout, true, func(ctx context.Context) (bool, error) {
		var err error
		created, err = pods.Create(ctx, pod, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			created, err = pods.Get(ctx, pod.Name, metav1.GetOptions{})
		}
		if apierrors.IsForbidden(err) {
			return false, nil // no service account yet
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	reportRunning(created, n.address)
	setReady(created, true)
	_, err = pods.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	return err
}

// heartbeats keeps the nodes' virt-handlers alive in virt-controller's eyes
// until the context ends.
func (i *infrastructure) heartbeats(ctx context.Context, nodes []node) {
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, n := range nodes {
			if err := i.beat(ctx, n); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "No heartbeat", "node", n.name)
			}
		}
	}
}

func (i *infrastructure) beat(ctx context.Context, n node) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{kubevirtv1.VirtHandlerHeartbeat: heartbeat()},
		"labels":      map[string]string{kubevirtv1.NodeSchedulable: "true"}, // after a suspended machine wakes up
	}})
	if err != nil {
		return err
	}
	_, err = i.kube.CoreV1().Nodes().Patch(ctx, n.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	return err
}

func heartbeat() string {
	return time.Now().UTC().Format(time.RFC3339)
}

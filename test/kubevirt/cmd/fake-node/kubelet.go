package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/test/kubevirt/script"
)

// syncPod does the scheduler's and the kubelet's work for a launcher pod. vmi is
// nil when the pod's VMI is gone.
func (g *guests) syncPod(ctx context.Context, guest string, pod *corev1.Pod, vmi *kubevirtv1.VirtualMachineInstance) error {
	switch {
	case pod.DeletionTimestamp != nil:
		return g.end(ctx, pod, vmi)
	case pod.Status.Phase == corev1.PodSucceeded, pod.Status.Phase == corev1.PodFailed:
		g.placement.forget(pod.UID)
		return nil // finished for good, as the source pod of a migration
	case pod.Spec.NodeName == "":
		return g.bind(ctx, guest, pod)
	case !g.has(pod.Spec.NodeName):
		return nil // on a node of someone else's
	case vmi != nil && isLeft(pod, vmi):
		return g.finish(ctx, pod)
	}
	g.placement.remember(guest, pod, pod.Spec.NodeName)
	reported := pod.DeepCopy()
	if pod.Status.Phase != corev1.PodRunning {
		reportRunning(reported, g.podIP())
	}
	setReady(reported, vmi == nil || readinessOf(vmi))
	if equality.Semantic.DeepEqual(pod.Status, reported.Status) {
		return nil
	}
	_, err := g.kube.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, reported, metav1.UpdateOptions{})
	return err
}

func (g *guests) bind(ctx context.Context, guest string, pod *corev1.Pod) error {
	node, ok := g.placement.choose(guest, pod)
	if !ok {
		return nil // stays Pending: virt-controller gives the migration up after some minutes
	}
	err := g.kube.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("bind to node %s: %w", node, err)
	}
	g.placement.remember(guest, pod, node)
	return nil
}

// finish reports that a pod's launcher has ended by itself.
func (g *guests) finish(ctx context.Context, pod *corev1.Pod) error {
	reported := pod.DeepCopy()
	reportFinished(reported)
	_, err := g.kube.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, reported, metav1.UpdateOptions{})
	return err
}

// end lets a deleted pod go, once its guest is seen to have shut down.
func (g *guests) end(ctx context.Context, pod *corev1.Pod, vmi *kubevirtv1.VirtualMachineInstance) error {
	if vmi != nil && (vmi.IsScheduled() || vmi.IsRunning()) {
		return g.shutDown(ctx, vmi) // The VMI's new phase brings us back here.
	}
	var now int64
	return g.kube.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now,
		Preconditions:      metav1.NewUIDPreconditions(string(pod.UID)),
	})
}

// podIP returns an address that no pod had before. The range is large enough for
// the life of a test cluster.
func (g *guests) podIP() netip.Addr {
	ip := g.nextPodIP
	if next := ip.Next(); g.podCIDR.Contains(next) {
		g.nextPodIP = next
	} else {
		g.nextPodIP = g.podCIDR.Masked().Addr().Next()
	}
	return ip
}

// readinessOf is what a probe of the guest would find.
func readinessOf(vmi *kubevirtv1.VirtualMachineInstance) bool {
	s, _ := script.Parse(vmi.Annotations) // errors are the exporter's to report
	return s.On(script.Ready)
}

// reportRunning sets the status of a pod that has just started.
func reportRunning(pod *corev1.Pod, ip netip.Addr) {
	now := metav1.Now()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &now
	pod.Status.PodIP = ip.String()
	pod.Status.PodIPs = []corev1.PodIP{{IP: ip.String()}}
	for _, condition := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized} {
		setCondition(pod, condition, corev1.ConditionTrue, "")
	}
	pod.Status.InitContainerStatuses = nil
	for _, container := range pod.Spec.InitContainers {
		status := corev1.ContainerStatus{Name: container.Name, Image: container.Image, Ready: true}
		if restart := container.RestartPolicy; restart != nil && *restart == corev1.ContainerRestartPolicyAlways {
			status.Started = new(true)
			status.State.Running = &corev1.ContainerStateRunning{StartedAt: now}
		} else {
			status.State.Terminated = &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}
		}
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, status)
	}
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
}

// reportFinished sets the status of a pod whose containers have all ended well.
func reportFinished(pod *corev1.Pod) {
	const reason = "PodCompleted"
	pod.Status.Phase = corev1.PodSucceeded
	setCondition(pod, corev1.ContainersReady, corev1.ConditionFalse, reason)
	setCondition(pod, corev1.PodReady, corev1.ConditionFalse, reason)
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			running := statuses[i].State.Running
			if running == nil {
				continue
			}
			statuses[i].Ready, statuses[i].Started = false, new(false)
			statuses[i].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Reason: "Completed", StartedAt: running.StartedAt, FinishedAt: metav1.Now(),
			}}
		}
	}
}

// setReady sets a running pod's readiness: that of its containers, of which the
// compute container's is the guest's, and that of KubeVirt's readiness gates.
func setReady(pod *corev1.Pod, guestReady bool) {
	containers, reason := corev1.ConditionTrue, ""
	if !guestReady {
		containers, reason = corev1.ConditionFalse, "ContainersNotReady"
	}
	for i := range pod.Status.ContainerStatuses {
		if pod.Status.ContainerStatuses[i].Name == "compute" {
			pod.Status.ContainerStatuses[i].Ready = guestReady
		}
	}
	setCondition(pod, corev1.ContainersReady, containers, reason)
	ready := containers
	for _, gate := range pod.Spec.ReadinessGates {
		if ready == corev1.ConditionTrue && conditionOf(pod, gate.ConditionType) != corev1.ConditionTrue {
			ready, reason = corev1.ConditionFalse, "ReadinessGatesNotReady"
		}
	}
	setCondition(pod, corev1.PodReady, ready, reason)
}

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition.Status
		}
	}
	return corev1.ConditionUnknown
}

func setCondition(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) {
	wanted := corev1.PodCondition{Type: kind, Status: status, Reason: reason, LastTransitionTime: metav1.Now()}
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	switch {
	case i < 0:
		pod.Status.Conditions = append(pod.Status.Conditions, wanted)
	case pod.Status.Conditions[i].Status != status:
		pod.Status.Conditions[i] = wanted
	default:
		pod.Status.Conditions[i].Reason = reason
	}
}

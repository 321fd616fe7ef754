package main

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/test/kubevirt/script"
)

// syncVMI does virt-handler's part: from Scheduled to Running when the launcher
// runs, the conditions that come from the guest, live migrations, and the end.
// All else in a VMI's status is virt-controller's. active is the launcher pod that
// runs on the VMI's node, nil while there is none.
func (g *guests) syncVMI(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance, active *corev1.Pod) error {
	if !g.has(vmi.Status.NodeName) || (!vmi.IsScheduled() && !vmi.IsRunning()) {
		return nil
	}
	if vmi.DeletionTimestamp != nil {
		return g.shutDown(ctx, vmi)
	}
	if active == nil {
		return nil
	}
	s, _ := script.Parse(vmi.Annotations) // errors are the exporter's to report
	reported := vmi.DeepCopy()
	setPhase(reported, kubevirtv1.Running)
	setVMICondition(reported, kubevirtv1.VirtualMachineInstanceIsMigratable, true)
	setVMICondition(reported, kubevirtv1.VirtualMachineInstanceAgentConnected, s.On(script.Agent))
	setVMICondition(reported, kubevirtv1.VirtualMachineInstancePaused, s.On(script.Paused))
	setAddress(reported, active)
	reported.Status.SelinuxContext = "none" // Without one virt-controller makes no migration's target.
	g.migrate(reported)
	return g.update(ctx, vmi, reported)
}

// shutDown reports that the guest has shut down, after which virt-controller
// lets the VMI go.
func (g *guests) shutDown(ctx context.Context, vmi *kubevirtv1.VirtualMachineInstance) error {
	reported := vmi.DeepCopy()
	setPhase(reported, kubevirtv1.Succeeded)
	return g.update(ctx, vmi, reported)
}

// update writes as virt-handler does, to the whole object: VMIs have no status
// subresource.
func (g *guests) update(ctx context.Context, vmi, reported *kubevirtv1.VirtualMachineInstance) error {
	if equality.Semantic.DeepEqual(vmi.Status, reported.Status) && maps.Equal(vmi.Labels, reported.Labels) {
		return nil
	}
	_, err := g.virt.KubevirtV1().VirtualMachineInstances(vmi.Namespace).Update(ctx, reported, metav1.UpdateOptions{})
	return err
}

func setPhase(vmi *kubevirtv1.VirtualMachineInstance, phase kubevirtv1.VirtualMachineInstancePhase) {
	if vmi.Status.Phase == phase {
		return
	}
	vmi.Status.Phase = phase
	vmi.Status.PhaseTransitionTimestamps = append(vmi.Status.PhaseTransitionTimestamps,
		kubevirtv1.VirtualMachineInstancePhaseTransitionTimestamp{Phase: phase, PhaseTransitionTimestamp: metav1.Now()})
}

// setVMICondition adds a condition or removes it: of those that virt-handler
// owns, none is ever reported False.
func setVMICondition(vmi *kubevirtv1.VirtualMachineInstance, kind kubevirtv1.VirtualMachineInstanceConditionType, present bool) {
	isKind := func(c kubevirtv1.VirtualMachineInstanceCondition) bool { return c.Type == kind }
	switch has := slices.ContainsFunc(vmi.Status.Conditions, isKind); {
	case present && !has:
		vmi.Status.Conditions = append(vmi.Status.Conditions, kubevirtv1.VirtualMachineInstanceCondition{
			Type: kind, Status: corev1.ConditionTrue, LastProbeTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		})
	case !present && has:
		vmi.Status.Conditions = slices.DeleteFunc(vmi.Status.Conditions, isKind)
	}
}

// setAddress reports the guest's first interface as masquerade has it: the
// launcher pod's address.
func setAddress(vmi *kubevirtv1.VirtualMachineInstance, active *corev1.Pod) {
	if len(vmi.Status.Interfaces) == 0 {
		vmi.Status.Interfaces = []kubevirtv1.VirtualMachineInstanceNetworkInterface{{Name: "default", InfoSource: "domain"}}
	}
	vmi.Status.Interfaces[0].IP = active.Status.PodIP
	vmi.Status.Interfaces[0].IPs = []string{active.Status.PodIP}
}

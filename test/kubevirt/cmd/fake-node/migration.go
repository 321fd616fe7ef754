package main

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
)

// copyDuration is how long the copying of a guest's memory takes. It is longer
// than a scrape interval of the tests, so that both launchers are seen running.
const copyDuration = 5 * time.Second

// migrate takes a live migration a step further. virt-controller makes the target
// pod of a VirtualMachineInstanceMigration, and hands over to virt-handler when
// that pod runs: from then on the steps are those of virt-handler's
// migration-target.go and migration-source.go, one write each.
//
// A VMI must not come back to a node where its finished source pod still is:
// status.activePods names that one too, and the exporter would see two launchers.
func (g *guests) migrate(vmi *kubevirtv1.VirtualMachineInstance) {
	m := vmi.Status.MigrationState
	if m == nil || m.Failed || vmi.Labels[kubevirtv1.MigrationTargetNodeNameLabel] == "" {
		return
	}
	switch {
	case m.TargetNodeAddress == "": // The target listens.
		m.TargetNodeAddress = g.addresses[m.TargetNode].String()
	case m.StartTimestamp == nil: // The source copies.
		m.StartTimestamp = now()
	case m.EndTimestamp == nil:
		if left := time.Until(m.StartTimestamp.Add(copyDuration)); left > 0 {
			g.queue.AddAfter(keyOf(vmi), left)
			return
		}
		handOver(vmi)
	case !m.Completed:
		m.Completed = true
	default: // The target's virt-handler needs not look at it twice any more.
		delete(vmi.Labels, kubevirtv1.MigrationTargetNodeNameLabel)
	}
}

// handOver gives a VMI to the target, as ackMigrationCompletion does: everything
// that tells where the VMI is changes in one write.
func handOver(vmi *kubevirtv1.VirtualMachineInstance) {
	m := vmi.Status.MigrationState
	m.TargetNodeDomainDetected = true
	m.TargetNodeDomainReadyTimestamp = now()
	m.EndTimestamp = now()
	vmi.Labels[kubevirtv1.NodeNameLabel] = m.TargetNode
	vmi.Status.NodeName = m.TargetNode
	delete(vmi.Labels, kubevirtv1.OutdatedLauncherImageLabel)
	vmi.Status.LauncherContainerImageVersion = ""
	vmi.Status.EvacuationNodeName = ""
	vmi.Status.MigrationTransport = kubevirtv1.MigrationTransportUnix
}

// isLeft tells whether a pod is one that its guest has migrated away from. Its
// launcher ends by itself, and the pod stays.
func isLeft(pod *corev1.Pod, vmi *kubevirtv1.VirtualMachineInstance) bool {
	m := vmi.Status.MigrationState
	return m != nil && m.EndTimestamp != nil && !m.Failed && pod.Name == m.SourcePod
}

// isMigrationTarget tells whether a pod was made for a migration.
func isMigrationTarget(pod *corev1.Pod) bool {
	return pod.Labels[kubevirtv1.MigrationJobLabel] != ""
}

func now() *metav1.Time {
	t := metav1.Now()
	return &t
}

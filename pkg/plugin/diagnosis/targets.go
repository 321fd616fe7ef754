package diagnosis

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubevirtv1 "kubevirt.io/api/core/v1"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
	"guest-metrics-server/pkg/inventory"
)

// target is a pool or a replica set that an HPA scales.
type target struct {
	object      Object
	replicas    int32
	paused      bool
	selector    labels.Selector   // Which the HPA finds pods by.
	podLabels   map[string]string // That the template gives to launcher pods.
	annotations map[string]string // That the template gives to VMIs.
	vcpus       int32             // Of the template, 0 if it does not say.
	scaleIn     string            // unmanaged or opportunistic, "" if VMs are removed.
	scaleInBy   bool              // Scale-in selects VMs by labels or nodes.
}

// targetsOf returns the pools and replica sets that were read.
func targetsOf(x *Snapshot) []*target {
	var all []*target
	for i := range x.Pools.Items {
		pool := &x.Pools.Items[i]
		t := &target{
			object:   Object{inventory.Pools.Kind, pool.Namespace, pool.Name},
			replicas: replicasOf(pool.Spec.Replicas),
			paused:   pool.Spec.Paused,
			selector: selectorOf(pool.Spec.Selector),
		}
		if pool.Spec.VirtualMachineTemplate != nil {
			t.readTemplate(pool.Spec.VirtualMachineTemplate.Spec.Template)
		}
		if s := pool.Spec.ScaleInStrategy; s != nil {
			switch {
			case s.Unmanaged != nil:
				t.scaleIn = "unmanaged"
			case s.Opportunistic != nil:
				t.scaleIn = "opportunistic"
			case s.Proactive != nil && s.Proactive.SelectionPolicy != nil:
				t.scaleInBy = s.Proactive.SelectionPolicy.Selectors != nil
			}
		}
		all = append(all, t)
	}
	for i := range x.ReplicaSets.Items {
		set := &x.ReplicaSets.Items[i]
		t := &target{
			object:   Object{inventory.ReplicaSets.Kind, set.Namespace, set.Name},
			replicas: replicasOf(set.Spec.Replicas),
			paused:   set.Spec.Paused,
			selector: selectorOf(set.Spec.Selector),
		}
		t.readTemplate(set.Spec.Template)
		all = append(all, t)
	}
	return all
}

func replicasOf(replicas *int32) int32 {
	if replicas == nil {
		return 1
	}
	return *replicas
}

// selectorOf returns a selector of nothing when it cannot be understood, which the
// API server does not let happen.
func selectorOf(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

func (t *target) readTemplate(template *kubevirtv1.VirtualMachineInstanceTemplateSpec) {
	if template == nil {
		return
	}
	t.podLabels, t.annotations = template.ObjectMeta.Labels, template.ObjectMeta.Annotations
	t.vcpus = vcpus(template.Spec.Domain.CPU)
}

// vcpus returns the number of vCPUs that a domain asks for, 0 if it does not say:
// then an instance type or a request does.
func vcpus(cpu *kubevirtv1.CPU) int32 {
	if cpu == nil || cpu.Cores == 0 && cpu.Sockets == 0 && cpu.Threads == 0 {
		return 0
	}
	return int32(max(cpu.Cores, 1) * max(cpu.Sockets, 1) * max(cpu.Threads, 1)) // Bounded by what machines have.
}

func (x *examination) findTarget(object Object) *target {
	for _, t := range x.targets {
		if t.object == object {
			return t
		}
	}
	return nil
}

// members returns the metrics of the target's VMIs.
func (x *examination) members(t *target) []*v1alpha1.VirtualMachineInstanceMetrics {
	owned := make(map[string]bool)
	isPool := t.object.Kind == inventory.Pools.Kind
	for i := range x.VMs.Items {
		vm := &x.VMs.Items[i]
		if owner := metav1.GetControllerOf(vm); isPool && owner != nil && vm.Namespace == t.object.Namespace && owner.Kind == t.object.Kind && owner.Name == t.object.Name {
			owned[vm.Name] = true
		}
	}
	for i := range x.VMIs.Items {
		vmi := &x.VMIs.Items[i]
		if owner := metav1.GetControllerOf(vmi); !isPool && owner != nil && vmi.Namespace == t.object.Namespace && owner.Kind == t.object.Kind && owner.Name == t.object.Name {
			owned[vmi.Name] = true
		}
	}
	var members []*v1alpha1.VirtualMachineInstanceMetrics
	for i := range x.VMIMetrics.Items {
		if m := &x.VMIMetrics.Items[i]; m.Namespace == t.object.Namespace && owned[m.Name] {
			members = append(members, m)
		}
	}
	return members
}

// isTargetKind reports whether an API version and kind are of a pool or replica set.
func isTargetKind(apiVersion, kind string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group == inventory.Pools.Group && kind == inventory.Pools.Kind ||
		group == inventory.ReplicaSets.Group && kind == inventory.ReplicaSets.Kind
}

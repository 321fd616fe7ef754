package guests

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"guest-metrics-server/pkg/api/guestmetrics/v1alpha1"
)

// Namespace holds the VMIs of a namespace and what they belong to.
type Namespace struct {
	Metrics  []v1alpha1.VirtualMachineInstanceMetrics // in the order of their names
	VMIs     []metav1.PartialObjectMetadata
	VMs      []metav1.PartialObjectMetadata
	Pods     []corev1.Pod // launcher pods
	Services []corev1.Service

	unread map[string]bool // resources that could not be read
}

// needs are the resources without which the VMIs of a kind are not known.
var needs = map[string][]string{
	"Namespace": nil, "VirtualMachineInstance": nil, "Pod": nil,
	"Service":            {"services", "pods"},
	"VirtualMachinePool": {VMIResource.Resource, VMResource.Resource},
}

// Of returns the VMIs of an object, in the order of their names. It is nil only
// where they cannot be known.
func (n *Namespace) Of(kind, name string) []v1alpha1.VirtualMachineInstanceMetrics {
	needed, ok := needs[kind]
	if !ok {
		needed = []string{VMIResource.Resource} // That the object owns.
	}
	for _, resource := range needed {
		if n.unread[resource] {
			return nil
		}
	}
	return n.filter(n.belongs(kind, name))
}

// filter is never nil.
func (n *Namespace) filter(has func(v1alpha1.VirtualMachineInstanceMetrics) bool) []v1alpha1.VirtualMachineInstanceMetrics {
	members := []v1alpha1.VirtualMachineInstanceMetrics{}
	for _, m := range n.Metrics {
		if has(m) {
			members = append(members, m)
		}
	}
	return members
}

// belongs returns what reports whether a VMI belongs to an object.
func (n *Namespace) belongs(kind, name string) func(v1alpha1.VirtualMachineInstanceMetrics) bool {
	switch kind {
	case "Namespace":
		return func(v1alpha1.VirtualMachineInstanceMetrics) bool { return true }
	case "VirtualMachineInstance":
		return func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return m.Name == name }
	case "Pod":
		return func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return m.Pod == name }
	case "Service":
		pods := n.behind(name)
		return func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return m.Pod != "" && pods[m.Pod] }
	case "VirtualMachinePool":
		vms := names(ownedBy(n.VMs, kind, name))
		return inVMIs(slices.DeleteFunc(slices.Clone(n.VMIs), func(vmi metav1.PartialObjectMetadata) bool {
			owner := metav1.GetControllerOf(&vmi)
			return owner == nil || owner.Kind != "VirtualMachine" || !vms[owner.Name]
		}))
	default:
		return inVMIs(ownedBy(n.VMIs, kind, name))
	}
}

func inVMIs(vmis []metav1.PartialObjectMetadata) func(v1alpha1.VirtualMachineInstanceMetrics) bool {
	in := names(vmis)
	return func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return in[m.Name] }
}

func ownedBy(objects []metav1.PartialObjectMetadata, kind, name string) []metav1.PartialObjectMetadata {
	var owned []metav1.PartialObjectMetadata
	for _, o := range objects {
		if owner := metav1.GetControllerOf(&o); owner != nil && owner.Kind == kind && owner.Name == name {
			owned = append(owned, o)
		}
	}
	return owned
}

func names(objects []metav1.PartialObjectMetadata) map[string]bool {
	names := make(map[string]bool, len(objects))
	for _, o := range objects {
		names[o.Name] = true
	}
	return names
}

// behind are the names of the launcher pods that a Service selects.
func (n *Namespace) behind(service string) map[string]bool {
	pods := make(map[string]bool)
	for _, s := range n.Services {
		if s.Name != service || len(s.Spec.Selector) == 0 {
			continue
		}
		selector := labels.SelectorFromSet(s.Spec.Selector)
		for _, pod := range n.Pods {
			if selector.Matches(labels.Set(pod.Labels)) {
				pods[pod.Name] = true
			}
		}
	}
	return pods
}

// InPods returns the VMIs that control one of the pods, in the order of their
// names. It is never nil.
func (n *Namespace) InPods(pods []corev1.Pod) []v1alpha1.VirtualMachineInstanceMetrics {
	owners := make(map[string]bool)
	for _, pod := range pods {
		if owner := metav1.GetControllerOf(&pod); owner != nil && owner.Kind == "VirtualMachineInstance" {
			owners[owner.Name] = true
		}
	}
	return n.filter(func(m v1alpha1.VirtualMachineInstanceMetrics) bool { return owners[m.Name] })
}
